"""How fast everything is, beside the floors that NumPy, polars and the interfaces set.

    python -m benchmarks.speed                   # everything: some minutes
    python -m benchmarks.speed core pettingzoo   # some groups of cases
    python -m benchmarks.speed --quick           # small cases, only to see that they run
    python -m benchmarks.speed --compare         # what moved against the record of ratios; --check fails on it
    python -m benchmarks.speed --record --write  # renew the record, and the tables of README and docs/speed.md

Times are medians of processor time on one core; a case and its floor take turns, so that their ratio holds on a busy
machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from collections.abc import Callable, Iterable

from benchmarks import report
from benchmarks.cases import GROUPS, Case, Row, cases
from benchmarks.clearing import measure_clearing, measure_growth_of_clearing
from benchmarks.measure import Effort
from benchmarks.pages import ROOT, write_between_marks
from benchmarks.processes import measure_loader, measure_start
from benchmarks.ratios import RECORD, TOLERANCE, moved, read_record, write_record
from benchmarks.stepping import (
    measure_growth_of_step,
    measure_memory,
    measure_pettingzoo,
    measure_reset,
    measure_step,
    measure_year,
)

Measure = Callable[[Case, Effort], Row]


def _measure_growth(case: Case, effort: Effort) -> Row:
    return (measure_growth_of_clearing if case.what == "core" else measure_growth_of_step)(case, effort)


MEASURES: dict[str, Measure] = {
    **dict.fromkeys(("core", "clear", "single", "mechanisms", "floors"), measure_clearing),
    "step": measure_step,
    "reset": measure_reset,
    "pettingzoo": measure_pettingzoo,
    "growth": _measure_growth,
    "memory": measure_memory,
    "year": measure_year,
    "loader": measure_loader,
    "start": measure_start,
}


def measure(chosen: Iterable[Case], effort: Effort) -> list[Row]:
    """Measure cases one by one, and print each as it comes."""
    print(report.machine())
    print(report.line(report.HEADS))
    rows = []
    for case in chosen:
        rows.append(MEASURES[case.phase](case, effort))
        print(report.line(report.cells(rows[-1])), flush=True)
    return rows


def compare(rows: list[Row], groups: tuple[str, ...], effort: Effort) -> bool:
    """Print what moved against the record; cases that seem to have are measured once more, and the nearer one counts.

    Returns whether nothing moved.
    """
    wanted = {case.key for case in cases(groups)}
    recorded = {key: ratio for key, ratio in read_record().items() if groups == GROUPS or key in wanted}
    measured = {row.case.key: row.value("ratio") for row in rows if row.case.is_recorded}
    doubtful = {move.key for move in moved(recorded, measured) if move.recorded and move.measured}
    if doubtful:
        print(f"\nonce more, as it seems to have moved by more than {TOLERANCE:.0%}:")
        again = dataclasses.replace(effort, attempt=2)
        for row in measure([row.case for row in rows if row.case.key in doubtful], again):
            record, first, second = recorded[row.case.key], measured[row.case.key], row.value("ratio")
            measured[row.case.key] = min(first, second, key=lambda ratio: abs(math.log(ratio / record)))
    moves = moved(recorded, measured)
    print(f"\n{len(measured) - len(moves)} ratios are within {TOLERANCE:.0%} of {RECORD.name}, {len(moves)} not")
    for move in moves:
        print(f"  {move}")
    if moves:
        print(f"If that is meant to be, renew {RECORD.name} with --record.")
    return not moves


def write_pages(rows: list[Row]) -> None:
    """Write the tables of docs/speed.md, a phase each, and the short one of the README."""
    heads = tuple(head for head in report.HEADS if head != "phase")
    sections = [f"{report.machine()}."]
    for phase in report.phases(rows):
        sections += [f"### {phase}", report.markdown(report.of_phase(rows, phase), heads)]
    write_between_marks(ROOT / "docs" / "speed.md", "speed", "\n\n".join(sections))
    write_between_marks(ROOT / "README.md", "speed", report.headlines(rows))


def main() -> None:
    """Read the options, measure, and do what was asked with the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="group", help=f"any of {', '.join(GROUPS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="small cases and few calls: does it run at all")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds of sampling a case")
    parser.add_argument("--compare", action="store_true", help="report the ratios that moved against the record")
    parser.add_argument("--check", action="store_true", help="the same, and fail where there are any")
    parser.add_argument("--record", action="store_true", help="write the ratios into the record")
    parser.add_argument("--write", action="store_true", help="write the tables of README.md and docs/speed.md")
    options = parser.parse_args()
    groups = tuple(options.groups) or GROUPS
    unknown = sorted(set(groups) - set(GROUPS))
    if unknown:
        parser.error(f"no group is called {unknown[0]!r}; expected any of {', '.join(GROUPS)}")
    compares = options.compare or options.check
    if options.quick and (compares or options.record or options.write):
        parser.error("--quick measures other work than the record and the pages show; leave it out")
    if options.write and groups != GROUPS:
        parser.error("--write shows one run of all groups; leave the names of groups out")
    effort = Effort(0.005, is_quick=True) if options.quick else Effort(options.seconds)
    rows = measure(cases(groups, quick=options.quick), effort)
    if not options.quick:
        print(f"\n{report.summary(rows)}")
    nothing_moved = compare(rows, groups, effort) if compares else True
    if options.record:
        ratios = read_record() | {row.case.key: row.value("ratio") for row in rows}
        kept = [case.key for case in cases() if case.is_recorded and case.key in ratios]
        write_record({key: ratios[key] for key in kept}, report.machine())
    if options.write:
        write_pages(rows)
    sys.exit(1 if options.check and not nothing_moved else 0)


if __name__ == "__main__":
    main()
