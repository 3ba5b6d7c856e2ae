"""What misreporting gains: every mechanism, four sizes of the market, misreports of price and of quantity.

python -m benchmarks.regret             # measure and print, some minutes
python -m benchmarks.regret --quick     # few small books: does it run at all
python -m benchmarks.regret --write     # measure, then write the tables of docs/truthfulness.md and the figure
"""

from __future__ import annotations

import argparse
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from benchmarks.pages import ROOT, write_between_marks
from p2p_market.analysis import regret
from p2p_market.auction.mechanisms import MECHANISMS

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = (4, 10, 30, 100)
PAGE = ROOT / "docs" / "truthfulness.md"
FIGURE = PAGE.parent / "images" / "regret.png"
TITLES = {"price": "Misreports of the price", "quantity": "Misreports of the quantity"}


def measure(sizes: tuple[int, ...], num_books: int) -> Iterator[pl.DataFrame]:
    """One frame a mechanism and size, as they come."""
    for mechanism in MECHANISMS:
        for size in sizes:
            start = time.perf_counter()
            frame = regret(mechanism, size, num_books)
            yield frame.with_columns(seconds=pl.lit(time.perf_counter() - start))


def cell(row: dict[str, Any]) -> str:
    """Mean gain as a share of the gains from trade, and the share of households that gain."""
    if row["largest_gain"] <= 1e-9:
        return "0"
    percent = 100 * row["relative_gain"]
    mean = f"{percent:.0f}" if percent >= 10 else f"{percent:.2g}"
    return f"{mean} % ({100 * row['share_gaining']:.0f} %)"


def markdown(frame: pl.DataFrame) -> str:
    """One table a kind of misreport, a row a mechanism and a column a size."""
    sizes = frame["num_households"].unique().sort().to_list()
    lines = []
    for misreport, title in TITLES.items():
        rows = frame.filter(pl.col("misreport") == misreport)
        lines += [f"**{title}**", "", "| mechanism | " + " | ".join(f"N = {size}" for size in sizes) + " |"]
        lines += ["| --- |" + " --- |" * len(sizes)]
        for mechanism in rows["mechanism"].unique(maintain_order=True):
            cells = [cell(row) for row in rows.filter(mechanism=mechanism).sort("num_households").iter_rows(named=True)]
            lines.append(f"| `{mechanism}` | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def draw(frame: pl.DataFrame, path: Path) -> None:
    """Mean gain over size, a panel a kind of misreport; mechanisms without any gain are named, not drawn."""
    import matplotlib as mpl  # noqa: PLC0415 (only for the figure)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, panels = plt.subplots(1, 2, figsize=(10, 5.2), sharey=True, layout="constrained")
    colours = dict(zip(MECHANISMS, mpl.colormaps["tab20"].colors, strict=False))
    for panel, (misreport, title) in zip(panels, TITLES.items(), strict=True):
        none = []
        for mechanism in frame["mechanism"].unique(maintain_order=True):
            rows = frame.filter(misreport=misreport, mechanism=mechanism).sort("num_households")
            gaining = rows.filter(pl.col("largest_gain") > 1e-9)
            if gaining.is_empty():
                none += [mechanism] if rows.height else []
                continue
            panel.errorbar(
                gaining["num_households"],
                100 * gaining["relative_gain"],
                yerr=196 * gaining["standard_error"] / gaining["gains_from_trade"],
                marker="s" if MECHANISMS[mechanism].is_pool else "o",
                linestyle="--" if MECHANISMS[mechanism].is_pool else "-",
                capsize=3,
                color=colours[mechanism],
                label=mechanism,
            )
        panel.set(xscale="log", yscale="log", title=title, xlabel="households in the market")
        panel.set_xticks(frame["num_households"].unique().sort().to_list())
        panel.set_xticks([], minor=True)
        panel.xaxis.set_major_formatter("{x:.0f}")
        panel.yaxis.set_major_formatter("{x:g} %")
        panel.grid(visible=True, alpha=0.3)
        panel.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.14),
            ncols=3,
            fontsize=8,
            title="no gain: " + textwrap.fill(", ".join(none), 58),
            title_fontsize=8,
        )
    panels[0].set_ylabel("mean gain from the best misreport,\nof the gains from trade a household")
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(path.name + ".part")
    figure.savefig(part, format="png", dpi=110)
    part.replace(path)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="few small books: does it run at all")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} and {FIGURE.name}")
    arguments = parser.parse_args()
    frames = []
    print(f"{'mechanism':>20}{'misreport':>11}{'N':>5}{'mean gain $':>13}{'of trade':>10}{'gain':>7}{'seconds':>9}")
    for frame in measure(SIZES[:2] if arguments.quick else SIZES, 3 if arguments.quick else 100):
        frames.append(frame)
        for row in frame.iter_rows(named=True):
            print(
                f"{row['mechanism']:>20}{row['misreport']:>11}{row['num_households']:>5}{row['mean_gain']:>13.6f}"
                f"{row['relative_gain']:>10.2%}{row['share_gaining']:>7.0%}{row['seconds']:>9.1f}",
                flush=True,
            )
    everything = pl.concat(frames)
    if arguments.write:
        write_between_marks(PAGE, "regret", markdown(everything).rstrip())
        draw(everything, FIGURE)


if __name__ == "__main__":
    main()
