"""Forecasts in observations: each kind worked out again from the data, errors by seed, and what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from streets import assert_same, homes, random_batch, street_vector_env

from p2p_market.errors import ConfigError, DataError

DATA = homes(12, 12)
NAMES = [f"{what}_forecast_{k}" for what in ("demand", "pv", "retail_price") for k in (1, 2, 3)]


def env_with(num_envs: int, forecast: dict[str, Any], **settings: Any) -> Any:
    overrides = {"observation": NAMES, "reference_power_kw": 30.0, "scenario.forecast": {"horizon": 3, **forecast}}
    return street_vector_env(num_envs, 4, DATA, overrides=overrides | settings)


def metered(env: Any, rows: Any) -> np.ndarray:
    """Demand and PV (2, B, N) [kWh] of the data, of consumers no PV."""
    scenario, profile = env.controller.model.scenario, env.controller.state.profile
    pv = DATA.pv[rows[:, None], profile] * scenario.street.is_prosumer
    return np.stack([DATA.demand[rows[:, None], profile], pv]).astype(np.float64)


@pytest.mark.parametrize("kind", ["perfect", "persistence", "rolling_mean"])
def test_every_kind_against_the_data(kind: str) -> None:
    env = env_with(3, {"kind": kind, "days": 2})
    observations, infos = env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(47):
        assert not infos["clipped_features"].any()
        row = env.controller.state.row
        for k in (1, 2, 3):
            days = {"perfect": [0], "persistence": [1], "rolling_mean": [1, 2]}[kind]
            expected = sum(metered(env, row + k - 48 * day) for day in days) / len(days)
            np.testing.assert_allclose(observations[..., k - 1], expected[0] / 15.0, atol=1e-6)
            np.testing.assert_allclose(observations[..., 2 + k], expected[1] / 15.0, atol=1e-6)
            tariffs = env.controller.model.scenario.tariffs
            price = tariffs.prices(row + k)[0] / tariffs.retail.max()
            np.testing.assert_allclose(observations[..., 5 + k], price, atol=1e-6)
        observations, *_, infos = env.step(random_batch(env, rng))


def test_noise_is_drawn_by_market_and_seed_and_has_the_stated_size() -> None:
    forecast = {"kind": "noisy", "error": 0.1, "autocorrelation": 0.8}
    many, one = env_with(40, forecast), env_with(1, forecast)
    first = many.reset(seed=4)[0]
    assert_same(one.reset(seed=4)[0], first[:1])
    error = many.controller.state.forecast_error
    assert error.shape == (40, 52, 2, 4)
    assert error.std() == pytest.approx(0.1, rel=0.1)
    assert np.corrcoef(error[:, 1:].ravel(), error[:, :-1].ravel())[0, 1] == pytest.approx(0.8, abs=0.03)
    state = many.controller.state
    expected = metered(many, state.row + 2)[0] * np.maximum(1.0 + error[:, 2, 0], 0.0) / 15.0
    np.testing.assert_allclose(first[..., 1], expected, atol=1e-6)
    rng = np.random.default_rng(0)
    for _ in range(60):  # across the end of an episode
        actions = random_batch(many, rng)
        assert_same(one.step(actions[:1])[0], many.step(actions)[0][:1])


def test_a_market_is_reset_alone_with_errors_of_its_own_even_of_another_length() -> None:
    env = env_with(2, {"kind": "noisy"})
    env.reset(seed=0)
    before = env.controller.state.forecast_error
    env.max_cycles = 60
    env.reset(mask=np.array([True, False]))
    after = env.controller.state.forecast_error
    assert after.shape[1] == 64
    np.testing.assert_array_equal(after[1, :52], before[1])
    assert (after[0, :52] != before[0]).all()
    for _ in range(50):
        env.step(np.zeros((2, 4, 2)))


def test_presets_with_forecasts() -> None:
    shown = env_with(1, {}, observation="forecast").controller.model.scenario.observer.names
    assert set(NAMES) < set(shown)
    assert set(NAMES) < set(env_with(1, {}, observation="full").controller.model.scenario.observer.names)
    plain = street_vector_env(1, 4, DATA, overrides={"observation": "full"}).controller.model.scenario.observer.names
    assert not set(NAMES) & set(plain)


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"observation": "forecast"}, ConfigError, "shows forecasts, and there are none; set scenario.forecast"),
        ({"observation": ["pv_forecast_1"]}, ConfigError, "is a forecast, and scenario.forecast is not set"),
        (
            {"observation": ["pv_forecast_9"], "scenario.forecast": {"horizon": 4}},
            ConfigError,
            "'pv_forecast_9' is a forecast, and scenario.forecast reaches 4 intervals",
        ),
        ({"scenario.forecast": {"horizon": 0}}, ConfigError, "scenario.forecast.horizon: given 0"),
        ({"scenario.forecast": {"kind": "perfekt"}}, ConfigError, "scenario.forecast.kind: given 'perfekt'"),
        (
            {"scenario.forecast": {"kind": "rolling_mean", "days": 30}},
            DataError,
            "no stretch of 1493 intervals.*1440 before it and 4 after it are for scenario.forecast",
        ),
        (
            {"scenario.forecast": {}, "start": "2013-01-14"},
            DataError,
            "need 48 intervals before it, and the data has 0; start later",
        ),
        (
            {"scenario.forecast": {"kind": "perfect", "horizon": 4}, "start": "2013-01-25"},
            DataError,
            "the episode needs 52 intervals from 2013-01-25T00:00, and the data has 48",
        ),
    ],
)
def test_what_cannot_be_is_an_error_at_load(settings: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        street_vector_env(
            1, 4, DATA, overrides={("episode.start" if k == "start" else k): v for k, v in settings.items()}
        )
