"""Small streets of hand-made households, and what tests do with them again and again."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

import p2p_market
from p2p_market.data.calendar import Calendar
from p2p_market.data.container import DataContainer
from p2p_market.env import AuctionEnv
from p2p_market.vector_env import AuctionVectorEnv


@functools.cache
def homes(
    num_homes: int = 12,
    days: int = 4,
    *,
    interval_minutes: int = 30,
    pv_share: float = 0.6,
    start: str = "2013-01-14",
    seed: int = 0,
) -> DataContainer:
    """Homes with noisy demand in whole watt-hours; the first ones have PV from 6 to 18 h."""
    rng = np.random.default_rng(seed)
    calendar = Calendar.regular(start, days * 24 * 60 // interval_minutes, interval_minutes)
    shape = (len(calendar), num_homes)
    capacity = np.where(np.arange(num_homes) < round(num_homes * pv_share), 3.0, 0.0)
    sun = np.clip(np.sin((calendar.hour - 6.0) / 12.0 * np.pi), 0.0, 1.0)[:, None]
    hours = interval_minutes / 60.0
    return DataContainer.from_arrays(
        demand=np.round(rng.gamma(1.0, 0.7 * hours, shape), 3),
        pv=np.round(sun * capacity * hours * rng.uniform(0.3, 0.8, shape), 3),
        calendar=calendar,
        customer_ids=[f"home {i}" for i in range(num_homes)],
        pv_capacity=capacity,
    )


def street_env(num_households: int = 4, data: DataContainer | None = None, **keywords: Any) -> AuctionEnv:
    """A parallel environment over hand-made homes."""
    container = homes(max(12, num_households)) if data is None else data
    return p2p_market.parallel_env(data_container=container, num_households=num_households, **keywords)


def street_vector_env(
    num_envs: int, num_households: int = 4, data: DataContainer | None = None, **keywords: Any
) -> AuctionVectorEnv:
    """A batched environment over hand-made homes."""
    container = homes(max(12, num_households)) if data is None else data
    return p2p_market.vector_env(data_container=container, num_envs=num_envs, num_households=num_households, **keywords)


def random_actions(env: AuctionEnv, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Actions for all live agents, the bounds among them."""
    size = env.controller.get_action_space().shape
    return {agent: np.clip(rng.normal(0.0, 0.8, size), -1.0, 1.0).astype(np.float32) for agent in env.agents}


def random_batch(env: AuctionVectorEnv, rng: np.random.Generator) -> np.ndarray:
    """Actions (B, L, A); market b's depend on its own place only, when each market's generator does."""
    shape = (env.num_envs, env.num_agents, *env.single_action_space.shape)
    return np.clip(rng.normal(0.0, 0.8, shape), -1.0, 1.0).astype(np.float32)


def assert_same(one: Any, other: Any, place: str = "value") -> None:
    """Equal to the bit, through dicts, lists and tuples; types and dtypes included."""
    assert type(one) is type(other), f"{place}: {type(one)} and {type(other)}"
    if isinstance(one, dict):
        assert list(one) == list(other), f"{place}: keys {list(one)} and {list(other)}"
        for key in one:
            assert_same(one[key], other[key], f"{place}[{key!r}]")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), place
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{place}[{index}]")
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, place
        assert one.shape == other.shape, place
        np.testing.assert_array_equal(one, other, err_msg=place)
    else:
        assert one == other or (one != one and other != other), f"{place}: {one!r} and {other!r}"  # noqa: PLR0124 - nan
