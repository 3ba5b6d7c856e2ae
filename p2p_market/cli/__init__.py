"""The command line ``p2p-market``: a thin layer that parses, calls the library, and prints."""

from p2p_market.cli.main import main

__all__ = ["main"]
