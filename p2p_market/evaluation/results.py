"""The results of an evaluation: figures by player, as frames and as a table for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from p2p_market._version import __version__
from p2p_market.comparison.statistics import paired_difference
from p2p_market.errors import ConfigError
from p2p_market.evaluation import seeds
from p2p_market.metrics import value_captured
from p2p_market.notebook import as_text, html_table
from p2p_market.output import EVALUATION_FOLDER, check_output, staged
from p2p_market.types import AnyArray, FloatArray

if TYPE_CHECKING:
    from p2p_market.evaluation.playing import Played
    from p2p_market.tasks.task import Task

_NOTHING = 1e-6  # [$] a household and day

REFERENCE = "truthful"
"""The player whom all others are compared with."""


@dataclass(frozen=True, eq=False)
class PlayerResults:
    """What one player achieved: key figures of all episodes together, and columns ``(B,)`` by episode.

    Attributes
    ----------
    kpis
        Key figures as `p2p_market.metrics.key_figures` has them, means over episodes.
    episodes
        By name: ``start``, and sums over street and episode: ``cost_dollars`` (bills and device cost),
        ``default_cost_dollars`` (with the grid alone, devices left to themselves), ``operator_surplus_dollars``,
        ``traded_kwh``; ``reward`` (mean over households).
    days, num_households
        Of an episode.
    """

    kpis: dict[str, float]
    episodes: dict[str, AnyArray]
    days: float
    num_households: int

    @classmethod
    def of(cls, played: Played, kpis: dict[str, float], *, days: float) -> PlayerResults:
        """Sum a record up by episode."""
        households, markets = played.recorder.households, played.recorder.markets
        default = households.get("default_bill_dollars", households["grid_only_bill_dollars"])
        cost = households["bill_dollars"] + households.get("device_cost_dollars", np.zeros(1))
        return cls(
            kpis=kpis,
            episodes={
                "start": played.start.astype("datetime64[ms]"),
                "cost_dollars": cost.sum(axis=(0, 2)),
                "default_cost_dollars": default.sum(axis=(0, 2)),
                "operator_surplus_dollars": markets["operator_surplus_dollars"].sum(axis=0),
                "traded_kwh": markets["traded_kwh"].sum(axis=0),
                "reward": played.reward.mean(axis=1),
            },
            days=days,
            num_households=households["bill_dollars"].shape[2],
        )

    @property
    def household_days(self) -> float:
        """Households times days of an episode."""
        return self.days * self.num_households

    @property
    def saving(self) -> FloatArray:
        """``(B,)`` [$] a household and day, against the grid alone."""
        saved: FloatArray = self.episodes["default_cost_dollars"] - self.episodes["cost_dollars"]
        return saved / self.household_days


@dataclass(frozen=True, eq=False)
class EvaluationResults:
    """What `p2p_market.evaluate` gives back.

    Attributes
    ----------
    task, split, seed, num_episodes
        What was played.
    players
        Results by player, the evaluated one first.
    bounds
        Least costs of an episode [$], mean over episodes, where they were worked out.
    runs
        Which of the players are runs of the learner that was evaluated, or the one policy; none where only the
        references played.
    optimal_cost
        ``(B,)`` [$] least cost of each episode, where it was worked out.
    """

    task: Task
    split: str
    seed: int
    num_episodes: int
    players: dict[str, PlayerResults]
    bounds: Mapping[str, float] | None = None
    runs: tuple[str, ...] = ()
    optimal_cost: FloatArray | None = None

    def _repr_html_(self) -> str:
        columns = [
            (header, name)
            for header, name in (
                ("bill [c]", "bill_dollars"),
                ("saving [c]", "saving_dollars"),
                ("price [c/kWh]", "price_dollars_per_kwh"),
                ("captured [%]", "value_captured"),
            )
            if name in self.summary.columns
        ]
        rows = [
            (str(row["player"]), *(as_text(None if row[name] is None else 100.0 * row[name], 1) for _, name in columns))
            for row in self.summary.iter_rows(named=True)
        ]
        title = f"{self.task.name}, {self.split}: {self.num_episodes} episodes; money a household and day"
        return html_table(title, ("player", *(header for header, _ in columns)), rows)

    @property
    def kpis(self) -> dict[str, dict[str, float]]:
        """Key figures by player."""
        return {name: player.kpis for name, player in self.players.items()}

    @cached_property
    def summary(self) -> pl.DataFrame:
        """A row a player, and where they are known everybody alone at best, and the optimum; money a household and day.

        Columns: ``player``; ``bill_dollars``, device cost included; ``saving_dollars`` against the grid alone;
        ``to_truthful_dollars``, what it saves more than the reference ``truthful`` in the same episodes, with the 95 %
        bootstrap interval ``to_truthful_low``, ``to_truthful_high`` over episodes; ``price_dollars_per_kwh``;
        ``traded_kwh``; ``allocative_efficiency``; ``share_better_off``; ``reward``, a household and episode; and where
        they were worked out ``exploitability_dollars`` and ``value_captured``.
        """
        rows = [self._row(name, player) for name, player in self.players.items()]
        if self.bounds is not None:
            rows += [
                self._bound("everybody alone at best", "selfish_cost_dollars"),
                self._bound("optimum", "optimal_cost_dollars"),
            ]
        frame = pl.DataFrame(rows, infer_schema_length=None)
        return frame.with_columns(pl.selectors.float().fill_nan(None))

    @cached_property
    def episodes(self) -> pl.DataFrame:
        """A row a player and episode, see `PlayerResults.episodes`."""
        frames = [
            pl.DataFrame(
                {"player": [name] * self.num_episodes, "episode": np.arange(self.num_episodes)} | player.episodes
            )
            for name, player in self.players.items()
        ]
        return pl.concat(frames)

    @cached_property
    def measures(self) -> pl.DataFrame:
        """How good the learner is over its runs and the days, see `p2p_market.evaluation.seeds`; a row a measure.

        Columns: ``measure``; ``baseline``, for those that compare; ``estimate`` with the 95 % bootstrap interval
        ``low``, ``high``; ``num_runs``, ``num_days``. Savings are in dollars a household and day. Scores are 0 for the
        grid alone and 1 for the optimum of the day, or where that was not worked out for ``truthful``; days on which
        that saves nothing have none.

        Raises
        ------
        ConfigError
            Where only the references played.
        """
        if not self.runs:
            raise ConfigError("only the references played; give evaluate a policy, or several runs of one learner")
        saving = np.stack([self.players[name].saving for name in self.runs])
        rows = [
            _measured("saving", seeds.mean, [saving]),
            _measured("interquartile mean of savings", seeds.interquartile_mean, [saving]),
        ]
        best = self._best_saving
        if best is not None and (best > _NOTHING).any():
            scores = saving[:, best > _NOTHING] / best[best > _NOTHING]
            rows += [
                _measured("score", seeds.mean, [scores]),
                _measured("interquartile mean of scores", seeds.interquartile_mean, [scores]),
                _measured("optimality gap", seeds.optimality_gap, [scores]),
            ]
        rows += [
            _measured(
                "probability of improvement", seeds.probability_of_improvement, [saving, other.saving[None]], name
            )
            for name, other in self.players.items()
            if name not in self.runs
        ]
        return pl.DataFrame(rows, infer_schema_length=None)

    @property
    def scored_by(self) -> str | None:
        """What a score of 1 is: ``"optimum"``, ``"truthful"``, or nothing where neither is known."""
        if self.optimal_cost is not None:
            return "optimum"
        return REFERENCE if REFERENCE in self.players and REFERENCE not in self.runs else None

    @property
    def _best_saving(self) -> FloatArray | None:
        if self.scored_by is None:
            return None
        if self.optimal_cost is None:
            return self.players[REFERENCE].saving
        player = next(iter(self.players.values()))
        best: FloatArray = (player.episodes["default_cost_dollars"] - self.optimal_cost) / player.household_days
        return best

    def write(self, folder: str | Path) -> Path:
        """Write summary, episodes, key figures and, where somebody was evaluated, measures to a folder.

        Everything is written beside the folder first and takes its place when complete; an earlier evaluation there is
        replaced.

        Raises
        ------
        ConfigError
            If the folder holds something else.
        """
        target = check_output(folder, *EVALUATION_FOLDER)
        with staged(target) as staging:
            about = {
                "version": __version__,
                "task": self.task.name,
                "split": self.split,
                "seed": self.seed,
                "episodes": self.num_episodes,
                "runs": self.runs,
                "scored_by": self.scored_by,
                "kpis": {
                    name: {key: value if math.isfinite(value) else None for key, value in kpis.items()}
                    for name, kpis in self.kpis.items()
                },
            }
            (staging / EVALUATION_FOLDER[1][0]).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
            self.summary.write_parquet(staging / "summary.parquet")
            self.episodes.write_parquet(staging / "episodes.parquet")
            if self.runs:
                self.measures.write_parquet(staging / "measures.parquet")
        return target

    def _row(self, name: str, player: PlayerResults) -> dict[str, str | float]:
        kpis, episodes = player.kpis, player.episodes
        row: dict[str, str | float] = {
            "player": name,
            "bill_dollars": float(episodes["cost_dollars"].mean()) / player.household_days,
            "saving_dollars": float(player.saving.mean()),
        }
        if REFERENCE in self.players:
            reference = self.players[REFERENCE].saving
            found = paired_difference(player.saving, reference, np.ones(self.num_episodes))
            row |= {"to_truthful_dollars": found.estimate, "to_truthful_low": found.low, "to_truthful_high": found.high}
        row |= {
            "price_dollars_per_kwh": kpis["mean_price_dollars_per_kwh"],
            "traded_kwh": kpis["traded_kwh"] / player.household_days,
            "allocative_efficiency": kpis["allocative_efficiency"],
            "share_better_off": kpis["share_better_off"],
            "reward": float(episodes["reward"].mean()),
        }
        return row | {key: kpis[key] for key in ("exploitability_dollars", "value_captured") if key in kpis}

    def _bound(self, name: str, of: str) -> dict[str, str | float]:
        assert self.bounds is not None  # noqa: S101 - asked by the caller
        player = next(iter(self.players.values()))
        figures = player.kpis | {"community_cost_dollars": self.bounds[of]}
        default = figures["grid_only_cost_dollars"]
        return {
            "player": name,
            "bill_dollars": self.bounds[of] / player.household_days,
            "saving_dollars": (default - self.bounds[of]) / player.household_days,
            "value_captured": value_captured(figures, self.bounds["optimal_cost_dollars"]),
        }


def _measured(
    name: str, measure: seeds.Measure, players: Sequence[FloatArray], baseline: str | None = None
) -> dict[str, str | float | None]:
    found = seeds.with_interval(measure, players)
    return {
        "measure": name,
        "baseline": baseline,
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "num_runs": len(players[0]),
        "num_days": players[0].shape[1],
    }
