"""What `clear` says about orders and options that it cannot use: one error that names the place and the remedy."""

from __future__ import annotations

import re

import numpy as np
import pytest

import p2p_market
from p2p_market.errors import MechanismError, UnknownNameError

PRICE, QUANTITY = [0.3, 0.1], [1.0, -1.0]
GRID = {"mechanism": "grid_only", "retail_price": 0.3, "feed_in_price": 0.1}


@pytest.mark.parametrize(
    ("price", "quantity", "message"),
    [
        ([0.3], [1, -1], "price has shape (1,) and quantity (2,); expected the same shape (..., N)"),
        ([PRICE], QUANTITY, "price has shape (1, 2) and quantity (2,); expected the same shape (..., N)"),
        (0.3, 1.0, "price has shape () and quantity (); expected the same shape (..., N), one limit price an order"),
        (
            [0.3, np.nan],
            QUANTITY,
            "price[1] is nan; expected a finite number of at most 1e+12 in size; set the quantity",
        ),
        ([-np.inf, 0.1], QUANTITY, "price[0] is -inf; expected a finite number"),
        (PRICE, [1, np.nan], "quantity[1] is nan; expected a finite number of at most 1e+12 in size"),
        (PRICE, [np.inf, -1], "quantity[0] is inf; expected a finite number"),
        (PRICE, [1e300, -1e300], "quantity[0] is 1e+300; expected a finite number"),
        ([PRICE, [0.3, np.nan]], [QUANTITY] * 2, "price[1, 1] is nan"),
        ([[PRICE], [[0.3, 0.1]]], [[QUANTITY], [[1, np.nan]]], "quantity[1, 0, 1] is nan"),
        (["0.3", "0.1"], QUANTITY, "price is not an array of numbers: it holds text"),
        (PRICE, ["one", "two"], "quantity is not an array of numbers: it holds text"),
        ([0.3 + 1j, 0.1], QUANTITY, "price is not an array of numbers: it holds complex128"),
        (
            np.array(["2012-07-01"] * 2, "datetime64[D]"),
            QUANTITY,
            "price is not an array of numbers: it holds datetime64",
        ),
        ({"a": 1}, QUANTITY, "price is not an array of numbers"),
        ([None, 0.1], QUANTITY, "price[0] is nan; expected a finite number"),
        ([[0.3], [0.1, 0.2]], QUANTITY, "price is not an array of numbers"),
    ],
)
def test_orders(price, quantity, message):
    with pytest.raises(MechanismError, match=re.escape(message)):
        p2p_market.clear(price, quantity)


