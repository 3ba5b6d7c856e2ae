"""Other projects on the same work, each in a virtual environment of its own, beside this one in the same run.

    python -m benchmarks.peers             # all of them; the first time installs them, some minutes
    python -m benchmarks.peers pymarket    # one of them
    python -m benchmarks.peers --write     # put the tables into docs/speed.md

Nothing is installed into the environment that runs this. What does not install or run is reported, and the others go
on. Times are medians of processor time on one core.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import p2p_market
from benchmarks import report
from benchmarks.books import draw_book
from benchmarks.measure import medians
from benchmarks.pages import ROOT, write_between_marks
from benchmarks.stepping import EPISODE, play_dicts, step_call
from p2p_market.data.synthetic import synthetic_community

SCRIPTS = Path(__file__).parent / "peer_scripts"
SIZES, QUICK_SIZES = (10, 100, 300, 1000), (10,)
NUM_BOOKS = 20
NUM_MARKETS = 64
LONGEST = 900  # seconds for an installation or a run


@dataclass(frozen=True)
class Peer:
    """Another project, and how to run it.

    Parameters
    ----------
    name
        Its name in the package registry.
    requirements
        What pip installs, with dependencies.
    alone
        What pip installs without them, where they bring in far more than the work needs.
    script
        The file in ``peer_scripts`` that runs it.
    mechanisms
        Its mechanisms that have a counterpart here, by name; none for an environment.
    """

    name: str
    requirements: tuple[str, ...]
    script: str
    alone: tuple[str, ...] = ()
    mechanisms: tuple[tuple[str, str], ...] = ()


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "pymarket",
            ("pymarket", "pandas<3"),  # it writes into arrays that pandas 3 hands out read-only
            "pymarket_clear.py",
            mechanisms=(("huang", "huang"), ("muda", "muda")),
        ),
        Peer(
            "assume-framework",
            ("assume-framework",),
            "assume_clear.py",
            mechanisms=(("pay_as_clear", "uniform_price"), ("pay_as_bid", "pay_as_bid")),
        ),
        Peer(
            "citylearn",
            # its dependencies without torch, torchvision and OpenStudio, which only its learners and data makers use
            (
                "gymnasium<=0.28.1",
                "numpy<2",
                "pandas",
                "platformdirs",
                "pyyaml",
                "requests",
                "scikit-learn<=1.2.2",
                "simplejson",
            ),
            "citylearn_step.py",
            alone=("citylearn",),
        ),
    )
}


class PeerError(Exception):
    """A peer that did not install or run; the message is the reason."""


def install(peer: Peer, folder: Path) -> tuple[Path, str]:
    """Make the peer's virtual environment, unless it is there; return its interpreter and the peer's version.

    Raises
    ------
    PeerError
        If it does not install.
    """
    home = folder / peer.name
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    stamp = home / "installed.json"
    wanted = json.dumps([peer.requirements, peer.alone])
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"installing {peer.name} into {home} ...", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(home)])
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *peer.requirements])
        if peer.alone:
            _run([*pip, "--no-deps", *peer.alone])
        stamp.write_text(wanted, encoding="utf-8")
    version = _run([str(python), "-c", f"import importlib.metadata as m; print(m.version({peer.name!r}))"])
    return python, version.strip()


def _run(command: list[str], folder: Path | None = None) -> str:
    """Run a command in a folder and return what it printed; PeerError with its last words if it fails."""
    try:
        finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST, cwd=folder)  # noqa: S603 (our own)
    except subprocess.TimeoutExpired:
        raise PeerError(f"took longer than {LONGEST} s: {' '.join(command[:4])} ...") from None
    if finished.returncode != 0:
        words = (finished.stderr or finished.stdout).strip().splitlines() or ["no message"]
        raise PeerError(words[-1])
    return finished.stdout


def _figures(python: Path, peer: Peer, **arrays: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input.npz"
        np.savez(path, **arrays)
        printed = _run([str(python), str(SCRIPTS / peer.script), str(path)], Path(folder))
    try:
        figures: dict[str, Any] = json.loads(printed.strip().rpartition("\n")[2])
    except json.JSONDecodeError:
        raise PeerError(f"{peer.script} printed no figures") from None
    return figures


CLEARING_HEADS = (
    "mechanism",
    "N",
    "its rate",
    "`clear`, book by book",
    "`clear`, all at once",
    "times as fast",
    "volume, its / ours",
)
STEPPING_HEADS = (
    "N",
    "its rate",
    "`AuctionEnv`",
    f"`AuctionVectorEnv`, {NUM_MARKETS} markets",
    "times as fast",
    "to build, its / ours",
)


def compare_clearing(peer: Peer, python: Path, sizes: tuple[int, ...]) -> list[tuple[str, ...]]:
    """The same books through the peer's mechanisms and ours, a line a mechanism and size."""
    lines = []
    for n in sizes:
        book = draw_book("random", NUM_BOOKS, n).on_grid()
        figures = _figures(python, peer, price=book.price, quantity=book.quantity)
        for theirs, ours in peer.mechanisms:
            alone, together, traded = _our_clearing(ours, book.price, book.quantity)
            rates = n / figures["seconds"][theirs], n / alone, NUM_BOOKS * n / together
            lines.append(
                (
                    f"{theirs}, here {ours}",
                    str(n),
                    *(f"{report.number(rate)} orders/s" for rate in rates),
                    f"{report.significant(rates[1] / rates[0])}; {report.significant(rates[2] / rates[0])}",
                    report.significant(figures["traded"][theirs] / traded) if traded else "",
                )
            )
    return lines


