"""The bounds on episodes whose answer can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from p2p_market.bounds import (
    Episode,
    execute,
    optimal_dispatch,
    perfect_forecast,
    price_energy,
    receding_horizon,
    selfish_dispatch,
)
from p2p_market.devices.battery import Batteries, BatteryDesign
from p2p_market.errors import DataError

IDEAL: dict[str, Any] = {
    "capacity_kwh": 2.0,
    "power_kw": 1.0,
    "charge_efficiency": 1.0,
    "discharge_efficiency": 1.0,
    "initial_share": 0.0,
}


def batteries(*designs: dict[str, Any] | None) -> Batteries:
    """Batteries of a street with intervals of an hour, ``None`` for a household without one."""
    owned = [BatteryDesign(**{**IDEAL, **design}) for design in designs if design is not None]
    numbers = iter(range(len(owned)))
    design_of = np.array([-1 if design is None else next(numbers) for design in designs])
    return Batteries.of_designs(owned, design_of, 1.0, 1000)


def one_home(
    net_load: list[float], retail: list[float], feed_in: float = 0.0, *, off_peak: float | None = None, **design: Any
) -> Episode:
    column = np.array(retail)[:, None]
    price = np.array([column.min() if off_peak is None else off_peak])
    return Episode(np.array(net_load)[:, None], column, np.full_like(column, feed_in), batteries(design), price)


@pytest.mark.parametrize(
    ("design", "cost"),
    [
        ({}, 0.1 * 1.0 + 0.3 * 0.0),  # the kWh of the dear hour is bought in the cheap one
        ({"charge_efficiency": 0.8}, 0.1 * 1.0 + 0.3 * 0.2),  # 1 kWh in, 0.8 kWh out
        ({"charge_efficiency": 0.5, "discharge_efficiency": 0.5}, 0.3),  # 0.4 $ a kWh that comes back: not worth it
        ({"wear_dollars_per_kwh": 0.05}, 0.1 + 0.05 * 2.0),  # in and out
        ({"wear_dollars_per_kwh": 0.15}, 0.3),
        ({"power_kw": 0.25}, 0.1 * 0.25 + 0.3 * 0.75),
        ({"capacity_kwh": 0.5}, 0.1 * 0.5 + 0.3 * 0.5),
        ({"self_discharge_per_hour": 0.1}, 0.1 * 1.0 + 0.3 * 0.1),  # of the 1 kWh that is stored an hour earlier
        ({"capacity_kwh": 4.0, "minimum_share": 0.25, "initial_share": 0.25}, 0.1),
    ],
)
def test_one_battery_and_two_prices(design: dict[str, Any], cost: float) -> None:
    episode = one_home([0.0, 1.0], [0.1, 0.3], **design)
    for dispatch in (optimal_dispatch(episode), selfish_dispatch(episode)):
        assert dispatch.cost.total == pytest.approx(cost, abs=1e-9)
        assert dispatch.objective == pytest.approx(cost, abs=1e-9)


def test_charge_that_is_missing_at_the_end_is_bought_back_and_excess_is_worth_nothing() -> None:
    design = {"initial_share": 0.5, "charge_efficiency": 0.8, "discharge_efficiency": 0.5}
    # the stored kWh gives half a kWh, and 1 kWh missing at 0.1 $ over 0.8 * 0.5 costs 0.25 $
    dear = optimal_dispatch(one_home([1.0], [0.6], off_peak=0.1, **design))
    assert dear.cost.total == pytest.approx(0.6 * 0.5 + 0.25)
    assert dear.cost.missing_charge == pytest.approx(0.25)
    cheap = optimal_dispatch(one_home([1.0], [0.4], off_peak=0.1, **design))
    assert cheap.cost.total == pytest.approx(0.4)
    # a spare kWh at the end earns its feed-in price and is not kept
    spare = optimal_dispatch(one_home([-1.0], [0.4], feed_in=0.05, off_peak=0.4, **design))
    assert spare.cost.total == pytest.approx(-0.05)


def test_one_household_uses_what_the_other_has_to_spare() -> None:
    """A roof gives 1 kWh at noon, its neighbour needs 1 kWh at night; either may own the battery."""
    net_load = np.array([[-1.0, 0.0], [0.0, 1.0]])
    retail, feed_in = np.full((2, 2), 0.3), np.full((2, 2), 0.05)
    for owners in (({}, None), (None, {})):
        for fee, cost in ((0.0, 0.0), (0.02, 0.02), (0.4, 0.3 - 0.05)):
            episode = Episode(net_load, retail, feed_in, batteries(*owners), np.full(2, 0.3), fee)
            optimum, alone = optimal_dispatch(episode), selfish_dispatch(episode)
            assert optimum.cost.total == pytest.approx(cost, abs=1e-9)
            assert optimum.objective == pytest.approx(cost, abs=1e-9)
            assert alone.cost.total == pytest.approx(0.3 - 0.05)


def test_two_tariffs_are_not_one_meter() -> None:
    """Who buys at 0.1 $ cannot hand the grid's energy on to who pays 0.5 $: nobody has any to spare."""
    retail = np.array([[0.1, 0.5]])
    episode = Episode(np.array([[0.0, 1.0]]), retail, np.zeros((1, 2)), batteries({}, None), np.full(2, 0.1))
    optimum = optimal_dispatch(episode)
    assert optimum.cost.total == pytest.approx(0.5)
    # what the program is loose by: half a kWh each way at once, which no battery of 1 kW does
    assert optimum.objective == pytest.approx(0.1 * 0.5 + 0.5 * 0.5)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("fee", [0.0, 0.01])
