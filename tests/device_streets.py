"""Streets with devices of every kind on hand-made homes, and controllers of them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from streets import homes

from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.controller import AuctionController
from p2p_market.data.container import DataContainer

EVERYBODY = {"owners": "all"}
DEVICES: dict[str, list[dict[str, Any]]] = {
    "battery": [
        {**EVERYBODY, "capacity_kwh": 4.0, "power_kw": 3.0},
        {
            **EVERYBODY,
            "share": 0.6,
            "capacity_kwh": 2.0,
            "charge_efficiency": 0.8,
            "self_discharge_per_hour": 0.01,
            "wear_dollars_per_kwh": 0.02,
        },
    ],
    "controlled_load": [
        {**EVERYBODY, "window_start_hour": 9.0, "window_hours": 8.0, "power_kw": 2.0},
        {**EVERYBODY, "share": 0.6, "power_kw": 4.0, "comfort_dollars_per_kwh": 0.05},  # not worth its energy
    ],
    "pv_curtailment": [EVERYBODY],
    "electric_vehicle": [
        {**EVERYBODY, "share": 0.6, "present_share": 0.1},
        {
            **EVERYBODY,
            "capacity_kwh": 20.0,
            "most_trip_energy_kwh": 15.0,
            "vehicle_to_home": True,
            "wear_dollars_per_kwh": 0.02,
        },
        {**EVERYBODY, "capacity_kwh": 20.0, "most_trip_energy_kwh": 15.0, "vehicle_to_home": True}
        | {"comfort_dollars_per_kwh": 0.1},  # less than what energy costs, so that it is better missed
    ],
}


@functools.cache
def data(seed: int) -> DataContainer:
    """Homes with hot water at night and at noon, more than the power of the device in some intervals."""
    plain = homes(8, 12, seed=seed)
    rng = np.random.default_rng(seed)
    hour = plain.calendar.hour[:, None]
    heats = (hour >= 22.0) | (hour < 3.0) | ((hour >= 12.0) & (hour < 14.0))
    load = np.round(heats * rng.choice([0.0, 0.3, 0.9, 1.2], plain.demand.shape), 3)
    load[:, ::4] = 0.0
    return DataContainer.from_arrays(
        demand=np.round(plain.demand + load, 3),
        pv=plain.pv,
        calendar=plain.calendar,
        customer_ids=plain.customer_ids,
        pv_capacity=plain.pv_capacity,
        controlled_load=load,
    )


def controller_of(
    overrides: dict[str, Any], num_intervals: int, *, start: str | None = None, learns: bool = False, num_homes: int = 4
) -> AuctionController:
    config = load_config(overrides={"street": {"num_households": num_homes}, **overrides})
    return build_controller(
        config,
        container=data(config.seed % 3),
        num_markets=2,
        horizon=num_intervals,
        start=None if start is None else np.datetime64(start, "m"),
        learners_follow=None if learns else config.run.policy,
    )