def _our_clearing(mechanism: str, price: Any, quantity: Any) -> tuple[float, float, float]:
    """Seconds a book one by one, seconds for all in one call, and what is traded in all [kWh]."""
    options = {"seed": 0} if mechanism == "muda" else {}

    def all_at_once() -> Any:
        return p2p_market.clear(price, quantity, mechanism, **options)

    def one_by_one() -> Any:
        return [p2p_market.clear(*book, mechanism, **options) for book in zip(price, quantity, strict=True)]

    seconds = medians({"alone": one_by_one, "together": all_at_once}, 0.5)
    return seconds["alone"] / len(price), seconds["together"], float(all_at_once().traded.sum())


def compare_stepping(peer: Peer, python: Path, sizes: tuple[int, ...]) -> list[tuple[str, ...]]:
    """The same households through the peer's environment and ours, a line a size."""
    lines = []
    for n in sizes:
        data = synthetic_community(n, days=9)
        figures = _figures(python, peer, demand=data.demand, pv=data.pv)
        options = {"data_container": data, "overrides": {**EPISODE, "street.num_households": n}}
        start = time.process_time()
        env = p2p_market.parallel_env(**options)
        building = time.process_time() - start
        batched = p2p_market.vector_env(num_envs=NUM_MARKETS, **options)
        seconds = medians({"dicts": play_dicts(env), "arrays": step_call(batched)}, 0.5)
        rates = n / figures["step"], n / seconds["dicts"], NUM_MARKETS * n / seconds["arrays"]
        lines.append(
            (
                str(n),
                *(f"{report.number(rate)} agent-steps/s" for rate in rates),
                f"{report.significant(rates[1] / rates[0])}; {report.significant(rates[2] / rates[0])}",
                f"{report.quantity(figures['build'], 's')} / {report.quantity(building, 's')}",
            )
        )
    return lines


def compare(peer: Peer, folder: Path, sizes: tuple[int, ...]) -> str:
    """One peer's table as Markdown under its name and version, or the reason why there is none."""
    try:
        python, version = install(peer, folder)
        title = f"**{peer.name} {version}**"
        if peer.mechanisms:
            heads, lines = CLEARING_HEADS, compare_clearing(peer, python, sizes)
        else:
            heads, lines = STEPPING_HEADS, compare_stepping(peer, python, sizes)
    except PeerError as reason:
        return f"**{peer.name}**: did not run here: {reason}"
    table = [f"| {' | '.join(each)} |" for each in (heads, ["---"] * len(heads), *lines)]
    return "\n".join([title, "", *table])


def main() -> None:
    """Read the options, and run the peers one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", nargs="*", metavar="peer", help=f"any of {', '.join(PEERS)}; all by default")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "peers", help="where to make the environments")
    parser.add_argument("--quick", action="store_true", help=f"only N = {QUICK_SIZES[0]}")
    parser.add_argument("--write", action="store_true", help="write the tables of docs/speed.md")
    options = parser.parse_args()
    names = tuple(options.peers) or tuple(PEERS)
    unknown = sorted(set(names) - set(PEERS))
    if unknown:
        parser.error(f"no peer is called {unknown[0]!r}; expected any of {', '.join(PEERS)}")
    if options.write and (options.quick or set(names) != set(PEERS)):
        parser.error("--write shows one run of all peers at all sizes; leave --quick and the names out")
    texts = [f"{report.machine()}."]
    for name in names:
        texts.append(compare(PEERS[name], options.folder.resolve(), QUICK_SIZES if options.quick else SIZES))
        print(f"{texts[-1]}\n", flush=True)
    if options.write:
        write_between_marks(ROOT / "docs" / "speed.md", "peers", "\n\n".join(texts))


if __name__ == "__main__":
    main()
