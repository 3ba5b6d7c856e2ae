"""What an observation says: every feature worked out again from the data, the tariff and the last auction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from streets import homes, random_batch, street_vector_env

from p2p_market.auction.orders import Orders
from p2p_market.errors import ConfigError
from p2p_market.scenario.features import FEATURES
from p2p_market.scenario.observations import Observer
from p2p_market.scenario.order_book import empty_book, published_book

REFERENCE_KW = 2.0  # small, so that some values are clipped
STREET = {
    "devices": {
        "battery": {"share": 0.6, "owners": "all", "capacity_kwh": 6.0, "power_kw": 3.0},
        "pv_curtailment": {},
    },
    "network": {
        "feeders": 2,
        "import_limit_kw": [2.0, 30.0],
        "rule": "scarcity_price",
        "export_limit_kw": 1.0,
        "scarcity_price_dollars_per_kwh": 1.0,
    },
}
# what needs a record of its own has a test of its own
NAMES = [name for name, feature in FEATURES.items() if feature.device not in ("controlled_load", "electric_vehicle")]


def expected(name: str, env, market: int, slot: int, last) -> float:  # type: ignore[no-untyped-def]  # a short helper
    """A feature of a household before it is clipped, from the data and the last interval's transition."""
    state, scenario = env.controller.state, env.controller.model.scenario
    row, home = state.row[market], state.profile[market, slot]
    data, time = scenario.data_container, scenario.calendar.start[state.row[market]].item()
    energy = REFERENCE_KW * 0.5
    demand = round(float(data.demand[row, home]), 3)
    pv = round(float(data.pv[row, home]), 3) if scenario.street.is_prosumer[slot] else 0.0
    plan = scenario.tariffs.plan[slot]
    top = scenario.tariffs.retail.max()
    price = float("nan") if last is None else float(last.mean_price[market])
    traded = 0.0 if last is None else float(last.clearing.traded[market])
    has_battery = bool(scenario.fleet) and scenario.fleet.devices["battery"].owners[slot]
    can_curtail = "pv_curtailment" in scenario.fleet.devices and scenario.street.is_prosumer[slot]
    if name in ("last_price", "last_price_in_band") and not traded:
        return 0.0
    if name in ("best_bid", "best_ask", "spread") or "_depth_" in name:
        return of_book(name, last, market, top, energy * 5)
    hour, day = (time.hour + time.minute / 60) / 24, time.timetuple().tm_yday - 1
    turns = {"hour": hour, "weekday": time.weekday() / 7, "season": day / 365.25}
    if name.endswith(("_sine", "_cosine")):
        turn, wave = name.rsplit("_", 1)
        return {"sine": math.sin, "cosine": math.cos}[wave](2 * math.pi * turns[turn])
    if name == "last_price_in_band":
        low, high = float(last.before.price_low[market]), float(last.before.price_high[market])
        return 2 * (price - low) / (high - low) - 1
    return {
        "demand": demand / energy,
        "pv": pv / energy,
        "net_load": (demand - pv) / energy,
        "retail_price": scenario.tariffs.retail[row, plan] / top,
        "feed_in_price": scenario.tariffs.feed_in[row, plan] / top,
        "last_price": price / top,
        "last_traded": float(traded > 0),
        "last_volume": traded / (energy * 5),
        "state_of_charge": state.devices["battery"]["stored"][market, slot] / 6.0,
        "battery_power": 1.5 / energy * has_battery,  # 3 kW for half an hour
        "battery_capacity": 6.0 / (4 * REFERENCE_KW) * has_battery,
        "can_curtail_pv": float(can_curtail),
        "band_low": scenario.tariffs.feed_in[row].min() / top,
        "band_high": scenario.tariffs.retail[row].max() / top,
        **of_feeder(scenario.network, market, slot, last, energy),
    }[name]


def of_feeder(network, market: int, slot: int, last, energy: float) -> dict[str, float]:  # type: ignore[no-untyped-def]  # the same
    """Features of a household's feeder, whose limits are those of the street below."""
    if network is None:
        return {}
    own = network.feeders.feeder[slot]
    on_it = network.feeders.feeder == own
    most_in, most_out = [1.0, 15.0][own], 0.5  # [kWh] in half an hour
    flow = 0.0 if last is None else float(last.before.net_load[market, on_it].sum())
    return {
        "feeder_load": flow / (most_in if flow > 0 else most_out),
        "feeder_import_limit": min(most_in / on_it.sum() / energy, 1.0),
        "feeder_export_limit": min(most_out / on_it.sum() / energy, 1.0),
    }


def of_book(name: str, last, market: int, top: float, energy: float) -> float:  # type: ignore[no-untyped-def]  # the same
    """A feature of the last interval's order book, order by order."""
    orders = []
    if last is not None:
        orders = list(zip(last.orders.price[market].tolist(), last.orders.quantity[market].tolist(), strict=True))
    best_bid = max((price for price, quantity in orders if quantity > 0), default=0.0) / top
    best_ask = min((price for price, quantity in orders if quantity < 0), default=top) / top
    if "_depth_" not in name:
        return {"best_bid": best_bid, "best_ask": best_ask, "spread": best_ask - best_bid}[name]
    if last is None:
        return 0.0
    low, high = float(last.before.price_low[market]), float(last.before.price_high[market])
    side, _, percent = name.split("_")
    level = low + int(percent) / 100 * (high - low)
    if side == "bid":
        return sum(quantity for price, quantity in orders if quantity > 0 and price > level - 1e-9) / energy
    return sum(-quantity for price, quantity in orders if quantity < 0 and price < level + 1e-9) / energy


