"""Best responses against an exhaustive search, and cases that can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import p2p_market
from p2p_market.analysis import best_response
from p2p_market.auction.mechanisms import MECHANISMS

TICK, UNIT = 0.01, 0.125

MARKETS: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in MECHANISMS} | {
    "uniform_price, marginal": ("uniform_price", {"price_rule": "marginal", "k": 0.25}),
    "uniform_price, clip": ("uniform_price", {"price_rule": "clip"}),
    "uniform_price, priority": ("uniform_price", {"ties": "priority"}),
    "uniform_price, random": ("uniform_price", {"ties": "random"}),
    "uniform_price, fees": ("uniform_price", {"fee": 0.02, "network_fee": 0.015, "fee_share": 0.3}),
    "pay_as_bid, rate": ("pay_as_bid", {"fee": 0.01, "fee_rate": 0.05}),
    "pay_as_bid, buyer": ("pay_as_bid", {"spread": "buyer"}),
    "huang, order": ("huang", {"drop": "order"}),
    "continuous, mid": ("continuous", {"pair_price": "mid"}),
    "muda, vickrey": ("muda", {"long_side": "vickrey"}),
}
WITH_QUANTITIES = [label for label, (name, _) in MARKETS.items() if not MECHANISMS[name].promises.unit_lots]


def draw_book(rng: np.random.Generator, mechanism: str, most: int = 5) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Draw values in cents with ties, needs in eighths of a kWh, and the tariffs that a pool needs."""
    num_households = rng.integers(2, most + 1)
    levels = rng.choice([12, 15, 16, 20, 24, 25], num_households)
    value = (levels if rng.random() < 0.5 else rng.integers(12, 28, num_households)) / 100
    need = rng.choice([1, 2, 3, 5, 8], num_households) / 8 * rng.choice([-1, 1], num_households)
    if MECHANISMS[mechanism].promises.unit_lots:
        need = np.sign(need)
    tariffs = {"retail_price": value[None], "feed_in_price": value[None]} if MECHANISMS[mechanism].is_pool else {}
    return value[None], need[None], tariffs


def utility(
    value: np.ndarray, need: np.ndarray, household: int, price: float, quantity: float, mechanism: str, **options: Any
) -> float:
    """What one report is worth to one household while the others are truthful, from the public auction alone."""
    prices, quantities = value.copy(), need.copy()
    prices[0, household], quantities[0, household] = price, quantity
    clearing = p2p_market.clear(prices, quantities, mechanism, **options)
    energy = quantity if MECHANISMS[mechanism].is_pool else clearing.filled[0, household]
    wanted = need[0, household]
    useful = min(energy, wanted) if wanted > 0 else max(energy, wanted)
    return float(value[0, household] * useful - clearing.payment[0, household])


def by_trying_everything(
    value: np.ndarray,
    need: np.ndarray,
    household: int,
    prices: np.ndarray,
    sizes: np.ndarray,
    mechanism: str,
    **options: Any,
) -> float:
    """Return the utility of the best of all reports."""
    side = np.sign(need[0, household])
    return max(
        utility(value, need, household, price, side * size, mechanism, **options) for price in prices for size in sizes
    )


def sizes_on_grid(need: float, ratio: float) -> np.ndarray:
    most = need * ratio if need > 0 else -need
    return np.arange(0, round(most / UNIT) + 1) * UNIT


@pytest.mark.parametrize("label", MARKETS)
def test_prices_are_exact_on_a_grid_of_ticks(label: str) -> None:
    mechanism, own = MARKETS[label]
    rng = np.random.default_rng(3)
    every_tick = np.arange(5, 36) / 100
    for seed in range(6):
        value, need, tariffs = draw_book(rng, mechanism)
        options = {"seed": seed, "price_tick": TICK, **own, **tariffs}
        best = best_response(value, need, mechanism, **options)
        for household in range(value.shape[1]):
            sizes = np.abs(need[0, household : household + 1])
            exact = by_trying_everything(value, need, household, every_tick, sizes, mechanism, **options)
            assert best.utility[0, household] == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("label", WITH_QUANTITIES)
def test_quantities_are_exact_on_a_grid_of_units(label: str) -> None:
    mechanism, own = MARKETS[label]
    rng = np.random.default_rng(4)
    for seed in range(6):
        value, need, tariffs = draw_book(rng, mechanism)
        options = {"seed": seed, "energy_unit": UNIT, **own, **tariffs}
        best = best_response(value, need, mechanism, misreport="quantity", max_quote_ratio=4, **options)
        for household in range(value.shape[1]):
            sizes = sizes_on_grid(need[0, household], 4)
            exact = by_trying_everything(value, need, household, value[0, [household]], sizes, mechanism, **options)
            assert best.utility[0, household] == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("label", WITH_QUANTITIES)
