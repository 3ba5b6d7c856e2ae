"""Reports: one HTML file that shows finished runs, alone or beside each other, and the same figures as pictures."""

from p2p_market.report.writing import figure_folder, write_report

__all__ = ["figure_folder", "write_report"]
