"""Worked examples that others have published, with their sources; examples of a mechanism stand with its name."""

from __future__ import annotations

import numpy as np
import pytest

import p2p_market
from p2p_market.auction.clearing import Clearing


def clear(
    bids: list[tuple[float, float]], asks: list[tuple[float, float]], *args: object, **options: object
) -> Clearing:
    """Clear (price, quantity) lists of both sides, bids first."""
    orders = [*bids, *((price, -quantity) for price, quantity in asks)]
    return p2p_market.clear([price for price, _ in orders], [size for _, size in orders], *args, **options)


def units(*prices: float) -> list[tuple[float, float]]:
    return [(price, 1.0) for price in prices]


class TestFiveBuyersFiveSellers:
    """Wikipedia, "Double auction"; also blockchain-academy.hs-mittweida.de, game theory course, "Double auction".

    Break-even index 2, equilibrium prices 85 to 90, average mechanism 87.5.
    """

    bids, asks = units(100, 90, 80, 70, 60), units(80, 85, 95, 100, 110)

    def test_average_mechanism(self):
        clearing = clear(self.bids, self.asks)
        assert clearing.traded == 2
        assert clearing.filled.tolist() == [1, 1, 0, 0, 0, -1, -1, 0, 0, 0]
        assert (clearing.price_low, clearing.price_high) == (85, 90)
        assert clearing.clearing_price == 87.5
        assert clearing.payment.tolist() == [87.5, 87.5, 0, 0, 0, -87.5, -87.5, 0, 0, 0]

    @pytest.mark.parametrize(("k", "price"), [(0.0, 85), (1.0, 90), (0.2, 86)])
    def test_the_k_double_auction_spans_the_interval(self, k, price):
        assert clear(self.bids, self.asks, k=k).clearing_price == pytest.approx(price)

    def test_pay_as_bid(self):
        clearing = clear(self.bids, self.asks, "pay_as_bid")
        assert clearing.payment.tolist() == [100, 90, 0, 0, 0, -80, -85, 0, 0, 0]
        assert clearing.operator_surplus == 25

    def test_pairs(self):
        clearing = clear(self.bids, self.asks, "pairwise_midpoint")
        assert clearing.payment.tolist() == [90, 87.5, 0, 0, 0, -90, -87.5, 0, 0, 0]


class TestPyPSADemandAndSupplyBids:
    """PyPSA documentation, example "Demand and Supply Bids in Electricity Markets" (docs.pypsa.org).

    Quantity and price of each bid in MWh and EUR/MWh; PyPSA solves them as a welfare maximum and reads the price off
    the dual: 60 in one zone, 0 in the north alone, 200 in the south alone.
    """

    supply = (
        (0, 120, "N"),
        (15, 100, "S"),
        (20, 50, "N"),
        (36, 60, "N"),
        (60, 70, "S"),
        (150, 60, "N"),
        (200, 50, "S"),
    )
    demand = ((200, 250, "S"), (90, 80, "N"), (75, 20, "N"), (65, 40, "S"), (24, 60, "S"))

    @pytest.mark.parametrize(("zones", "price", "volume"), [("NS", 60, 390), ("N", 0, 100), ("S", 200, 220)])
    @pytest.mark.parametrize("rule", ["ce", "clip"])
    def test_zone(self, zones, price, volume, rule):
        clearing = clear(
            [(p, q) for p, q, zone in self.demand if zone in zones],
            [(p, q) for p, q, zone in self.supply if zone in zones],
            price_rule=rule,
        )
        assert clearing.clearing_price == price
        assert clearing.traded == volume
        assert clearing.price_low == clearing.price_high == price  # the marginal bid is cut, so no other price clears


def test_day_ahead_market_of_a_course():
    """DTU course 31761, "Renewables in energy markets" (P. Pinson), by github.com/damiskov/market-clearing-price.

    All offers up to G8 at 37.5 EUR/MWh sell, that one 55 of its 100 MWh; all bids down to D9 at 38 buy: 995 MWh.
    """
    asks = [(0, 120), (0, 50), (15, 200), (30, 400), (32.5, 60), (34, 50), (36, 60), (37.5, 100), (39, 70), (40, 50)]
    asks += [(60, 70), (70, 45), (100, 50), (150, 60), (200, 50)]
    bids = [(200, 250), (110, 300), (100, 120), (90, 80), (85, 40), (75, 70), (65, 60), (40, 45), (38, 30), (31, 35)]
    bids += [(24, 25), (16, 10)]
    for mechanism in ("uniform_price", "pay_as_bid", "pairwise_midpoint", "vcg"):
        filled = clear(bids, asks, mechanism).filled.tolist()
        assert filled[:12] == [250, 300, 120, 80, 40, 70, 60, 45, 30, 0, 0, 0]
        assert filled[12:] == [-120, -50, -200, -400, -60, -50, -60, -55, 0, 0, 0, 0, 0, 0, 0]
    assert clear(bids, asks).clearing_price == 37.5


