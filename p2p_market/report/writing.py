"""Writing a report: the page, and beside it each figure as SVG and PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from p2p_market.data.atomic import atomic_path
from p2p_market.errors import ConfigError
from p2p_market.output import staged
from p2p_market.report.homes import FAIRNESS, SAVINGS
from p2p_market.report.learning import LEARNING
from p2p_market.report.market import HEAT, ORDERS, PRICE
from p2p_market.report.money import COST, DIFFERENCES
from p2p_market.report.page import page
from p2p_market.report.power import DURATION, POWER
from p2p_market.report.runs import Run, load_runs
from p2p_market.report.sheet import Drawn, NothingToDrawError, Picture, drawn
from p2p_market.results import REPORT_FILE

PICTURES: tuple[Picture, ...] = (
    COST,
    DIFFERENCES,
    POWER,
    PRICE,
    HEAT,
    SAVINGS,
    FAIRNESS,
    ORDERS,
    DURATION,
    LEARNING,
)
"""The figures of a report, in their order."""
_KINDS = (".svg", ".png")


def write_report(
    runs: Sequence[str | Path] | str | Path, output: str | Path | None = None, *, figures: bool = True
) -> Path:
    """Write one HTML file that shows a run, or several beside each other, and its figures as SVG and PNG.

    The page holds all that it shows, and a browser that opens it asks nobody for anything. What a run lacks, for
    whatever reason, is left out, and the page says so.

    Parameters
    ----------
    runs
        Folders that `p2p_market.run` or a training has written; one, or several to compare.
    output
        The HTML file; by default ``report.html`` in the run's folder, or beside the first run's folder where there are
        several. Figures go to a folder beside it: ``report_figures`` for ``report.html``.
    figures
        Whether to write these, too.

    Returns
    -------
    Path
        The HTML file.

    Raises
    ------
    DataError
        If a folder is no run, or nothing in it can be read.
    ConfigError
        If the output cannot be written, or for too many runs.
    MissingExtraError
        If matplotlib is not installed.
    """
    folders = [runs] if isinstance(runs, str | Path) else list(runs)
    target = _check_target(_default_target(folders) if output is None else Path(output))
    loaded = load_runs(folders)
    drawings, not_drawn = draw_all(loaded, png=figures)
    text = page(loaded, drawings, not_drawn)
    if figures:
        with staged(figure_folder(target)) as folder:
            for picture in drawings:
                (folder / f"{picture.name}.svg").write_text(picture.svg, encoding="utf-8")
                (folder / f"{picture.name}.png").write_bytes(picture.png)
    try:
        with atomic_path(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"report {str(target)!r} cannot be written: {error}") from error
    return target


def figure_folder(page_file: Path) -> Path:
    """Where the figures of a page are written."""
    return page_file.with_name(f"{page_file.stem}_figures")


def draw_all(runs: Sequence[Run], *, png: bool = True) -> tuple[list[Drawn], list[tuple[str, str]]]:
    """Draw every figure that the runs allow, and say of the others why they are missing."""
    drawings, not_drawn = [], []
    for picture in PICTURES:
        is_learning = picture is LEARNING
        concerned = [run for run in runs if (run.progress is not None if is_learning else run.is_simulated)]
        if not concerned or len(runs) < picture.least_runs:
            continue
        lacking = {run: run.lacks(picture.needs) for run in concerned}
        usable = [run for run, reason in lacking.items() if reason is None]
        reasons = [_sentence(run, reason, runs) for run, reason in lacking.items() if reason is not None]
        if len(usable) < picture.least_runs:
            not_drawn.append((picture.title, " ".join(reasons) or "It takes two simulated runs."))
            continue
        try:
            drawings.append(drawn(picture, usable, png=png))
        except NothingToDrawError as error:
            not_drawn.append((picture.title, str(error)))
        except pl.exceptions.PolarsError as error:
            not_drawn.append((picture.title, f"The data cannot be read: {str(error).splitlines()[0][:160]}"))
        else:
            not_drawn += [(f"{picture.title}, in part", reason) for reason in reasons]
    return drawings, not_drawn


def _sentence(run: Run, reason: str, runs: Sequence[Run]) -> str:
    who = run.label if len(runs) > 1 else "the run"
    return f"{who} is not shown: {reason}."


def _default_target(folders: Sequence[str | Path]) -> Path:
    if not folders:
        raise ConfigError("a report needs the folder of a run")
    first = Path(folders[0])
    return (first if len(folders) == 1 else first.resolve().parent) / REPORT_FILE


def _check_target(target: Path) -> Path:
    if target.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"output {str(target)!r} is no HTML file; expected a name that ends in .html")
    if target.is_dir():
        raise ConfigError(f"output {str(target)!r} is a folder; expected the name of a file")
    beside = figure_folder(target)
    if beside.exists():
        others = (
            [path.name for path in beside.iterdir() if path.suffix not in _KINDS] if beside.is_dir() else [beside.name]
        )
        if others:
            raise ConfigError(
                f"figures are to be written to {str(beside)!r}, which holds something else ({others[0]!r}, for one); "
                "choose another output"
            )
    return target.resolve()