def test_pairs_are_exact_on_both_grids(label: str) -> None:
    mechanism, own = MARKETS[label]
    rng = np.random.default_rng(5)
    for seed in range(2):
        value, need, tariffs = draw_book(rng, mechanism, most=4)
        options = {"seed": seed, "price_tick": TICK, "energy_unit": UNIT, **own, **tariffs}
        best = best_response(value, need, mechanism, misreport=("price", "quantity"), max_quote_ratio=2, **options)
        household = int(np.abs(need[0]).argmin())
        sizes = sizes_on_grid(need[0, household], 2)
        prices = value[0, [household]] if MECHANISMS[mechanism].is_pool else np.arange(9, 31) / 100
        exact = by_trying_everything(value, need, household, prices, sizes, mechanism, **options)
        assert best.utility[0, household] == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("label", WITH_QUANTITIES)
def test_no_fine_grid_of_quantities_beats_the_search_where_there_is_no_unit(label: str) -> None:
    mechanism, own = MARKETS[label]
    rng = np.random.default_rng(6)
    for seed in range(4):
        value, need, tariffs = draw_book(rng, mechanism)
        need = need * rng.uniform(0.5, 1.0, need.shape)
        options = {"seed": seed, **own, **tariffs}
        best = best_response(value, need, mechanism, misreport="quantity", max_quote_ratio=3, **options)
        household = int(rng.integers(value.shape[1]))
        most = need[0, household] * 3 if need[0, household] > 0 else -need[0, household]
        sizes = np.linspace(0.0, most, 61)
        grid = by_trying_everything(value, need, household, value[0, [household]], sizes, mechanism, **options)
        assert best.utility[0, household] >= grid - 1e-6


@pytest.mark.parametrize("label", MARKETS)
def test_the_best_report_earns_in_the_market_what_is_claimed(label: str) -> None:
    mechanism, own = MARKETS[label]
    rng = np.random.default_rng(7)
    for seed in range(4):
        value, need, tariffs = draw_book(rng, mechanism)
        options = {"seed": seed, **own, **tariffs}
        kinds = ("price",) if MECHANISMS[mechanism].promises.unit_lots else ("price", "quantity")
        best = best_response(value, need, mechanism, misreport=kinds, **options)
        assert (best.gain >= 0.0).all()
        np.testing.assert_array_equal(best.gain, best.utility - best.truthful_utility)
        for household in range(value.shape[1]):
            for price, quantity, claimed in (
                (best.price, best.quantity, best.utility),
                (value, need, best.truthful_utility),
            ):
                earned = utility(
                    value, need, household, price[0, household], quantity[0, household], mechanism, **options
                )
                assert claimed[0, household] == pytest.approx(earned, abs=1e-12)


def test_in_bilateral_trade_each_side_shades_to_the_other() -> None:
    best = best_response(value=[0.30, 0.10], quantity=[1.0, -1.0])
    np.testing.assert_allclose(best.price, [0.10, 0.30])
    np.testing.assert_allclose(best.truthful_utility, [0.10, 0.10])  # at 0.20, the middle
    np.testing.assert_allclose(best.gain, [0.10, 0.10])


def test_a_buyer_who_pays_its_bid_shades_it_to_the_lowest_accepted_price() -> None:
    best = best_response([0.30, 0.20, 0.10], [1.0, 1.0, -2.0], "pay_as_bid", price_tick=0.01)
    np.testing.assert_allclose(best.price, [0.10, 0.10, 0.20])
    np.testing.assert_allclose(best.gain, [0.20, 0.10, 0.20])
    scarce = best_response([0.30, 0.20, 0.10], [1.0, 1.0, -1.0], "pay_as_bid", price_tick=0.01)
    np.testing.assert_allclose(scarce.price[0], 0.21)  # a tick above the bid that it keeps out


def test_withholding_pays_in_a_uniform_price_market() -> None:
    # the seller of 2 kWh meets one buyer at 0.40 and one at 0.20; whole, it is the marginal order and gets 0.10
    value, need = [0.40, 0.20, 0.10], [1.0, 0.5, -2.0]
    best = best_response(value, need, misreport="quantity", energy_unit=0.001)
    assert best.truthful_utility[2] == pytest.approx(0.0)
    # offering just under 1 kWh makes the dear bid the marginal one
    assert best.quantity[2] == pytest.approx(-0.999)
    assert best.gain[2] == pytest.approx(0.30 * 0.999)


