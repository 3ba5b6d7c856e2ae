"""Worked examples that others have published of the mechanisms that give up trades, charge pivots, take turns or pool.

Sources, by the name that the examples refer to:

* Wikipedia, "Double auction"; the same book and numbers: game theory course of HS Mittweida, "Double auction".
* Segal-Halevi: the doctests of github.com/erelsgl/auctions (code of Gonen and Segal-Halevi, "Strongly budget balanced
  auctions for multilateral markets", AAAI 2020) and of the code published with "MUDA: a truthful multi-unit
  double-auction mechanism", AAAI 2018.
* pymarket: the tests of github.com/kiedanski/pymarket, Huang et al.'s auction and the example of the MUDA paper.
* rec-operation: the tests of github.com/CPES-Power-and-Energy-Systems/rec-operation, pricing mechanisms.
* Exercises on order books: github.com/ncu571633/finance and github.com/afterworkguinness/matching-engine; the walk
  through a limit order book of acadifi.com, CFA level 1.
* The sealed-bid exercise with a reserve price of github.com/mkmks/auction.

How many independent sources each mechanism has: `uniform_price` 7 (with `test_published_examples.py`), `continuous` 3,
`vcg` 3, `pay_as_bid` 2, `trade_reduction`, `mcafee` and `sbba` 2 (one of them with worked examples and a simulation of
50,000 books), `muda` 2 (the paper by way of pymarket, and the authors' code), `mid_market_rate` and
`supply_demand_ratio` 2 (the papers' formulas in numbers, and rec-operation). One only: `huang` (pymarket),
`pairwise_midpoint` (a pair in pymarket), `bill_sharing` (the paper's formula in numbers). The grid alone needs none.
"""

from __future__ import annotations

import numpy as np
import pytest
from auction.test_published_examples import clear, units
from hypothesis import given
from hypothesis import strategies as st

import p2p_market
from p2p_market.auction.clearing import Clearing
from p2p_market.auction.context import AuctionContext
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules


def trade(clearing: Clearing) -> tuple[float, set[float], set[float]]:
    """Volume, what buyers pay and what sellers get a unit."""
    filled, price = clearing.filled, clearing.unit_price
    return float(clearing.traded), {float(p) for p in price[filled > 0]}, {float(p) for p in price[filled < 0]}


class TestFiveBuyersFiveSellers:
    """Wikipedia and Mittweida: break-even index 2."""

    book = units(100, 90, 80, 70, 60), units(80, 85, 95, 100, 110)

    @pytest.mark.parametrize(
        ("mechanism", "volume", "buyers", "sellers", "surplus"),
        [
            ("vcg", 2, 85, 90, -10),
            ("trade_reduction", 1, 90, 85, 5),
            ("mcafee", 2, 87.5, 87.5, 0),  # (80 + 95) / 2 lies between 85 and 90
            ("sbba", 1, 90, 90, 0),  # the third ask, 95, is above the second bid
        ],
    )
    def test_mechanism(self, mechanism, volume, buyers, sellers, surplus):
        clearing = clear(*self.book, mechanism, seed=0)
        assert trade(clearing) == (volume, {buyers}, {sellers})
        assert clearing.operator_surplus == surplus


SINGLE_LOTS = {
    # Segal-Halevi, mcafee_protocol.py and trade_reduction_protocol.py, a buyer first: bids, asks, McAfee, SBBA
    "one pair": ((9,), (4,), (0, set(), set()), (0, set(), set())),
    "two bids": ((9, 8), (4,), (0, set(), set()), (0, set(), set())),
    "two asks": ((9,), (4, 3), (0, set(), set()), (1, {4.0}, {4.0})),
    "two of each": ((9, 8), (4, 3), (1, {8.0}, {4.0}), (1, {8.0}, {8.0})),
    # mcafee_protocol.py: a price between the second pair
    "second pair does not trade": ((9, 4), (8, 3), (1, {6.0}, {6.0}), None),
    # mcafee_demo.py, "without trade reduction" and "with trade reduction"
    "five of each": ((17, 14, 13, 9, 6), (1, 4, 5, 8, 11), (4, {8.5}, {8.5}), None),
    "five of each, reduced": ((17, 14, 13, 9, 6), (1, 4, 5, 8, 13), (3, {9.0}, {8.0}), None),
    # trade_reduction_protocol.py: "there is competition", all trade at 6.5; "no competition", reduction required
    "competition": ((11, 9, 7, 5), (2, 4, 6, 6.5), None, (3, {6.5}, {6.5})),
    "no competition": ((11, 9, 7, 5), (2, 4, 6, 8), None, (2, {7.0}, {7.0})),
}


