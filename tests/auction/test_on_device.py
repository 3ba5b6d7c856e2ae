"""Clearing arrays of other libraries: the same as `p2p_market.clear`, and nothing is looked at on the way."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from auction.markets import ARRAYS, FEED_IN, RETAIL
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import batches, stack

import p2p_market
from p2p_market.auction.clearing import Clearing
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.auction.on_device import MECHANISMS_ON_DEVICE, clear_arrays, settle_arrays
from p2p_market.auction.operator import MarketOperator, Settlement
from p2p_market.auction.rules import AuctionRules
from p2p_market.errors import MechanismError, MissingExtraError

pytest.importorskip("array_api_compat", reason="clearing on a device needs the extra 'arrays'")

LIBRARIES = ("numpy", "array_api_strict", "torch")
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in MECHANISMS_ON_DEVICE},
    "low end": ("uniform_price", {"k": 0.0}),
    "marginal": ("uniform_price", {"price_rule": "marginal"}),
    "clip": ("uniform_price", {"price_rule": "clip", "k": 1.0}),
}
GRIDS: dict[str, dict[str, float]] = {
    "whole": {"price_tick": 0.01, "energy_unit": 1 / 16},
    "coarse": {"price_tick": 0.02, "energy_unit": 0.1},
    "ticks only": {"price_tick": 0.01},
    "floats": {},
}
FEES: tuple[dict[str, float], ...] = ({}, {"fee": 0.02}, {"fee": 0.013, "network_fee": 0.011, "fee_share": 0.25})
BY_COUNTING = ("filled", "unit_price", "clearing_price", "price_low", "price_high", "traded")  # others are summed up


def maker(library: str) -> Callable[..., Any]:
    """What turns a NumPy array into one of the library."""
    module = pytest.importorskip(library)
    return module.asarray


def on_device(make: Callable[..., Any], variant: str, price: Any, quantity: Any, **options: Any) -> Clearing:
    name, own = VARIANTS[variant]
    return clear_arrays(make(price), make(quantity), name, **own, **options)


def by_numpy(variant: str, price: Any, quantity: Any, **options: Any) -> Clearing:
    name, own = VARIANTS[variant]
    return p2p_market.clear(price, quantity, name, **own, **options)


def assert_same(found: Any, expected: Any, names: tuple[str, ...], exactly: tuple[str, ...] = ()) -> None:
    for name in names:
        have, want = np.asarray(getattr(found, name)), getattr(expected, name)
        assert have.shape == want.shape, name
        if name in exactly:
            np.testing.assert_array_equal(have, want, err_msg=name)
        else:
            np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=20)
@given(
    batch=batches().filter(lambda batch: len(batch[0]) > 0),
    grid=st.sampled_from(sorted(GRIDS)),
    fees=st.sampled_from(FEES),
)
def test_drawn_books_clear_as_in_numpy(library, variant, batch, grid, fees):
    price, quantity = stack(batch)
    tariffs = {}
    if MECHANISMS[VARIANTS[variant][0]].is_pool:
        tariffs = {"retail_price": np.where(price > 0.25, RETAIL, 0.3), "feed_in_price": np.full(price.shape, FEED_IN)}
    given_ = {**GRIDS[grid], **fees}
    make = maker(library)
    found = on_device(make, variant, price, quantity, **given_, **{name: make(each) for name, each in tariffs.items()})
    expected = by_numpy(variant, price, quantity, **given_, **tariffs)
    is_exact = grid in {"whole", "coarse"} and not tariffs
    assert_same(found, expected, ARRAYS, BY_COUNTING if is_exact else ())


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_large_books_with_more_axes_clear_as_in_numpy(library, variant):
    rng = np.random.default_rng(5)
    price, quantity = rng.uniform(FEED_IN, RETAIL, (3, 4, 300)), rng.normal(0.0, 0.5, (3, 4, 300))
    given_ = {"price_tick": 0.0001, "energy_unit": 0.001, "retail_price": RETAIL, "feed_in_price": FEED_IN}
    found, expected = (
        clear(variant, price, quantity, **given_)
        for clear in (lambda *args, **rest: on_device(maker(library), *args, **rest), by_numpy)
    )
    assert_same(found, expected, ARRAYS)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("variant", ["uniform_price", "pay_as_bid"])
@given(batch=batches().filter(lambda batch: len(batch[0]) > 0))
@settings(max_examples=20)
def test_whole_numbers_of_half_the_precision_give_the_same_trades(library, variant, batch):
    price, quantity = (np.round(values * scale) for values, scale in zip(stack(batch), (100, 16), strict=True))
    make = maker(library)
    found = on_device(make, variant, np.float32(price), np.float32(quantity), price_tick=1, energy_unit=1, fee=2)
    expected = by_numpy(variant, price, quantity, price_tick=1, energy_unit=1, fee=2)
    assert np.asarray(found.filled).dtype == np.float32
    for name in ("traded", "clearing_price", "price_low", "price_high", "unit_price"):
        np.testing.assert_array_equal(np.asarray(getattr(found, name)), getattr(expected, name), err_msg=name)
    np.testing.assert_allclose(np.asarray(found.filled), expected.filled, rtol=1e-6, err_msg="filled")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("mechanism", MECHANISMS_ON_DEVICE)
def test_bills_are_those_of_the_operator(library, mechanism):
    rng = np.random.default_rng(6)
    make = maker(library)
    net_load, price = rng.normal(0.0, 0.5, (5, 30)), rng.uniform(FEED_IN, RETAIL, (5, 30))
    retail, feed_in = rng.uniform(0.3, RETAIL, (5, 30)), np.full((5, 30), FEED_IN)
    tariffs = {"retail_price": retail, "feed_in_price": feed_in}
    expected_clearing = p2p_market.clear(price, net_load, mechanism, **tariffs)
    operator = MarketOperator(AuctionRules(mechanism))
    context = operator.open_auction(np.full(5, FEED_IN), np.full(5, RETAIL), retail, feed_in)
    expected = operator.settle(context, net_load, expected_clearing)

    on_it = {name: make(each) for name, each in tariffs.items()}
    limits = None if MECHANISMS[mechanism].is_pool else make(price)
    clearing = clear_arrays(limits, make(net_load), mechanism, **on_it)
    found = settle_arrays(clearing, make(net_load), mechanism=mechanism, **on_it)
    settled = [field.name for field in dataclasses.fields(Settlement) if getattr(expected, field.name) is not None]
    assert {"grid_import", "grid_export", "grid_payment", "bill", "grid_only_bill"} <= set(settled)
    assert_same(found, expected, tuple(settled))
    numbers = settle_arrays(clearing, make(net_load), RETAIL, FEED_IN, mechanism)
    assert numbers.bill.shape == net_load.shape


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_is_looked_at_on_the_host(variant, monkeypatch):
    """An accelerator is never waited for: no value becomes a number or a truth value of Python."""
    strict = pytest.importorskip("array_api_strict")
    rng = np.random.default_rng(7)
    price, quantity = (strict.asarray(rng.normal(0.3, 0.1, (4, 9))) for _ in range(2))

    def look(array: Any) -> Any:
        raise AssertionError(f"looked at {array}")

    for name in ("__bool__", "__int__", "__float__", "__index__"):
        monkeypatch.setattr(type(price), name, look)
    name, own = VARIANTS[variant]
    tariffs = {"retail_price": RETAIL, "feed_in_price": FEED_IN}
    with strict.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False):
        clearing = clear_arrays(price, quantity - 0.3, name, fee=0.013, **tariffs, **own)
        settle_arrays(clearing, quantity - 0.3, mechanism=name, **tariffs)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("mechanism", "price", "quantity", "rules", "traded"),
    [
        ("uniform_price", [0.3, 0.28], [1.0, -1.0], {"fee": 0.02}, 1.0),  # 0.28 + 0.02 is more than 0.3 in binary
        ("uniform_price", [0.3, 0.1, 0.1], [0.3, -0.1, -0.2], {}, 0.3),  # and so is 0.1 + 0.2
        ("uniform_price", [0.3, 0.3, 0.2, 0.1], [0.1, 0.2, 0.5, -0.3], {}, 0.3),
        ("uniform_price", [0.3, 0.2, 0.1, 0.1], [0.3, 0.5, -0.1, -0.2], {}, 0.3),
        # the fee is all that there is to gain
        ("mid_market_rate", [0.0, 0.0], [1.0, -1.0], {"fee": 0.2, "retail_price": 0.3, "feed_in_price": 0.1}, 1.0),
    ],
)
def test_numbers_that_are_equal_on_paper(library, mechanism, price, quantity, rules, traded):
    found = on_device(maker(library), mechanism, np.array(price), np.array(quantity), **rules)
    expected = by_numpy(mechanism, price, quantity, **rules)
    assert expected.traded == pytest.approx(traded)
    assert_same(found, expected, ARRAYS)


def test_an_order_that_is_none_may_have_any_price():
    clearing = clear_arrays(np.array([0.3, 0.1, np.nan]), np.array([1.0, -1.0, 0.0]))
    assert clearing.clearing_price == pytest.approx(0.2)
    assert clearing.filled.tolist() == [1.0, -1.0, 0.0]


PRICE, QUANTITY = np.array([0.3, 0.1]), np.array([1.0, -1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clear_arrays(PRICE, QUANTITY, "vcg"), "mechanism 'vcg' does not clear on a device; expected one of"),
        (lambda: clear_arrays(PRICE, QUANTITY, k=2), "k is 2; expected a weight from 0 to 1"),
        (lambda: clear_arrays(PRICE, QUANTITY, price_rule="mid"), "price_rule is 'mid'; expected 'ce'"),
        (lambda: clear_arrays(PRICE, QUANTITY, "pay_as_bid", spread="seller"), "spread is 'seller'; on a device"),
        (lambda: clear_arrays(PRICE[:1], QUANTITY), "price has shape (1,) and quantity (2,); expected the same"),
        (lambda: clear_arrays(None, QUANTITY), "price has shape () and quantity (2,); expected the same"),
        (lambda: clear_arrays(PRICE[:0], QUANTITY[:0]), "quantity has shape (0,); expected (..., N) with N at least 1"),
        (lambda: clear_arrays(PRICE, QUANTITY > 0), "quantity holds bool; expected floating-point numbers"),
        (lambda: clear_arrays([0.3, 0.1], [1.0, -1.0]), "quantity is a list; expected an array of numbers"),
        (
            lambda: clear_arrays(PRICE, np.float32(QUANTITY)),
            "quantity holds float32, which rounds cents",
        ),
        (lambda: clear_arrays(None, QUANTITY, "bill_sharing"), "mechanism 'bill_sharing' settles with the grid; give"),
    ],
)
def test_what_cannot_be_cleared_is_told(call, message):
    with pytest.raises(MechanismError, match=re.escape(message)):
        call()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "array_api_compat", None)
    with pytest.raises(MissingExtraError, match=r"needs the package 'array-api-compat'.*p2p-market\[arrays\]"):
        clear_arrays(PRICE, QUANTITY)


def test_the_example_of_the_page_runs():
    pytest.importorskip("torch")
    page = (Path(__file__).parents[2] / "docs" / "speed.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```py\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace('"cuda"', '"cpu"'), names)  # noqa: S102 (our own document)
    assert names["bills"].bill.shape == (1000, 300)