def test_system_operator_of_an_exercise():
    """An exercise with five buyers and five sellers of one unit each (smartsolve.ai): two trades, and 10 clears it."""
    clearing = clear(units(1, 3, 20, 10, 3), units(17, 15, 5, 10, 16))
    assert (clearing.traded, clearing.clearing_price) == (2, 10)


class TestAssume:
    """github.com/assume-framework, tests/test_simple_market_mechanisms.py: the price is the last accepted ask's."""

    def test_supply_and_demand_of_500(self):
        clearing = clear([(3000, 400), (3000, 100)], [(100, 300), (50, 200)], k=0.0)
        assert (clearing.traded, clearing.clearing_price) == (500, 100)

    def test_more_generation(self):
        clearing = clear([(3000, 400)], [(100, 300), (50, 200), (60, 230)])
        assert clearing.filled.tolist() == [400, 0, -200, -200]
        assert clearing.clearing_price == 60

    def test_a_bid_that_is_cut_sets_the_price(self):
        """There the price stays at 100, at which 700 are wanted and 500 offered; no price below 3000 clears."""
        clearing = clear([(3000, 700)], [(100, 300), (50, 200)])
        assert clearing.filled.tolist() == [500, -300, -200]
        assert clearing.price_low == clearing.price_high == 3000


class TestPairs:
    def test_simply(self):
        """github.com/BESTenergytrade/simply, doc/source/matching_strategies.rst, "Pay-as-Bid": both asks sell at 10."""
        clearing = clear([(10, 0.1), (7, 0.1), (10, 0.1)], [(6, 0.1), (4, 0.1)], "pay_as_bid", spread="seller")
        assert clearing.filled.tolist() == pytest.approx([0.1, 0, 0.1, -0.1, -0.1])
        assert np.nanmin(clearing.unit_price) == np.nanmax(clearing.unit_price) == 10

    @pytest.mark.parametrize(("ask", "volume", "price"), [(2.5, 0, np.nan), (0.5, 1, 2)])
    def test_pair_of_simply(self, ask, volume, price):
        """The same project, tests/test_market.py, TestPayAsBid.test_prices: a bid at 2 meets an ask."""
        clearing = clear(units(2), units(ask), "pay_as_bid", spread="seller")
        assert clearing.traded == volume
        np.testing.assert_array_equal(clearing.unit_price, price)

    def test_grid_singularity(self):
        """gsy-framework, test_pay_as_bid_matching_algorithm.py, market 2, without the bid that meets its own offer."""
        clearing = clear([(2, 45), (6, 50)], [(1, 60), (1, 65)], "pay_as_bid", spread="seller")
        assert clearing.filled[:2].tolist() == [45, 50]
        assert clearing.unit_price[:2].tolist() == [2, 6]

    def test_midpoint_of_one_pair(self):
        """pymarket, p2p_random.py: a buyer at 3 meets a seller at 2, and they trade at 2.5; 0.5 and 1 do not trade."""
        assert clear(units(3), units(2), "pairwise_midpoint").unit_price.tolist() == [2.5, 2.5]
        assert clear(units(0.5), units(1), "pairwise_midpoint").traded == 0


def test_the_last_bid_is_served_in_part():
    """gsy-framework, test_pay_as_clear_matching_algorithm.py, market 2: there 95 trade at 2; 25 more want to at 1.5."""
    clearing = clear([(1.5, 40), (2, 45), (6, 50)], [(1, 55), (5, 60), (1, 65)])
    assert (clearing.traded, clearing.clearing_price) == (120, 1.5)
    assert clearing.filled.tolist()[:3] == [25, 45, 50]


def test_lowest_bid_that_can_still_be_served():
    """Economics Stack Exchange 30046: bids 30, 25, 20, 15 and asks 25, 20 cents.

    The rule of the paper quoted there ("the lowest bid price that can still be served given the aggregated supply"):
    both sellers trade, at 25, which is also the only price that clears this market.
    """
    for rule in ("ce", "clip"):
        clearing = clear(units(30, 25, 20, 15), units(25, 20), price_rule=rule)
        assert (clearing.traded, clearing.clearing_price) == (2, 25)
        assert clearing.price_low == clearing.price_high == 25