@pytest.mark.parametrize(("bids", "asks", "mcafee", "sbba"), SINGLE_LOTS.values(), ids=SINGLE_LOTS)
def test_single_lots(bids, asks, mcafee, sbba):
    if mcafee is not None:
        assert trade(clear(units(*bids), units(*asks), "mcafee")) == mcafee
    for seed in range(5):
        if sbba is not None:
            assert trade(clear(units(*bids), units(*asks), "sbba", seed=seed)) == sbba


# Segal-Halevi, results/aaai20_50000_iterations.csv and experiment_comparing_mcafee_to_sbb_concise.csv: McAfee's own
# experiment (1992, Table I): n buyers and n sellers, values drawn evenly from 1 to 1000. Per cent of the largest gain
# from trade; "McAfee without heuristic" is trade reduction, "external competition" with a buyer first is SBBA.
SHARE_OF_GAINS = {
    "mcafee": {2: 77.08, 3: 88.24, 4: 92.40, 5: 94.61, 10: 98.37, 25: 99.70},
    "sbba": {2: 62.42, 3: 77.88, 4: 84.35, 5: 88.10, 10: 94.47, 25: 97.91},
    "trade_reduction": {2: 24.96, 3: 52.45, 4: 69.11, 5: 79.11, 10: 94.32, 25: 99.06},
}
# The same without what the operator keeps.
SHARE_OF_TRADERS = {
    "mcafee": {2: 69.01, 5: 86.08, 10: 91.78, 25: 96.35},
    "trade_reduction": {2: 16.57, 5: 53.42, 10: 73.46, 25: 88.57},
}


@pytest.mark.parametrize(("mechanism", "number"), [(m, n) for m, shares in SHARE_OF_GAINS.items() for n in shares])
def test_mcafees_experiment(mechanism, number):
    num_books = 5000
    price = np.random.default_rng(number).integers(1, 1001, (num_books, 2 * number)).astype(float)
    quantity = np.tile([1.0] * number + [-1.0] * number, (num_books, 1))
    best = (price * p2p_market.clear(price, quantity).filled).sum(axis=1)
    clearing = p2p_market.clear(price, quantity, mechanism, seed=0)
    gains = (price * clearing.filled).sum(axis=1)
    for gain, published in (
        (gains, SHARE_OF_GAINS[mechanism].get(number)),
        (gains - clearing.operator_surplus, SHARE_OF_TRADERS.get(mechanism, {}).get(number)),
    ):
        share = gain.sum() / best.sum()
        error = np.std(gain - share * best) / (best.mean() * np.sqrt(num_books))
        if published is not None:
            assert abs(share - published / 100) < 4 * error + 0.00005  # as rounded; the published ones err less


def test_sbba_lets_one_of_two_sellers_trade_by_lot():
    """Segal-Halevi: {9, 8 | 3, 4}, "random 1 out of 2 agents trade"."""
    sellers = [clear(units(9, 8), units(3, 4), "sbba", seed=seed).filled[2:].tolist() for seed in range(400)]
    first = sum(filled == [-1, 0] for filled in sellers)
    assert first + sum(filled == [0, -1] for filled in sellers) == 400
    assert 160 <= first <= 240


@pytest.mark.parametrize(
    ("bids", "asks", "expected"),
    [
        ((9,), (4,), (0, set(), set())),
        ((9, 8), (4, 3), (1, {8.0}, {4.0})),
        ((17, 14, 13, 9, 6), (1, 4, 5, 8, 13), (3, {9.0}, {8.0})),
    ],
)
def test_trade_reduction(bids, asks, expected):
    """Segal-Halevi's examples in which McAfee's auction falls back to it."""
    assert trade(clear(units(*bids), units(*asks), "trade_reduction")) == expected