def test_huang_is_truthful_in_price_but_not_in_quantity() -> None:
    value, need = [10.0, 8.0, 6.0, 1.0, 2.0], [2.0, 2.0, 1.0, -3.0, -0.5]
    assert (best_response(value, need, "huang").gain == 0.0).all()
    best = best_response(value, need, "huang", misreport="quantity")
    # the truth buys 2 at 8; with less than 1.5 the bid at 8 is filled whole and the price falls to 6, where the two
    # buyers share 3 kWh by equal burden: 1.25 at 6
    assert best.truthful_utility[0] == pytest.approx(4.0)
    assert best.quantity[0] == pytest.approx(1.5, abs=1e-5)
    assert best.quantity[0] < 1.5
    assert best.gain[0] == pytest.approx(1.25 * 4 - 4.0, abs=1e-4)


def test_exaggerating_wins_a_share_that_just_fills_the_need() -> None:
    # two equal bids share 1 kWh at the ask's price; 0.9 / (0.9 + 0.6) of it is the need of 0.6
    best = best_response(
        [0.30, 0.30, 0.10], [0.6, 0.6, -1.0], misreport="quantity", price_rule="marginal", k=0.0, max_quote_ratio=5
    )
    assert best.quantity[:2] == pytest.approx([0.9, 0.9], rel=1e-9)
    assert best.gain[:2] == pytest.approx([0.02, 0.02], rel=1e-9)
    bounded = best_response(
        [0.30, 0.30, 0.10], [0.6, 0.6, -1.0], misreport="quantity", price_rule="marginal", k=0.0, max_quote_ratio=1
    )
    assert (bounded.gain == 0.0).all()


def test_energy_beyond_the_need_is_worth_what_is_said() -> None:
    value, need = [0.30, 0.10], [1.0, -3.0]
    assert (best_response(value, need, misreport="quantity").quantity[0]) == 1.0
    best = best_response(value, need, misreport="quantity", excess_price=0.25, energy_unit=0.001)
    assert best.quantity[0] == pytest.approx(2.999)  # up to where it would drive the price up to its own bid
    assert best.utility[0] == pytest.approx(0.20 + 0.15 * 1.999)
    short = best_response([0.30, 0.10], [3.0, -1.0], misreport="quantity", energy_unit=0.001)
    assert short.quantity[1] == -1.0
    short = best_response([0.30, 0.10], [3.0, -1.0], misreport="quantity", shortage_price=0.25, energy_unit=0.001)
    assert short.quantity[1] == pytest.approx(-2.999)
    assert short.utility[1] == pytest.approx(0.20 + 0.05 * 1.999)


def test_a_seller_keeps_out_of_a_bill_sharing_pool() -> None:
    value = np.array([0.30, 0.05])
    tariffs = {"retail_price": [0.30], "feed_in_price": [0.05]}
    best = best_response(value[None], [[2.0, -1.0]], "bill_sharing", misreport="quantity", **tariffs)
    assert best.quantity[0, 1] == 0.0
    assert best.gain[0, 1] == pytest.approx(0.05)  # inside, its energy is free


def test_others_may_report_something_else_than_the_truth() -> None:
    best = best_response([0.30, 0.10], [1.0, -1.0], price=[0.25, 0.15])
    np.testing.assert_allclose(best.price, [0.15, 0.25])
    np.testing.assert_allclose(best.truthful_utility, [0.30 - 0.225, 0.175 - 0.10])
    np.testing.assert_allclose(best.utility, [0.15, 0.15])


def test_books_stand_side_by_side_and_households_may_be_named() -> None:
    rng = np.random.default_rng(0)
    value = rng.uniform(0.1, 0.5, (2, 3, 6))
    need = rng.uniform(0.1, 1.0, value.shape) * np.where(np.arange(6) % 2, 1, -1)
    need[0, 1, 2] = 0.0
    before = value.copy(), need.copy()
    every = best_response(value, need, "pairwise_midpoint", misreport=("price", "quantity"))
    assert every.gain.shape == value.shape
    assert every.gain[0, 1, 2] == 0.0
    some = best_response(
        value, need, "pairwise_midpoint", misreport=("price", "quantity"), households=[4, 1], chunk=100
    )
    assert some.households.tolist() == [4, 1]
    one = best_response(value[1, 2], need[1, 2], "pairwise_midpoint", misreport=("price", "quantity"))
    for name in ("gain", "price", "quantity", "utility", "truthful_utility"):
        np.testing.assert_array_equal(getattr(some, name), getattr(every, name)[..., [4, 1]])
        np.testing.assert_array_equal(getattr(one, name), getattr(every, name)[1, 2])
    np.testing.assert_array_equal(value, before[0])
    np.testing.assert_array_equal(need, before[1])