def test_price_rules_differ_where_the_marginal_ask_is_cut_whole():
    """Bids 10 x 2, 6.5 x 2 against an ask 6 x 2: any price from 6.5 to 10 clears; the marginal rule asks 8."""
    bids, asks = [(10, 2), (6.5, 2)], [(6, 2)]
    assert clear(bids, asks).clearing_price == 8.25
    assert clear(bids, asks, price_rule="marginal").clearing_price == 8
    assert clear(bids, asks, price_rule="clip").clearing_price == 8
    assert clear(bids, asks).price_low == 6.5


def test_the_marginal_rule_can_leave_the_clearing_prices_and_clip_returns_to_them():
    """Bids 10 x 2, 9 x 2 against an ask 1 x 2: at the marginal rule's 5.5 the bid at 9 would want to trade too."""
    bids, asks = [(10, 2), (9, 2)], [(1, 2)]
    assert clear(bids, asks, price_rule="marginal").clearing_price == 5.5
    assert clear(bids, asks, price_rule="clip").clearing_price == 9
    assert clear(bids, asks).clearing_price == 9.5


class TestFeeThatWouldBreakIndividualRationality:
    """Bid 0.20 and ask 0.19 with a fee of 0.02: charged afterwards, both would trade at a loss."""

    def test_no_trade(self):
        clearing = p2p_market.clear([0.20, 0.19], [1, -1], fee=0.02)
        assert clearing.traded == 0
        assert np.isnan(clearing.clearing_price)

    def test_trade_at_a_spread_of_the_fee(self):
        clearing = p2p_market.clear([0.30, 0.28], [1, -1], fee=0.02)
        assert clearing.unit_price.tolist() == pytest.approx([0.30, 0.28], abs=1e-15)
        assert clearing.clearing_price == pytest.approx(0.29, abs=1e-15)
        assert clearing.operator_surplus == pytest.approx(0.02, abs=1e-15)


class TestNothingTrades:
    """Volume 0, every fill 0, and no price rather than a price of 0."""

    @pytest.mark.parametrize("mechanism", ["uniform_price", "pay_as_bid", "pairwise_midpoint"])
    @pytest.mark.parametrize(
        ("price", "quantity"),
        [
            ([0.20, 0.30], [1, -1]),
            ([0.20, 0.30], [1, 1]),
            ([0.20, 0.30], [-1, -1]),
            ([0.30, 0.20], [0, -1]),
            ([0.30, 0.20], [0, 0]),
            ([0.30], [1]),
            ([], []),
        ],
    )
    def test_no_price(self, mechanism, price, quantity):
        clearing = p2p_market.clear(price, quantity, mechanism)
        assert clearing.traded == clearing.operator_surplus == 0
        assert not clearing.filled.any()
        assert not clearing.payment.any()
        for prices in (clearing.clearing_price, clearing.price_low, clearing.price_high, clearing.unit_price):
            assert np.isnan(prices).all()


def test_a_street_under_one_tariff_is_two_levels():
    """Truthful households under one plan: all bids at retail, all asks at feed-in; the short side trades in full."""
    quantity = np.array([3.0, 1.0, -1.0, -1.0])
    clearing = p2p_market.clear(np.where(quantity > 0, 0.32, 0.10), quantity)
    assert clearing.filled.tolist() == [1.5, 0.5, -1.0, -1.0]
    assert clearing.clearing_price == 0.32  # buyers are cut, so only their price clears
    more_sun = p2p_market.clear(np.where(-quantity > 0, 0.32, 0.10), -quantity)
    assert more_sun.filled.tolist() == [-1.5, -0.5, 1.0, 1.0]
    assert more_sun.clearing_price == 0.10
    balanced = p2p_market.clear([0.32, 0.10], [2.0, -2.0])
    assert balanced.clearing_price == pytest.approx(0.21)


def test_grid_only_bill():
    """A street with the grid alone, per household tariffs and one tariff a market."""
    quantity = [[2.0, -1.0, 0.0], [1.0, 1.0, -4.0]]
    clearing = p2p_market.clear(
        np.zeros((2, 3)), quantity, "grid_only", retail_price=[[0.3, 0.4, 0.5]] * 2, feed_in_price=[0.1, 0.05]
    )
    np.testing.assert_allclose(clearing.payment, [[0.6, -0.1, 0.0], [0.3, 0.4, -0.2]], rtol=1e-15)
    np.testing.assert_allclose(clearing.grid_payment, [0.5, 0.5], rtol=1e-15)
    np.testing.assert_array_equal(clearing.operator_surplus, 0)
    np.testing.assert_array_equal(clearing.filled, 0)
    assert np.isnan(clearing.unit_price).tolist() == [[False, False, True], [False, False, False]]