@given(bids=st.lists(st.integers(0, 12), max_size=8), asks=st.lists(st.integers(0, 12), max_size=8))
def test_vcg_for_single_lots(bids, asks):
    """Wikipedia and Mittweida: every buyer pays max(s_k, b_{k+1}), every seller gets min(b_k, s_{k+1}); four cases."""
    b, s = sorted(bids, reverse=True), sorted(asks)
    k = sum(bid >= ask for bid, ask in zip(b, s, strict=False))
    clearing = clear(units(*bids), units(*asks), "vcg")
    assert clearing.traded == pytest.approx(k)  # a level may be shared out in thirds
    traded = clearing.filled != 0
    expected_buyer = max(s[k - 1], b[k] if k < len(b) else -np.inf) if k else np.nan
    expected_seller = min(b[k - 1], s[k] if k < len(s) else np.inf) if k else np.nan
    expected = np.array([expected_buyer] * len(bids) + [expected_seller] * len(asks))
    np.testing.assert_allclose(clearing.unit_price[traded], expected[traded], rtol=1e-14, atol=1e-14)


class TestVickrey:
    def test_second_price_by_household(self):
        """mkmks/auction: A 110, 130; C 125; D 105, 115, 90; E 132, 135, 140; a reserve of 100: E wins and pays 130."""
        bids, owners = [110, 130, 125, 105, 115, 90, 132, 135, 140], [0, 0, 2, 3, 3, 3, 4, 4, 4]
        clearing = p2p_market.clear([*bids, 100], [1.0] * 9 + [-1.0], "vcg", household=[*owners, 5])
        assert clearing.payment.tolist()[:-1] == [0] * 8 + [130]
        by_order = p2p_market.clear([*bids, 100], [1.0] * 9 + [-1.0], "vcg")
        assert by_order.payment[8] == 135  # as orders of strangers, E's own bids would compete

    def test_seller_of_the_only_item_gets_the_highest_bid(self):
        """Bilateral trade, Wikipedia: the buyer pays the ask, the seller gets the bid."""
        clearing = clear(units(9), units(4), "vcg")
        assert clearing.payment.tolist() == [4, -9]
        assert clearing.operator_surplus == -5


class TestHuang:
    def test_dataset_0(self):
        """pymarket, test_huang.py: bids 4 x 2, 3 x 1, 1 x 5; asks 1 x 1, 2 x 4, 6 x 5: 1 kWh, at 3 and 2."""
        clearing = clear([(3, 1), (4, 2), (1, 5)], [(2, 4), (1, 1), (6, 5)], "huang")
        assert clearing.filled.tolist() == [0, 1, 0, 0, -1, 0]
        assert trade(clearing) == (1, {3.0}, {2.0})
        assert clearing.operator_surplus == 1

    def test_dataset_3(self):
        """pymarket, test_huang.py: half a kWh too much demand, which 1, 0.1 and 1.9 kWh give up as 0.2, 0.1 and 0.2."""
        bids, asks = [(6, 1), (5, 0.1), (4, 1.9), (3, 1)], [(1, 1), (2, 1.5), (2.5, 1), (4, 1)]
        clearing = clear(bids, asks, "huang")
        np.testing.assert_allclose(clearing.filled, [0.8, 0, 1.7, 0, -1, -1.5, 0, 0], atol=1e-15)
        assert trade(clearing)[1:] == ({3.0}, {2.5})

    def test_those_that_set_the_price_do_not_trade(self):
        """pymarket, huang_auction.py: bids 3 x 1, 1 x 2 and an ask 2 x 2, at first alone, then with smaller ones."""
        assert clear([(3, 1), (1, 2)], [(2, 2)], "huang").traded == 0
        more = clear([(3, 1), (1, 2), (3.3, 0.2)], [(2, 2), (1, 0.3)], "huang")
        assert more.filled.tolist() == [0, 0, 0.2, 0, pytest.approx(-0.2)]
        assert trade(more) == (0.2, {3.0}, {2.0})

    @pytest.mark.parametrize(
        ("sizes", "surplus", "left"), [((1, 2, 3), 0.6, (0.8, 1.8, 2.8)), ((1, 0.5, 2), 1.8, (0.35, 0, 1.35))]
    )
    def test_equal_burden(self, sizes, surplus, left):
        """pymarket, update_quantity: what the longer side keeps of 1, 2, 3 if 0.6 is too much; of 1, 0.5, 2 if 1.8 is.

        The paper's footnote on its page 8. Here buyers are long, and marginal orders on both sides set 2 and 1.
        """
        bids = [(3, size) for size in sizes] + [(2, 0.1)]
        clearing = clear(bids, [(0.5, sum(sizes) - surplus), (1, surplus + 0.1)], "huang")
        np.testing.assert_allclose(clearing.filled[: len(sizes)], left, atol=1e-15)
        assert trade(clearing)[1:] == ({2.0}, {1.0})

    def test_single_lots_are_trade_reduction(self):
        """Huang et al., section 3: with one unit each and prices that differ it is McAfee's reduction."""
        clearing = clear(units(100, 90, 80, 70, 60), units(80, 85, 95, 100, 110), "huang")
        assert trade(clearing) == (1, {90.0}, {85.0})


