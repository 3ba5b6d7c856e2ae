"""The ranking of players on streets with batteries: a small version of benchmarks/storage_ranking.py, and its parts."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2]))  # at the end, so that p2p_market stays the installed one

ranking = importlib.import_module("benchmarks.storage_ranking")


def test_value_captured_is_of_sums_and_its_interval_holds_it() -> None:
    saved, most = np.array([1.0, 4.0, 3.0, 2.0]), np.array([2.0, 16.0, 4.0, 8.0])
    share = ranking.captured(saved, most)
    assert share.value == pytest.approx(10.0 / 30.0)
    assert share.low < share.value < share.high
    assert ranking.captured(0.0 * saved, most) == (0.0, 0.0, 0.0)
    assert str(ranking.captured(0.5 * most, most)) == "50.0 % (50.0 to 50.0)"


def test_players_stand_in_order_and_differences_are_paired() -> None:
    rng = np.random.default_rng(0)
    most = rng.uniform(5.0, 10.0, 20)
    noise = rng.normal(0.0, 0.1, 20)
    levels = {ranking.GRID: 0.0, ranking.NOISE: 0.3, ranking.PLANNERS[0]: 0.9, ranking.PLANNERS[1]: 0.95}
    saved = {player: (level + noise * (level > 0.0)) * most for player, level in levels.items()}
    for place, pair in enumerate(ranking.PAIRS):
        saved[pair] = (0.5 - 0.01 * place + noise) * most
    saved["most"] = most
    rows = ranking.ranking(saved)
    assert [player for player, _, _ in rows] == [
        ranking.GRID,
        ranking.NOISE,
        ranking.PAIRS[0],
        *ranking.PLANNERS,
    ]
    more = rows[-1][2]  # what the streets have in common takes nothing from it
    assert more.value == pytest.approx(0.05)
    assert more.high - more.low < 1e-9


@pytest.mark.slow
def test_grid_alone_noise_rules_forecasts_and_foresight_in_this_order() -> None:
    players = (ranking.GRID, ranking.NOISE, *ranking.PAIRS, *ranking.PLANNERS)
    saved = ranking.savings(players, range(6), **{"run.days": 1})
    rows = ranking.ranking(saved)
    for (policy, rule), share, more in rows[1:4]:
        assert more.low > 0.0, (policy, rule, share, more)
    (_, mpc, _), (_, optimal, more) = rows[-2:]
    assert mpc.value <= optimal.value
    assert more.high > 0.0
    assert optimal.high <= 1.0 + 1e-9