def test_every_feature_says_what_it_is_called() -> None:
    names = NAMES
    env = street_vector_env(
        2,
        5,
        homes(12, 4),
        overrides=STREET
        | {
            "observation": names,
            "action": "price_quantity_storage",
            "reference_power_kw": REFERENCE_KW,
            "plan": {"flat": 0.4, "origin_time_of_use": 0.6},
            "mechanism": "pay_as_bid",
        },
    )
    observations, infos = env.reset(seed=0)
    rng, last, clips = np.random.default_rng(0), None, 0
    for _ in range(47):
        for market in range(2):
            for slot in range(5):
                values = np.array([expected(name, env, market, slot, last) for name in names])
                bounded = np.clip(values, env.single_observation_space.low, env.single_observation_space.high)
                np.testing.assert_allclose(observations[market, slot], bounded, atol=2e-6)
                count = (np.abs(values - bounded) > 1e-12).sum()
                assert infos["clipped_features"][market, slot] == count
                clips += count
        observations, *_, infos = env.step(random_batch(env, rng))
        last = env.controller.transition
    assert clips > 10


@pytest.mark.parametrize("seed", range(8))
def test_a_feature_reads_the_same_wherever_it_stands_and_whatever_stands_beside_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = rng.permutation(NAMES)[: rng.integers(1, len(FEATURES) + 1)].tolist()
    overrides = STREET | {"reference_power_kw": REFERENCE_KW, "plan": {"flat": 0.4, "origin_time_of_use": 0.6}}
    everything, some = (
        street_vector_env(2, 5, overrides=overrides | {"observation": listed}) for listed in (NAMES, names)
    )
    places = [NAMES.index(name) for name in names]
    full, *_ = everything.reset(seed=seed)
    part, *_ = some.reset(seed=seed)
    for _ in range(24):
        np.testing.assert_array_equal(part, full[..., places])
        actions = random_batch(some, rng)
        full, part = everything.step(actions)[0], some.step(actions)[0]


def test_the_state_is_everybodys_own_features_and_then_the_common_ones() -> None:
    env = street_vector_env(2, 3, overrides={"observation": ["hour_sine", "demand", "last_volume", "pv"]})
    observations, _ = env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(30):
        own = observations[..., [1, 3]].reshape(2, 6)
        np.testing.assert_array_equal(env.state(), np.concatenate([own, observations[:, 0, [0, 2]]], axis=1))
        observations, *_ = env.step(random_batch(env, rng))
    assert env.state_space.shape == (8,)
    assert env.state_space.low.tolist() == [0.0] * 6 + [-1.0, 0.0]


def test_columns_by_name() -> None:
    observer = Observer(["demand", "hour_sine"])
    assert observer.column("hour_sine") == 1
    with pytest.raises(ConfigError, match="these observations have no feature 'hour_sin'; did you mean 'hour_sine'"):
        observer.column("hour_sin")


def test_actions_mean_a_place_in_the_band_and_a_share_of_the_net_load() -> None:
    env = street_vector_env(1, 5, overrides={"plan": {"flat": 0.4, "origin_time_of_use": 0.6}})
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(48):
        actions = random_batch(env, rng)
        env.step(actions)
        transition = env.controller.transition
        assert transition is not None
        before, orders = transition.before, transition.orders
        low, high = before.price_low[0], before.price_high[0]
        assert low == before.feed_in_price.min()
        assert high == before.retail_price.max()
        for slot in range(5):
            need = round(1000 * before.net_load[0, slot])
            share = 0.5 * (float(actions[0, slot, 1]) + 1.0)
            quantity = math.copysign(math.floor(abs(share * need) + 1e-6), need) / 1000  # whole watt-hours, cut down
            assert orders.quantity[0, slot] == pytest.approx(quantity, abs=1e-12)
            if need:
                ticks = (low + 0.5 * (float(actions[0, slot, 0]) + 1.0) * (high - low)) / 1e-4
                whole = math.floor(ticks + 1e-6) if need > 0 else math.ceil(ticks - 1e-6)  # never into a loss
                assert orders.price[0, slot] == pytest.approx(whole * 1e-4, abs=1e-12)


def test_the_book_of_an_interval_by_hand() -> None:
    orders = Orders(np.array([[0.30, 0.20, 0.10, 0.25]]), np.array([[1.0, 2.0, -4.0, -0.5]]))
    book = published_book(orders, np.array([0.05]), np.array([0.45]))  # at 0.05, 0.15, 0.25, 0.35 and 0.45
    assert book[0, :2].tolist() == [0.30, 0.10]
    assert book[0, 2:7].tolist() == [3.0, 3.0, 1.0, 0.0, 0.0]
    assert book[0, 7:].tolist() == [0.0, 4.0, 4.5, 4.5, 4.5]


def test_a_book_is_kept_for_those_who_see_it_and_forgotten_at_a_reset() -> None:
    plain, seen = street_vector_env(2, 4), street_vector_env(2, 4, overrides={"observation": "order_book"})
    plain.reset(seed=0)
    seen.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(24):
        actions = random_batch(seen, rng)
        plain.step(actions)
        seen.step(actions)
    assert plain.controller.state.book is None
    before = seen.controller.state.book
    assert before is not None
    assert np.isfinite(before[:, :2]).all()
    seen.reset(mask=np.array([True, False]))
    after = seen.controller.state.book
    assert after is not None
    np.testing.assert_array_equal(after[1], before[1])
    np.testing.assert_array_equal(after[0], empty_book(1)[0])


def test_a_pool_has_an_empty_book() -> None:
    env = street_vector_env(1, 4, overrides={"observation": ["best_bid", "best_ask"], "mechanism": "mid_market_rate"})
    env.reset(seed=0)
    observations, *_ = env.step(np.zeros((1, 4, 2)))
    np.testing.assert_array_equal(observations, np.broadcast_to([0.0, 1.0], (1, 4, 2)))