class TestMuda:
    """One half of the market, at a price that the other half posts: a lone bid there, which finds no seller.

    A lot below 1/2 puts a household into the left half; twice the lot, without the whole part, is its ticket.
    """

    @staticmethod
    def half(
        bids: list[tuple[float, float, int]], asks: list[tuple[float, float, int]], posted: float, **options: str
    ) -> tuple[AuctionContext, np.ndarray]:
        """Clear (price, quantity, household) lists; households are numbered and the last one is the other half."""
        orders = [*bids, *((price, -quantity, owner) for price, quantity, owner in asks), (posted, 1.0, 99)]
        price, quantity, owner = (np.array(column, dtype=float) for column in zip(*orders, strict=True))
        lots = np.where(owner == 99, 0.75, 0.01 * (1 + owner))[None]
        rules = AuctionRules("muda", options)
        band = np.zeros(1), np.full(1, 1000.0)
        context = AuctionContext(rules, *band, *np.zeros((2, *lots.shape)), audit=True)
        return context.with_orders(Orders(price[None], quantity[None], owner.astype(int)), lots), owner

    def test_example_of_the_paper(self):
        """pymarket, test_muda.py, "example 1 presented in the MUDA paper": at 50, sellers leave 20 and 10.

        They sell two units each, and displace 35 and 45, and 40 and an unsold unit at the price of 50.
        """
        bids = [(price, 1, 0) for price in (100, 90, 80, 60, 40, 20)]
        asks = [(price, 1, 1) for price in (10, 20, 40, 60, 70)] + [(price, 1, 2) for price in (15, 25, 35, 45, 65)]
        context, owner = self.half(bids, asks, 50.0, long_side="vickrey")
        payment, filled = context.clearing.payment[0], context.clearing.filled[0]
        assert filled[filled > 0].sum() == 4
        sold = [i for i in range(6, 16) if filled[i] < 0]
        assert [asks[i - 6][0] for i in sold] == [10, 20, 15, 25]
        assert payment[owner == 0].sum() == pytest.approx(200)
        assert payment[owner == 1].sum() == pytest.approx(-(2 * 50 - 20))
        assert payment[owner == 2].sum() == pytest.approx(-(2 * 50 - 10))
        assert context.clearing.operator_surplus[0] == pytest.approx(30)

    def test_the_better_of_two_sellers_pays_for_the_place(self):
        """pymarket, solve_market_side_with_exogenous_price: bids 3, 0.5 and asks 1, 2 at 2.5; the ask at 1 pays 0.5."""
        context, _ = self.half([(3, 1, 0), (0.5, 1, 1)], [(1, 1, 2), (2, 1, 3)], 2.5, long_side="vickrey")
        assert context.clearing.filled[0].tolist() == [1, 0, -1, 0, 0]
        assert context.clearing.payment[0].tolist() == [2.5, 0, -2, 0, 0]

    @pytest.mark.parametrize(
        ("posted", "volume", "manager", "gain"),
        [(51, 0, 0, 0), (101, 4, 496, 900), (151, 4, 297, 900), (201, 8, 1, 1100)],
    )
    def test_vickrey_at_a_price_from_outside(self, posted, volume, manager, gain):
        """Segal-Halevi, VickreyTradeWithExogeneousPrice: (units, traders' gain, operator's gain, total gain)."""
        bids, asks = [(250, 5, 0), (150, 4, 1), (350, 3, 1)], [(200, 5, 2), (100, 4, 3), (300, 3, 3)]
        context, _ = self.half(bids, asks, posted, long_side="vickrey")
        clearing = context.clearing
        value = np.array([price for price, *_ in (*bids, *asks)])
        assert clearing.traded[0] == volume
        assert clearing.operator_surplus[0] == pytest.approx(manager)
        assert float(value @ clearing.filled[0, :-1]) == pytest.approx(gain)

    @pytest.mark.parametrize(
        ("posted", "volume", "gains"), [(51, 0, {0}), (101, 4, {600, 800}), (201, 8, {1000, 1100})]
    )
    def test_lottery_at_a_price_from_outside(self, posted, volume, gains):
        """Segal-Halevi, randomTradeWithExogeneousPrice: with their draw 4 units gain 800, and 8 units 1100."""
        found = set()
        for order in ((0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2)):
            bids = [(250, 5, order[0]), (150, 4, order[1]), (350, 3, order[1])]
            asks = [(200, 5, order[2]), (100, 4, order[3]), (300, 3, order[3])]
            clearing = self.half(bids, asks, posted)[0].clearing
            assert clearing.traded[0] == volume
            assert clearing.operator_surplus[0] == pytest.approx(0, abs=1e-12)
            value = np.array([price for price, *_ in (*bids, *asks)])
            found.add(round(float(value @ clearing.filled[0, :-1])))
        assert found <= gains
        assert max(found) == max(gains)