def test_nothing_to_gain_where_nobody_is() -> None:
    assert best_response(np.empty((3, 0)), np.empty((3, 0))).gain.shape == (3, 0)
    assert best_response(np.empty((0, 4)), np.empty((0, 4))).gain.shape == (0, 4)
    assert best_response([0.3, 0.2], [0.0, 0.0]).gain.tolist() == [0.0, 0.0]
    assert best_response([np.nan, 0.2], [0.0, 1.0]).gain.tolist() == [0.0, 0.0]


def test_both_together_find_no_less_than_either_alone_in_a_large_book() -> None:
    rng = np.random.default_rng(1)
    value = rng.uniform(0.1, 0.5, 40)
    need = rng.uniform(0.1, 1.0, 40) * np.where(np.arange(40) % 2, 1, -1)
    for mechanism in ("uniform_price", "pairwise_midpoint", "huang"):
        gains = {
            kinds: best_response(value, need, mechanism, misreport=kinds, households=range(8)).gain
            for kinds in ("price", "quantity", ("price", "quantity"))
        }
        assert (gains["price", "quantity"] >= np.maximum(gains["price"], gains["quantity"]) - 1e-12).all()


def test_knowing_the_lots_is_worth_more_than_the_mean_over_lots() -> None:
    rng = np.random.default_rng(2)
    value, need = rng.uniform(0.1, 0.5, (1, 6)), np.array([[1.0, -1.0, 1.0, -1.0, 1.0, -1.0]])
    seeds = [np.random.SeedSequence(9, spawn_key=(draw,)) for draw in range(3)]
    knowing = best_response(value, need, "continuous", seed=seeds[0])
    expecting = best_response(value, need, "continuous", seed=seeds[0], num_draws=40)
    truthful = [best_response(value, need, "continuous", seed=seeds[0], num_draws=n).truthful_utility for n in (1, 40)]
    assert expecting.gain.sum() < knowing.gain.sum()
    assert (expecting.gain > 0.0).any()
    assert (truthful[0] != truthful[1]).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mechanism": "mcafe"}, "unknown mechanism 'mcafe'; did you mean 'mcafee'"),
        ({"misreport": "quantities"}, r"misreport is 'quantities'; expected 'price', 'quantity', or both in a tuple"),
        ({"misreport": ()}, r"misreport is \(\); expected 'price', 'quantity', or both in a tuple"),
        (
            {"mechanism": "mcafee", "misreport": "quantity"},
            "'mcafee' is defined for lots of one size.*use misreport='price'",
        ),
        ({"value": [0.3, np.inf]}, r"value\[1\] is inf; expected a finite number in \$/kWh"),
        ({"value": [0.3]}, r"value has shape \(1,\) and quantity \(2,\); expected the same shape"),
        ({"value": ["a", 1]}, "value is not an array of numbers"),
        ({"quantity": [1.0, np.nan]}, r"quantity\[1\] is nan"),
        ({"price": [np.nan, 0.1]}, r"price\[0\] is nan"),
        ({"households": [2]}, r"households is \[2\]; expected places in the book, whole numbers from 0 to 1"),
        ({"households": [0.0]}, r"households is \[0\.0\]; expected places in the book"),
        ({"max_quote_ratio": 0.5}, "max_quote_ratio is 0.5; expected a number, 1 or more"),
        ({"num_draws": 0}, "num_draws is 0; expected a whole number, 1 or more"),
        ({"chunk": 1.5}, "chunk is 1.5; expected a whole number, 1 or more"),
        ({"excess_price": np.nan}, "excess_price is nan; expected finite prices"),
        (
            {"shortage_price": [1.0, 2.0, 3.0]},
            r"shortage_price has shape \(3,\); expected one price, or one a household",
        ),
        ({"rng": np.random.default_rng(0)}, "takes no option 'rng'; it needs seed="),
        ({"household": [0, 0]}, "takes no option 'household'; it needs one order a household"),
        ({"fees": 0.1}, "'uniform_price' takes no option 'fees'; did you mean 'fee'"),
        ({"mechanism": "muda"}, "this market draws lots; give seed="),
        ({"mechanism": "grid_only"}, "mechanism 'grid_only' settles with the grid; give retail_price="),
    ],
)
def test_what_cannot_be_used_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(p2p_market.errors.P2PMarketError, match=message):
        best_response(**{"value": [0.3, 0.1], "quantity": [1.0, -1.0], **arguments})
