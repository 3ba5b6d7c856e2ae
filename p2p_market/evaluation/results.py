"""The results of an evaluation: figures by player, as frames and as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from p2p_market.comparison.statistics import paired_difference
from p2p_market.metrics import value_captured
from p2p_market.notebook import as_text, html_table
from p2p_market.types import AnyArray, FloatArray

if TYPE_CHECKING:
    from p2p_market.evaluation.playing import Played
    from p2p_market.tasks.task import Task

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
    """

    task: Task
    split: str
    seed: int
    num_episodes: int
    players: dict[str, PlayerResults]
    bounds: Mapping[str, float] | None = None

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
