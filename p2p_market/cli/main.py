"""Dispatch of the commands, and the one place where errors become messages."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import tyro

from p2p_market._version import __version__
from p2p_market.cli.catalogue import list_parts, validate
from p2p_market.cli.compare import compare
from p2p_market.cli.cross_play import cross_play
from p2p_market.cli.evaluate import evaluate
from p2p_market.cli.export import export
from p2p_market.cli.report import report
from p2p_market.cli.simulate import run
from p2p_market.cli.train import train
from p2p_market.cli.view import view
from p2p_market.errors import P2PMarketError

_DESCRIPTION = (
    "Peer-to-peer energy trading on a street of households: simulate markets, train learners, handle data. "
    "COMMAND --help explains a command; --version prints the version."
)
_DATA_DESCRIPTION = "Household data: download the Ausgrid files, look at them, convert them, or generate a community."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, 1 for an error in what was asked, 2 for a wrong command line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["--version"]:
            print(f"p2p-market {__version__}")
        elif words[:1] == ["data"]:
            from p2p_market.cli.data import COMMANDS  # noqa: PLC0415 (polars loads only for these)

            _dispatch(COMMANDS, words[1:] or ["--help"], "p2p-market data", _DATA_DESCRIPTION)
        else:
            commands: dict[str, Callable[..., None]] = {
                "run": run,
                "compare": compare,
                "train": train,
                "evaluate": evaluate,
                "cross-play": cross_play,
                "export": export,
                "report": report,
                "view": view,
                "list": list_parts,
                "validate": validate,
                "data": _data_help,
            }
            _dispatch(commands, words or ["--help"], "p2p-market", _DESCRIPTION)
    except P2PMarketError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone, as under `| head`
        return 0
    return 0


def _dispatch(commands: dict[str, Callable[..., Any]], words: list[str], program: str, description: str) -> None:
    tyro.extras.subcommand_cli_from_dict(
        commands,
        prog=program,
        description=description,
        args=words,
        config=(tyro.conf.FlagCreatePairsOff,),
    )


def _data_help() -> None:
    """Handle household data: fetch, info, convert, synthesise."""
