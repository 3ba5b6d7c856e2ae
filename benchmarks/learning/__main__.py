"""The table of learned policies.

python -m benchmarks.learning run                     # what is missing, hours; goes on where it was stopped
python -m benchmarks.learning run --minutes 30        # no new run after half an hour
python -m benchmarks.learning run --cells storage10   # names that begin so
python -m benchmarks.learning references              # what everybody else reaches, minutes
python -m benchmarks.learning table                   # tables and figures of docs/learning-results.md
python -m benchmarks.learning status                  # what there is
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from benchmarks.learning.plan import PLAN, RESULTS, read_plan, read_result


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "references", "table", "status"))
    parser.add_argument("--plan", type=Path, default=PLAN)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--cells", default="", help="only cells whose names begin so")
    parser.add_argument("--seeds", type=int, default=None, help="only so many of the first seeds")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no new run after so many minutes")
    options = parser.parse_args()
    cells = [cell for cell in read_plan(options.plan) if cell.name.startswith(options.cells)]
    if options.command == "run":
        from benchmarks.learning.runs import make_runs  # noqa: PLC0415 (needs a learning library)

        warnings.simplefilter("ignore")  # the libraries' own
        make_runs(
            cells,
            results=options.results,
            seconds=60.0 * options.minutes,
            most_seeds=options.seeds,
            tell=lambda line: print(line, flush=True),
        )
    elif options.command == "references":
        from benchmarks.learning.runs import make_references  # noqa: PLC0415 (the same)

        make_references(cells, results=options.results)
    elif options.command == "table":
        from benchmarks.learning.table import write_page  # noqa: PLC0415 (draws)

        write_page(read_plan(options.plan), options.results)
    else:
        for cell in cells:
            there = [seed for seed in cell.seeds if read_result(cell, seed, options.results) is not None]
            print(f"{cell.name}: {len(there)} of {len(cell.seeds)} runs")


if __name__ == "__main__":
    main()
