"""``p2p-market view``: play a run back in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console


def view(
    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    *,
    host: Annotated[str, tyro.conf.arg(metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, tyro.conf.arg(metavar="PORT")] = 0,
    no_browser: bool = False,
) -> None:
    """Play a run back in the browser: the street, its trades, supply and demand, interval by interval.

    Parameters
    ----------
    run
        Folder that p2p-market run wrote.
    host
        Address to serve the page at; any but the default lets other machines see the run.
    port
        Port to serve it at; 0 takes a free one.
    no_browser
        Print the address and open nothing.
    """
    from p2p_market.replay.browser import open_browser  # noqa: PLC0415 (polars loads only where it is used)
    from p2p_market.replay.recorded import RecordedRun  # noqa: PLC0415 (the same)
    from p2p_market.replay.server import ReplayServer  # noqa: PLC0415 (the same)

    source = RecordedRun(run)
    console = Console()
    with ReplayServer(source, host, port) as server:
        text = f"{source.name} is at {server.address} until Ctrl+C"
        console.print(text, soft_wrap=True, highlight=False, markup=False)
        if not no_browser:
            open_browser(server.address)
        try:
            server.wait()
        except KeyboardInterrupt:
            console.print("closed")