def test_bounds_stand_in_order_and_can_be_carried_out(mixed: bool, fee: float) -> None:
    rng = np.random.default_rng(1)
    hours, homes = 36, 6
    plans = np.array([np.where(np.arange(hours) % 24 > 15, 0.5, 0.2), np.full(hours, 0.3)])
    plan = np.arange(homes) % 2 if mixed else np.zeros(homes, dtype=int)
    sizes = [{"wear_dollars_per_kwh": 0.01}, {"charge_efficiency": 0.9, "self_discharge_per_hour": 0.01}]
    episode = Episode(
        np.round(rng.normal(0.4, 1.0, (hours, homes)), 3),
        plans[plan].T,
        np.broadcast_to(np.array([0.06, 0.04])[plan], (hours, homes)),
        batteries(None, *sizes, *sizes, None),
        np.full(homes, 0.2),
        fee,
    )
    nothing = np.zeros(episode.shape)
    kept = np.tile(episode.stored_at_start, (hours + 1, 1))
    grid_only = price_energy(episode, nothing, nothing, kept, trade=False).cost.total
    optimum, alone = optimal_dispatch(episode), selfish_dispatch(episode)
    assert optimum.objective <= optimum.cost.total + 1e-9
    assert optimum.cost.total < alone.cost.total - 0.1
    assert alone.cost.total < grid_only - 0.1
    done = execute(episode, optimum.stored)
    # a watt-hour at most, of every battery and interval, at the highest price
    assert optimum.objective - 1e-9 <= done.cost.total <= optimum.cost.total + 0.001 * 0.5 * hours * 4
    ahead = receding_horizon(episode, perfect_forecast(episode, hours))
    assert optimum.objective - 1e-9 <= ahead.cost.total
    assert ahead.cost.total == pytest.approx(optimum.cost.total, rel=0.001)
    blind = receding_horizon(episode, perfect_forecast(episode, 1))
    assert blind.cost.total > ahead.cost.total


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"net_load": np.zeros(3)}, r"net_load has the shape \(3,\); expected \(T, N\)"),
        ({"net_load": np.array([[np.nan, 0.0]])}, r"net_load\[0, 0\] is nan; expected finite numbers"),
        ({"retail_price": np.full((1, 2), 0.01)}, "expected 0 <= feed-in <= retail"),
        ({"feed_in_price": np.zeros((2, 2))}, r"feed_in_price has the shape \(2, 2\); expected \(1, 2\)"),
        ({"off_peak_price": np.array([0.1, -0.1])}, "off_peak_price of household 1 is -0.1; expected 0 or more"),
        ({"network_fee": -1.0}, "network_fee is -1.0; expected one finite number"),
        ({"batteries": batteries(None)}, "batteries are those of 1 households and net_load has 2"),
        ({"start": np.array([0.0, 3.0])}, "start of household 1 is 3 kWh; expected 0 to the capacity"),
    ],
)
def test_what_cannot_be_an_episode(change: dict[str, Any], message: str) -> None:
    right = {
        "net_load": np.zeros((1, 2)),
        "retail_price": np.full((1, 2), 0.3),
        "feed_in_price": np.full((1, 2), 0.05),
        "batteries": batteries({}, {}),
        "off_peak_price": np.full(2, 0.1),
    }
    with pytest.raises(DataError, match=message):
        Episode(**{**right, **change})