def test_a_price_without_an_order_may_be_anything():
    clearing = p2p_market.clear([0.3, np.nan, 0.1, np.inf], [1.0, 0.0, -1.0, 0.0])
    assert clearing.filled.tolist() == [1, 0, -1, 0]
    assert p2p_market.clear([np.nan, np.nan], QUANTITY, **GRID).payment.tolist() == [0.3, -0.1]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unifrom_price", "unknown mechanism 'unifrom_price'; did you mean 'uniform_price'?; known: "),
        ("grid", "unknown mechanism 'grid'; did you mean 'grid_only'?"),
        (
            "",
            "unknown mechanism ''; known: bill_sharing, continuous, grid_only, huang, mcafee, mid_market_rate, muda, ",
        ),
        (None, "unknown mechanism None; known: "),
        (["uniform_price"], "unknown mechanism ['uniform_price']; did you mean 'uniform_price'?"),
    ],
)
def test_unknown_mechanism(name, message):
    with pytest.raises(UnknownNameError, match=re.escape(message)):
        p2p_market.clear(PRICE, QUANTITY, name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"price_rul": "ce"},
            "'uniform_price' takes no option 'price_rul'; did you mean 'price_rule'?; its options are: k,",
        ),
        ({"price_tik": 0.01}, "takes no option 'price_tik'; did you mean 'price_tick'?"),
        ({"fees": 0.01}, "takes no option 'fees'; did you mean 'fee'?"),
        ({"spread": "buyer"}, "mechanism 'uniform_price' takes no option 'spread'"),
        (
            {"mechanism": "pay_as_bid", "k": 0.5},
            "mechanism 'pay_as_bid' takes no option 'k'; its options are: spread; every",
        ),
        ({**GRID, "k": 0.5}, "mechanism 'grid_only' takes no option 'k'; its options are: none; every market's are: "),
    ],
)
def test_unknown_option(options, message):
    with pytest.raises(MechanismError, match=re.escape(message)):
        p2p_market.clear(PRICE, QUANTITY, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 1.5}, "k is 1.5; expected a weight from 0 to 1"),
        ({"k": "half"}, "k is 'half'; expected a weight from 0 to 1"),
        ({"k": None}, "k is None; expected a weight from 0 to 1"),
        ({"mechanism": "pairwise_midpoint", "k": -0.1}, "k is -0.1; expected a weight from 0 to 1"),
        ({"price_rule": "mid"}, "price_rule is 'mid'; expected 'ce', 'marginal' or 'clip'"),
        ({"mechanism": "pay_as_bid", "spread": "me"}, "spread is 'me'; expected 'operator', 'seller' or 'buyer'"),
        ({"ties": "prorate"}, "ties is 'prorate'; did you mean 'prorata'?; expected one of"),
        ({"ties": None}, "ties is None; expected one of"),
        ({"ties": "random"}, "this market draws lots; give seed= or rng= to make the draw reproducible"),
        ({"ties": "random", "seed": -1}, "seed is -1; expected a whole number, 0 or more"),
        ({"ties": "random", "seed": "x"}, "seed is 'x'; expected a whole number"),
        ({"ties": "random", "rng": 3}, "rng is 3; expected a numpy.random.Generator"),
        ({"price_tick": -0.01}, "price_tick is -0.01; expected a number above 0, or None for no grid"),
        ({"price_tick": 0}, "price_tick is 0; expected a number above 0"),
        ({"price_tick": "cent"}, "price_tick is 'cent'; expected a number above 0"),
        ({"energy_unit": np.nan}, "energy_unit is nan; expected a number above 0"),
        ({"energy_unit": "1 Wh"}, "energy_unit is '1 Wh'; expected a number above 0"),
        ({"fee": -0.01}, "fee is -0.01; expected one finite number, 0 or more"),
        ({"fee": "2 cents"}, "fee is '2 cents'; expected one finite number, 0 or more"),
        ({"network_fee": [0.1, 0.2]}, "network_fee is [0.1, 0.2]; expected one finite number, 0 or more"),
        ({"fee_rate": np.inf}, "fee_rate is inf; expected one finite number, 0 or more"),
        ({"fee_rate": 2.0}, "fee_rate is 2.0; sellers would be left with nothing, expected less than 1"),
        ({"fee_share": 1.5}, "fee_share is 1.5; expected the buyers' share of the fee, 0 to 1"),
        ({"fee_share": True}, "fee_share is True; expected the buyers' share of the fee, 0 to 1"),
        (
            {"household": [0]},
            "household has shape (1,) and type int64; expected 2 whole numbers, 0 or more: the household",
        ),
        ({"household": [0.0, 1.0]}, "household has shape (2,) and type float64; expected 2 whole numbers"),
        ({"household": [0, -1]}, "expected 2 whole numbers, 0 or more"),
    ],
)
def test_values_of_options(options, message):
    with pytest.raises(MechanismError, match=re.escape(message)):
        p2p_market.clear(PRICE, QUANTITY, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retail_price": None}, "mechanism 'grid_only' settles with the grid; give retail_price= in $/kWh"),
        ({"feed_in_price": None}, "mechanism 'grid_only' settles with the grid; give feed_in_price= in $/kWh"),
        ({"retail_price": "dear"}, "retail_price is not an array of numbers: it holds text"),
        ({"retail_price": np.nan}, "retail_price is nan; expected a finite number"),
        ({"feed_in_price": [0.1, np.nan]}, "feed_in_price[1] is nan; expected a finite number"),
        (
            {"feed_in_price": [1, 2, 3]},
            "feed_in_price has shape (3,); expected one price, one a market (), or one a househo",
        ),
    ],
)
def test_tariffs_of_a_pool(options, message):
    with pytest.raises(MechanismError, match=re.escape(message)):
        p2p_market.clear(PRICE, QUANTITY, **{**GRID, **options})