@pytest.mark.parametrize(
    ("buyers", "sellers", "volume", "gain"),
    [((0,), (2,), 5, 250), ((1, 2), (2,), 3, 450), ((0,), (0, 1), 4, 600), ((0, 1, 2), (0, 1, 2), 8, 1100)],
)
@pytest.mark.parametrize("mechanism", ["uniform_price", "pay_as_bid", "pairwise_midpoint", "vcg"])
def test_largest_gain_from_trade(mechanism, buyers, sellers, volume, gain):
    """Segal-Halevi, walrasianEquilibrium: b1 5 at 250; b2 4 at 150, 3 at 350; s1 5 at 200; s2 4 at 100, 3 at 300."""
    bids = [[(250, 5), (150, 4), (350, 3)][i] for i in buyers]
    asks = [[(100, 4), (300, 3), (200, 5)][i] for i in sellers]
    clearing = clear(bids, asks, mechanism)
    assert clearing.traded == volume
    assert float(np.array([p for p, _ in (*bids, *asks)]) @ clearing.filled) == gain


class TestContinuous:
    @staticmethod
    def trades(orders: list[tuple[float, float]]) -> tuple[list[tuple[int, int, float, float]], Clearing]:
        """(price, signed quantity) in order of arrival: (buyer, seller, quantity, price) of every trade."""
        price, quantity = np.array(orders, dtype=float).T
        context = AuctionContext(AuctionRules("continuous"), *np.zeros((2, 1)), *np.zeros((2, 1, len(orders))))
        context = context.with_orders(Orders(price[None], quantity[None]))
        pairs = context.transaction()
        rows = zip(
            pairs.buyer.tolist(), pairs.seller.tolist(), pairs.quantity.tolist(), pairs.price.tolist(), strict=True
        )
        return list(rows), context.clearing

    def test_example_one(self):
        """ncu571633/finance: a bid of 10 at 150 sells out to asks of 5 and 20 at 150; 15 of the second ask rest."""
        trades, clearing = self.trades([(150, 10), (150, -5), (150, -20)])
        assert trades == [(0, 1, 5, 150), (0, 2, 5, 150)]
        assert clearing.filled.tolist() == [[10, -5, -5]]

    def test_example_two(self):
        """ncu571633/finance: an ask of 1000 at 140 meets 20 at 155, then the older bid at 150, then the younger."""
        trades, clearing = self.trades([(150, 10), (150, 50), (155, 20), (140, -1000)])
        assert trades == [(2, 3, 20, 155), (0, 3, 10, 150), (1, 3, 50, 150)]
        assert clearing.filled[0, 3] == -80

    def test_large_order_against_three(self):
        """afterworkguinness/matching-engine: 350 at 80 sell to 100 and 120 at 150 and to 130 at 90."""
        trades, _ = self.trades([(150, 100), (150, 120), (90, 130), (80, -350)])
        assert [(quantity, price) for *_, quantity, price in trades] == [(100, 150), (120, 150), (130, 90)]

    def test_walk_through_a_limit_order_book(self):
        """acadifi.com: best ask 52.00 for 300, next 52.05 for 500; a buyer of 400 pays 52.0125 on average."""
        _, clearing = self.trades([(52.00, -300), (52.05, -500), (51.95, 400), (99, 400)])
        assert clearing.unit_price[0, 3] == pytest.approx(52.0125)
        assert clearing.filled[0].tolist() == [-300, -100, 0, 400]


