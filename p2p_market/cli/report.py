"""``p2p-market report``: a page that shows a run, or several beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro


def report(
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")],
    *,
    output: Annotated[Path | None, tyro.conf.arg(metavar="FILE.html", help_behavior_hint="")] = None,
    page_only: bool = False,
    quiet: bool = False,
) -> None:
    """Write one HTML file that shows runs, which needs nothing else to be read, and its figures as SVG and PNG.

    Parameters
    ----------
    runs
        Folders that run or train has written; with several, they are compared, the first being the reference.
    output
        The page; default report.html in the run's folder, or beside the first run's folder where there are several.
        Figures go to a folder beside it, report_figures for report.html.
    page_only
        Write the page alone, without the figures as files.
    quiet
        Print nothing but errors.
    """
    from p2p_market.report import figure_folder, write_report  # noqa: PLC0415 (a wrong command line is told at once)

    page = write_report(runs, output, figures=not page_only)
    if quiet:
        return
    print(f"written: {page}")
    if not page_only:
        print(f"figures: {figure_folder(page)}")