@pytest.mark.parametrize("mechanism", ["trade_reduction", "mcafee", "sbba"])
@pytest.mark.parametrize("energy_unit", [None, 0.001])
def test_mechanisms_for_lots_want_equal_quantities(mechanism, energy_unit):
    price, quantity = np.full((2000, 30), 0.3), np.full((2000, 30), 0.5)
    quantity[:, ::2] *= -1.0
    quantity[:, 7] = 0.0  # no order is no lot
    p2p_market.clear(price, quantity, mechanism, seed=0, energy_unit=energy_unit)
    quantity[1999, 4] = -0.25
    message = (
        "market 1999: order 4 is 0.25 kWh and another 0.5 kWh; this mechanism is truthful for lots of one size only, "
        "so all quantities must be equal. For quantities that differ use 'huang' or 'muda'"
    )
    with pytest.raises(MechanismError, match=re.escape(message)):
        p2p_market.clear(price, quantity, mechanism, seed=0, energy_unit=energy_unit)
    # 0.1 + 0.2 kWh and 0.3 kWh are one size
    assert p2p_market.clear([0.3, 0.3, 0.1, 0.1], [0.3, 0.1 + 0.2, -0.3, -0.1 - 0.2], mechanism, seed=0).traded > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mechanism": "huang", "drop": "all"}, "drop is 'all'; expected 'level' or 'order'"),
        ({"mechanism": "huang", "drop": "order"}, "this market draws lots; give seed= or rng="),
        ({"mechanism": "huang", "long_side": "x"}, "'huang' takes no option 'long_side'; its options are: drop; every"),
        ({"mechanism": "sbba"}, "this market draws lots; give seed= or rng="),
        ({"mechanism": "muda"}, "this market draws lots; give seed= or rng="),
        ({"mechanism": "muda", "seed": 0, "long_side": "Vickrey"}, "long_side is 'Vickrey'; expected 'lottery' or 'vi"),
        ({"mechanism": "vcg", "k": 0.5}, "'vcg' takes no option 'k'; its options are: none; every market's are: "),
        ({"mechanism": "continuous", "pair_price": "taker"}, "pair_price is 'taker'; expected 'maker' or 'mid'"),
        (
            {"mechanism": "continuous", "arrival": [0]},
            "arrival has shape (1,) and type int64; expected the places of the 2 orders in the order in which they arr",
        ),
        ({"mechanism": "continuous", "arrival": [[0, 1], [1, 0]]}, "arrival has shape (2, 2) and type int64"),
        ({"mechanism": "continuous", "arrival": [0.0, 1.0]}, "arrival has shape (2,) and type float64"),
        ({"mechanism": "continuous", "arrival": "first"}, "arrival has shape () and type <U5"),
        (
            {"mechanism": "continuous", "arrival": [1, 1]},
            "arrival names an order twice, or one that is not there; expected each of 0 to 1 once",
        ),
        ({"mechanism": "continuous", "arrival": [0, 2]}, "arrival names an order twice, or one that is not there"),
        ({"mechanism": "continuous", "arrival": [-1, 0]}, "arrival names an order twice, or one that is not there"),
    ],
)
def test_options_of_mechanisms(options, message):
    with pytest.raises(MechanismError, match=re.escape(message)):
        p2p_market.clear(PRICE, QUANTITY, **options)


@pytest.mark.parametrize("mechanism", ["vcg", "muda"])
def test_a_household_cannot_buy_and_sell_in_one_market(mechanism):
    price, quantity = [[0.3, 0.1, 0.2]] * 2, [[1.0, -1.0, 0.0], [1.0, -1.0, 1.0]]
    message = "market 1: household 7 both buys and sells; net its orders to one side first"
    with pytest.raises(MechanismError, match=re.escape(message)):
        p2p_market.clear(price, quantity, mechanism, household=[3, 7, 7], seed=0)
    p2p_market.clear(price, quantity, mechanism, household=[3, 7, 3], seed=0)
    p2p_market.clear(price[0], quantity[0], mechanism, household=[3, 7, 7], seed=0)  # nothing is no order


def test_errors_are_value_errors_and_lookup_errors_too():
    with pytest.raises(ValueError, match="k is 7"):
        p2p_market.clear(PRICE, QUANTITY, k=7)
    with pytest.raises(LookupError, match="unknown mechanism"):
        p2p_market.clear(PRICE, QUANTITY, "x")