def pool(rule: str, bought: float, sold: float, retail: float, feed_in: float) -> Clearing:
    return p2p_market.clear([0, 0], [bought, -sold], rule, retail_price=retail, feed_in_price=feed_in)


class TestPools:
    """rec-operation takes the lowest buying and the highest selling offer for retail and feed-in price: 35 and 15."""

    @pytest.mark.parametrize(("sold", "price"), [(1400, 15.594), (1250, 16.579), (2000, 15.0)])
    def test_supply_demand_ratio(self, sold, price):
        """test_compute_sdr: 1500 kWh of demand."""
        clearing = pool("supply_demand_ratio", 1500, sold, 35, 15)
        assert round(float(clearing.clearing_price), 3) == price

    def test_mid_market_rate(self):
        """test_compute_mmr: 25."""
        assert pool("mid_market_rate", 1500, 1600, 35, 15).clearing_price == 25

    def test_mid_market_rate_of_both_sides(self):
        """Long et al. 2017, the rule in numbers: 3 kWh needed and 1 there, and the other way round; 0.30 and 0.10."""
        short, long = pool("mid_market_rate", 3, 1, 0.30, 0.10), pool("mid_market_rate", 1, 3, 0.30, 0.10)
        np.testing.assert_allclose(short.unit_price, [(0.20 + 2 * 0.30) / 3, 0.20], rtol=1e-15)
        np.testing.assert_allclose(long.unit_price, [0.20, (0.20 + 2 * 0.10) / 3], rtol=1e-15)
        assert short.grid_payment == pytest.approx(0.6)
        assert long.grid_payment == pytest.approx(-0.2)

    def test_supply_demand_ratio_at_its_ends(self):
        """Liu et al. 2017: at R = 0 energy is worth the retail price, from R = 1 on the feed-in price."""
        assert pool("supply_demand_ratio", 1, 1, 0.30, 0.10).unit_price.tolist() == [0.10, 0.10]
        almost_none = pool("supply_demand_ratio", 1, 1e-9, 0.30, 0.10)
        np.testing.assert_allclose(almost_none.unit_price, 0.30, rtol=1e-7)
        assert pool("supply_demand_ratio", 1, 2, 0.30, 0.10).unit_price.tolist() == pytest.approx([0.10, 0.10])
        assert pool("supply_demand_ratio", 1, 0.5, 0.30, 0.0).unit_price.tolist() == [0.15, 0.0]  # no feed-in: free

    def test_bill_sharing(self):
        """Long et al. 2017, the rule in numbers: buyers share 2 kWh from the grid, sellers what the grid pays for 2."""
        short, long = pool("bill_sharing", 3, 1, 0.30, 0.10), pool("bill_sharing", 1, 3, 0.30, 0.10)
        np.testing.assert_allclose(short.unit_price, [0.30 * 2 / 3, 0.0], rtol=1e-15)
        np.testing.assert_allclose(long.unit_price, [0.0, 0.10 * 2 / 3], rtol=1e-15)

    @pytest.mark.parametrize("rule", ["mid_market_rate", "supply_demand_ratio", "bill_sharing"])
    def test_a_pool_of_one_side_is_the_grid_alone(self, rule):
        clearing = p2p_market.clear([0, 0], [1, 2], rule, retail_price=[0.3, 0.4], feed_in_price=0.1)
        assert clearing.payment.tolist() == pytest.approx([0.3, 0.8])
        assert np.isnan(clearing.clearing_price)
