"""The table of a run: to read on a terminal, and as Markdown for the pages."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

import p2p_market
from benchmarks.cases import HEADLINES, Goal, Row

HEADS = ("phase", "what", "book", "B x N", "rate", "time or memory", "x floor", "floor", "goal")
PACKAGES = ("numpy", "polars", "pandas", "gymnasium", "pettingzoo")
WIDTHS = (11, 34, 18, 12, 24, 15, 9, 30, 1)


def machine() -> str:
    """What ran it, in a line: processor, system, versions."""
    model = platform.processor() or platform.machine()
    description = Path("/proc/cpuinfo")
    if description.exists():  # on Linux, where platform knows no more than the architecture
        names = [
            line.partition(":")[2] for line in description.read_text().splitlines() if line.startswith("model name")
        ]
        model = " ".join([*(name.strip() for name in names[:1]), model])
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return (
        f"One core of {os.cpu_count()}, {model}, {platform.system()}; "
        f"Python {platform.python_version()}, {versions}, p2p_market {p2p_market.__version__}"
    )


def number(value: float) -> str:
    """Three figures and a prefix: ``4_560_000`` is ``4.56 M``."""
    for size, prefix in ((1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, ""), (1e-3, " m"), (1e-6, " µ"), (1e-9, " n")):
        if abs(value) >= size:
            return f"{significant(value / size)}{prefix}"
    return significant(value)


def significant(value: float) -> str:
    """Three figures: 0.0123, 1.23, 12.3, 123, and all there are of 1,234."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def quantity(value: float, unit: str) -> str:
    """A number with a prefix and a unit, with a space between."""
    text = number(value)
    return f"{text}{unit}" if text[-1].isalpha() else f"{text} {unit}"


def cells(row: Row) -> tuple[str, ...]:
    """A row as text, a cell a column of `HEADS`."""
    case = row.case
    return (
        case.phase,
        case.what,
        case.book,
        f"{case.num_markets} x {case.num_households:,}" if case.num_households else "",
        f"{number(row.value('rate'))} {row.unit}/s" if row.count else "",
        quantity(row.cost, "B" if row.is_memory else "s"),
        significant(row.value("ratio")),
        case.floor,
        "; ".join(_judged(goal, row) for goal in case.goals),
    )


def _judged(goal: Goal, row: Row) -> str:
    return f"{_bound(goal, row)}: {'met' if goal.is_met(row.value(goal.figure)) else 'not met'}"


def _bound(goal: Goal, row: Row) -> str:
    match goal.figure:
        case "rate":
            return f"at least {number(goal.bound)}/s"
        case "ratio":
            return f"at most {goal.bound:g} x"
        case "cost":
            return f"at most {quantity(goal.bound, 'B' if row.is_memory else 's')}"
        case "excess":
            return f"at most {quantity(goal.bound, 's')} more"


def line(texts: Sequence[str]) -> str:
    """One line of the terminal's table."""
    return " ".join(f"{text:<{width}}" for text, width in zip(texts, WIDTHS, strict=True)).rstrip()


def markdown(rows: Iterable[Row], heads: Sequence[str] = HEADS) -> str:
    """A Markdown table of some of the columns; goals that are not met stand out."""
    places = [HEADS.index(head) for head in heads]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for row in rows:
        texts = cells(row)
        lines.append("| " + " | ".join(texts[place].replace("not met", "**not met**") for place in places) + " |")
    return "\n".join(lines)


def headlines(rows: Iterable[Row]) -> str:
    """The README's table: its own words, rates, and multiples of the floor, with the machine under it."""
    lines = ["| what | rate | time | times its floor |", "| --- | ---: | ---: | ---: |"]
    by_key = {row.case.key: row for row in rows}
    for key, words in HEADLINES.items():
        _, _, _, _, rate, time, ratio, floor, _ = cells(by_key[key])
        lines.append(f"| {words} | {rate} | {time} | {ratio} x {floor} |")
    return "\n".join([*lines, "", f"{machine()}."])


def summary(rows: Iterable[Row]) -> str:
    """How many goals are met, and which are not."""
    missed, total = [], 0
    for row in rows:
        for goal in row.case.goals:
            total += 1
            if not goal.is_met(row.value(goal.figure)):
                missed.append(f"  {row.case.key}: {_bound(goal, row)}, measured {_measured(goal, row)}")
    return "\n".join([f"{total - len(missed)} of {total} goals met", *missed])


def _measured(goal: Goal, row: Row) -> str:
    value = row.value(goal.figure)
    if goal.figure == "ratio":
        return f"{significant(value)} x"
    if goal.figure == "rate":
        return f"{number(value)}/s"
    return quantity(value, "B" if row.is_memory else "s")


def phases(rows: Iterable[Row]) -> list[str]:
    """Names of the phases, in the order of their first rows."""
    return list(dict.fromkeys(row.case.phase for row in rows))


def of_phase(rows: Iterable[Row], phase: str) -> list[Row]:
    """The rows of a phase."""
    return [row for row in rows if row.case.phase == phase]
