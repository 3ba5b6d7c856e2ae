"""A market as text: the order book's ladder, what was traded, who traded most, and what the grid did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

import numpy as np

from p2p_market.types import IntArray
from p2p_market.view.book import Book, Rung, rung_step, rungs
from p2p_market.view.clock import interval_name
from p2p_market.view.scene import Scene

WIDTH = 78
_LEVELS = 8
_TRADERS = 5
_BAR = 26
_NAME = 18


# What a line begins with, and how it looks on a terminal: yellow and blue-green are told apart by everybody.
_LOOKS = (
    ("  ask ", "33"),
    ("  bid ", "36"),
    ("  --- ", "1;32"),
    ("Order book ", "1"),
    ("Largest ", "1"),
    ("-----", "2"),
)


def describe(scene: Scene, *, coloured: bool = False) -> str:
    """Describe a scene in lines of at most 78 ASCII characters; without a newline at the end.

    ``coloured`` adds the colours of a terminal, and changes nothing else.
    """
    lines = _head(scene)
    if scene.book is None:
        lines += _coming(scene)
    else:
        lines += _ladder(scene.book, scene.mechanism)
        lines += [*_traders(scene), "", *_sums(scene)]
    plain = [line.rstrip() for line in lines]
    return "\n".join(map(_painted, plain) if coloured else plain)


def _painted(line: str) -> str:
    look = next((look for start, look in _LOOKS if line.startswith(start)), "")
    return f"\x1b[{look}m{line}\x1b[0m" if look else line


def _head(scene: Scene) -> list[str]:
    num_households, num_prosumers = len(scene.names), int(scene.has_pv.sum())
    noun = "household" if num_households == 1 else "households"
    # `elapsed` can pass the horizon: the controller plays on when it is asked to
    place = f"interval {scene.elapsed + 1} of {max(scene.horizon, scene.elapsed + 1)}"
    band = f"prices {scene.price_low:.4f} to {scene.price_high:.4f} $/kWh"
    return [
        _ends(interval_name(scene.start, scene.minutes), place),
        _ends(f"{num_households} {noun}, {num_prosumers} with PV; {scene.mechanism}", band),
        "-" * WIDTH,
    ]


def _coming(scene: Scene) -> list[str]:
    buyers, sellers = int((scene.net_load > 0.0).sum()), int((scene.net_load < 0.0).sum())
    return [
        "No auction yet. In the coming interval",
        f"  {_count(buyers, 'needs', 'need')} {scene.needed:.3f} kWh",
        f"  {_count(sellers, 'has', 'have')} {scene.to_spare:.3f} kWh to spare",
    ]


def _ladder(book: Book, mechanism: str) -> list[str]:
    if book.is_pool:
        asked, offered = book.bids.total, book.asks.total
        return [
            f"No prices are bid under {mechanism}: {asked:.3f} kWh needed, {offered:.3f} kWh to spare",
            f"Traded {book.traded:.3f} kWh",
        ]
    step = rung_step(book, _LEVELS)
    asks, bids = rungs(book.asks, step)[::-1], rungs(book.bids, step)
    longest = max((rung.quantity for rung in (*asks, *bids)), default=0.0)
    header = f"{'Order book':<6} {'$/kWh':>16}  {'kWh':>9}  {'matched':>9}   # matched  . not matched"
    lines = [header]
    lines += [_rung("ask", rung, longest) for rung in asks] or ["  no asks"]
    lines += _result(book)
    lines += [_rung("bid", rung, longest) for rung in bids] or ["  no bids"]
    return lines


def _result(book: Book) -> list[str]:
    if book.traded <= 0.0:
        return [_rule(" ".join(book.why_no_trade().split()))]
    price = f"{book.mean_price:.4f} $/kWh" if book.has_one_price else f"{book.mean_price:.4f} $/kWh on average"
    lines = [_rule(f"{book.traded:.3f} kWh traded at {price}")]
    if np.isfinite(book.clears_from):
        low, high = f"{book.clears_from:.4f}", f"{book.clears_to:.4f}"
        lines.append(
            _rule(f"only {low} clears the market" if low == high else f"prices {low} to {high} clear the market")
        )
    return lines


def _rung(side: str, rung: Rung, longest: float) -> str:
    price = f"{rung.low:.4f}" if rung.low == rung.high else f"{rung.low:.4f} to {rung.high:.4f}"
    marks = max(1, round(_BAR * rung.quantity / longest))
    matched = round(marks * rung.filled / rung.quantity)
    return (
        f"  {side} {price:>21}  {rung.quantity:>9.3f}  {rung.filled:>9.3f}   {'#' * matched}{'.' * (marks - matched)}"
    )


def _traders(scene: Scene) -> list[str]:
    buyers, sellers = _largest(scene, +1.0), _largest(scene, -1.0)
    if not len(buyers):
        return []
    half = f"{{:<{_NAME}}} {{:>8}} {{:>7}}"
    header = half.format("Largest buyers", "kWh", "$/kWh"), half.format("Largest sellers", "kWh", "$/kWh")
    rows = [("", ""), header]
    for buyer, seller in zip_longest(_trades(scene, buyers), _trades(scene, sellers), fillvalue=("", "", "")):
        rows.append((half.format(*buyer), half.format(*seller)))
    return [f"{left}    {right}" for left, right in rows]


def _largest(scene: Scene, sign: float) -> IntArray:
    energy = sign * scene.filled
    best_first = np.argsort(-energy, kind="stable")
    return best_first[energy[best_first] > 0.0][:_TRADERS]


def _trades(scene: Scene, households: Iterable[int]) -> list[tuple[str, str, str]]:
    return [(_short(scene.names[i]), f"{abs(scene.filled[i]):.3f}", f"{scene.unit_price[i]:.4f}") for i in households]


def _sums(scene: Scene) -> Sequence[str]:
    bill, alone = float(scene.bill.sum()), float(scene.grid_only_bill.sum())
    return (
        f"Grid   {scene.grid_import.sum():.3f} kWh bought, {scene.grid_export.sum():.3f} kWh sold",
        f"Bills  {_dollars(bill)}, with the grid alone {_dollars(alone)}, saved {_dollars(scene.saving)}",
    )


def _count(number: int, one: str, many: str) -> str:
    return f"1 household {one}" if number == 1 else f"{number} households {many}"


def _dollars(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f} $"


def _short(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 2] + ".."


def _ends(left: str, right: str) -> str:
    return f"{left}{right:>{max(WIDTH - len(left), len(right) + 2)}}"


def _rule(text: str) -> str:
    return f"  --- {text} ".ljust(WIDTH, "-")
