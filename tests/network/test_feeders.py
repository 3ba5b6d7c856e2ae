"""Feeder limits and losses against loops over fractions, and the laws that hold for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import network as reference

from p2p_market.errors import ConfigError
from p2p_market.network import FEEDER_RULES, Feeders, LossShares, Network, assign_feeders, lost_energy

EXAMPLES = settings(max_examples=150, deadline=None)


@dataclass(frozen=True)
class Case:
    """Loads (B, N) in units on feeders with limits."""

    load: np.ndarray
    feeders: Feeders

    def rows(self) -> list[tuple[list[int], list[int], list[float], list[float]]]:
        """Arguments of the reference, a market each."""
        rest = self.feeders.feeder.tolist(), self.feeders.import_limit.tolist(), self.feeders.export_limit.tolist()
        return [([int(units) for units in row], *rest) for row in self.load]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    num_feeders = draw(st.integers(1, 4))
    others = draw(st.lists(st.integers(0, num_feeders - 1), max_size=8))
    feeder = np.array(draw(st.permutations([*range(num_feeders), *others])))
    units = st.one_of(st.integers(-3000, 3000), st.sampled_from([0, 1, -1, 7, -500, 500]))
    num_markets = draw(st.integers(1, 3))
    load = [draw(st.lists(units, min_size=len(feeder), max_size=len(feeder))) for _ in range(num_markets)]
    limit = st.one_of(st.integers(0, 4000).map(float), st.sampled_from([0.0, 1.0, np.inf]))
    imports, exports = (draw(st.lists(limit, min_size=num_feeders, max_size=num_feeders)) for _ in range(2))
    return Case(np.array(load, dtype=np.float64), Feeders(feeder, np.array(imports), np.array(exports)))


@given(cases())
@EXAMPLES
def test_what_is_cut_is_what_the_loops_cut(case: Case) -> None:
    response = FEEDER_RULES["pro_rata"].respond(case.feeders, case.load)
    for market, row in enumerate(case.rows()):
        curtailed, shed = reference.pro_rata(*row)
        assert response.curtailed[market].tolist() == curtailed
        assert response.shed[market].tolist() == shed
    assert not response.excess.any()


@given(cases())
@EXAMPLES
def test_limits_hold_on_the_grid_and_nobody_changes_sides(case: Case) -> None:
    feeders = case.feeders
    response = FEEDER_RULES["pro_rata"].respond(feeders, case.load)
    left = case.load + response.curtailed - response.shed
    flow = feeders.add_up(left)
    np.testing.assert_array_equal(flow, response.flow)
    assert (flow <= feeders.import_limit).all()
    assert (-flow <= feeders.export_limit).all()
    np.testing.assert_array_equal(left, np.rint(left))
    assert (left * case.load >= 0.0).all()
    assert (np.abs(left) <= np.abs(case.load)).all()
    before = feeders.add_up(case.load)
    inside = (before <= feeders.import_limit) & (-before <= feeders.export_limit)
    cut = feeders.add_up(response.curtailed + response.shed)
    np.testing.assert_array_equal(cut > 0.0, ~inside)  # nobody is cut without need, and no more than is needed
    np.testing.assert_array_equal(cut, np.abs(before - flow))


@given(cases())
@EXAMPLES
def test_what_is_charged_is_what_the_loops_charge(case: Case) -> None:
    response = FEEDER_RULES["scarcity_price"].respond(case.feeders, case.load)
    for market, row in enumerate(case.rows()):
        parts = [float(part) for part in reference.excess(*row)]
        np.testing.assert_allclose(response.excess[market], parts, rtol=1e-12, atol=1e-12)
    assert not response.curtailed.any()
    assert not response.shed.any()
    np.testing.assert_array_equal(response.flow, case.feeders.add_up(case.load))
    beyond = np.maximum(response.flow - case.feeders.import_limit, -response.flow - case.feeders.export_limit)
    np.testing.assert_allclose(case.feeders.add_up(response.excess), np.maximum(beyond, 0.0), rtol=1e-12, atol=1e-9)


@given(cases(), st.sampled_from([(0, 0), (1, 3), (2, 2), (0, 5)]), st.data())
@EXAMPLES
def test_losses_are_those_of_pairs_made_on_the_own_feeder_first(
    case: Case, percent: tuple[int, int], data: st.DataObject
) -> None:
    same, other = percent
    filled = case.load.copy()
    place = data.draw(st.integers(0, filled.shape[1] - 1))
    filled[:, place] -= filled.sum(axis=1)  # what was bought was sold
    loss = lost_energy(case.feeders, LossShares(same / 100, other / 100), filled)
    for market, row in enumerate(filled):
        exact = reference.lost(
            [Fraction(int(q)) for q in row], case.feeders.feeder.tolist(), Fraction(same, 100), Fraction(other, 100)
        )
        np.testing.assert_allclose(loss[market], [float(part) for part in exact], rtol=1e-12, atol=1e-12)


@given(cases())
@EXAMPLES
def test_a_market_is_the_same_alone_and_inputs_are_left_as_they_are(case: Case) -> None:
    for rule in FEEDER_RULES.values():
        together = Network(case.feeders, rule, 1000, value_of_lost_load=2.0, scarcity_price=0.3)
        net_load = case.load / 1000.0
        kept = net_load.copy()
        limited = together.limit(net_load)
        np.testing.assert_array_equal(net_load, kept)
        for market in range(len(net_load)):
            alone = together.limit(net_load[market : market + 1])
            for name, values in vars(alone).items():
                np.testing.assert_array_equal(values[0], getattr(limited, name)[market], err_msg=name)


@given(cases(), st.randoms(use_true_random=False))
@EXAMPLES
def test_places_on_the_street_decide_over_single_units_only(case: Case, random: object) -> None:
    order = np.array(sorted(range(case.load.shape[1]), key=lambda _: random.random()))  # type: ignore[attr-defined]
    feeders = case.feeders
    moved = Feeders(feeders.feeder[order], feeders.import_limit, feeders.export_limit)
    for rule in FEEDER_RULES.values():
        here, there = rule.respond(feeders, case.load), rule.respond(moved, case.load[:, order])
        for name in ("curtailed", "shed", "excess"):
            assert (np.abs(getattr(here, name)[:, order] - getattr(there, name)) <= 1.0).all()


def test_the_example_of_the_docs() -> None:
    """Three roofs give 5 kWh and a neighbour needs 1; the feeder carries 2 kWh out."""
    feeders = Feeders(np.zeros(4, dtype=np.int64), np.array([np.inf]), np.array([2000.0]))
    net_load = np.array([[-3.0, -1.5, -0.5, 1.0]])
    cut = Network(feeders, FEEDER_RULES["pro_rata"]).limit(net_load)
    assert cut.curtailed.tolist() == [[1.2, 0.6, 0.2, 0.0]]
    assert cut.net_load.tolist() == [[-1.8, -0.9, -0.3, 1.0]]
    assert cut.flow.tolist() == [[-2.0]]
    charged = Network(feeders, FEEDER_RULES["scarcity_price"], scarcity_price=0.5).limit(net_load)
    np.testing.assert_allclose(charged.scarcity_payment, [[0.6, 0.3, 0.1, 0.0]])
    assert charged.net_load is not net_load
    assert charged.net_load.tolist() == net_load.tolist()
    loss = lost_energy(
        Feeders(np.array([0, 0, 1, 1]), *np.full((2, 2), np.inf)),
        LossShares(0.01, 0.03),
        np.array([[-2.0, 0.5, -0.5, 2.0]]),  # 0.5 kWh on each feeder, and 1.5 from the one to the other
    )
    np.testing.assert_allclose(loss.sum(), 0.01 * 1.0 + 0.03 * 1.5)
    np.testing.assert_allclose(loss, [[0.022, 0.0055, 0.0055, 0.022]])


def test_households_are_spread_by_the_seed() -> None:
    drawn = assign_feeders(3, 11, np.random.default_rng(0))
    assert sorted(np.bincount(drawn).tolist()) == [3, 4, 4]
    np.testing.assert_array_equal(drawn, assign_feeders(3, 11, np.random.default_rng(0)))
    assert (drawn != assign_feeders(3, 11, np.random.default_rng(1))).any()
    assert np.bincount(assign_feeders([0.2, 0.8], 10, np.random.default_rng(0))).tolist() == [2, 8]


@pytest.mark.parametrize(
    ("feeders", "message"),
    [
        (5, "network.feeders: 5 feeders for 4 households; expected a household on each"),
        ([0.5, 0.4], "network.feeders: the shares sum to 0.9, expected 1"),
        ([0.95, 0.05], "network.feeders: the share 0.05 of feeder 1 is less than one of 4 households; raise it"),
    ],
)
def test_feeders_that_cannot_be(feeders: int | list[float], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        assign_feeders(feeders, 4, np.random.default_rng(0))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("feeder", "imports", "exports", "message"),
    [
        (
            [0, 0, 2],
            [1.0, 1.0, 1.0],
            [1.0, 1.0, 1.0],
            "hang on the feeders [0, 2], and there are limits for 3; expected",
        ),
        ([0, 1], [1.0], [1.0], "hang on the feeders [0, 1], and there are limits for 1"),
        ([0, 1], [1.0, 1.0], [1.0], "export_limit is [1.0] for 2 feeders; expected one limit a feeder"),
        ([0, 0], [-1.0], [1.0], "import_limit is [-1.0] for 1 feeders; expected one limit a feeder, a whole"),
        ([0, 0], [1.0], [0.5], "export_limit is [0.5] for 1 feeders"),
        ([0, 0], [np.nan], [0.5], "import_limit is [nan] for 1 feeders"),
    ],
)
def test_limits_that_cannot_be(feeder: list[int], imports: list[float], exports: list[float], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        Feeders(np.array(feeder), np.array(imports), np.array(exports))
    assert message in str(error.value)
