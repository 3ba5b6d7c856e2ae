"""The page of an environment that runs: the episode so far, at the pace of who looks on, and in nobody's way."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from streets import random_actions, street_env

from p2p_market.env import AuctionEnv
from p2p_market.experiment import make_recorder
from p2p_market.replay import live
from p2p_market.replay.source import HOUSEHOLD_COLUMNS

BATTERY = {"devices": {"battery": [{"share": 0.5, "capacity_kwh": 5.0, "power_kw": 2.5}]}}


@pytest.fixture(autouse=True)
def without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "open_browser", lambda _: False)


@pytest.fixture
def env() -> Iterator[AuctionEnv]:
    made = street_env(
        4,
        render_mode="human",
        overrides={"episode.start": "2013-01-14", "population.storage": "time_of_use", **BATTERY},
    )
    assert made.view is not None
    made.view.frames_per_second = 1000.0
    made.reset(seed=2)
    yield made
    made.close()


def play(env: AuctionEnv, times: int) -> None:
    rng = np.random.default_rng(times)
    for _ in range(times):
        env.step(random_actions(env, rng))


def ask(env: AuctionEnv, question: str) -> dict[str, Any]:
    assert env.view is not None
    with urllib.request.urlopen(f"{env.view.address}api/{question}", timeout=10) as response:  # noqa: S310 - our own
        return json.loads(response.read())


def test_it_tells_what_a_run_would_record(env: AuctionEnv) -> None:
    recorder = make_recorder(env.controller)
    rng = np.random.default_rng(0)
    for _ in range(30):
        env.step(random_actions(env, rng))
        recorder.record(env.controller.transition)
    block = ask(env, "block?first=0&count=30")
    assert set(block["households"]) == set(HOUSEHOLD_COLUMNS)
    for name in HOUSEHOLD_COLUMNS:
        told = np.array(block["households"][name], dtype=np.float64)
        np.testing.assert_allclose(told, recorder.households[name][:30, 0], atol=1e-6, err_msg=name)
    np.testing.assert_allclose(block["intervals"]["traded_kwh"], recorder.markets["traded_kwh"][:30, 0], atol=1e-6)
    assert sum(block["pairs"]["quantity_kwh"]) == pytest.approx(sum(block["intervals"]["traded_kwh"]), abs=1e-4)
    overview = ask(env, "overview")
    saved = sum(
        recorder.households["default_bill_dollars"] - recorder.households["bill_dollars"]
        - recorder.households["device_cost_dollars"]
    )[0]  # fmt: skip
    np.testing.assert_allclose(overview["saving_dollars"], saved, atol=1e-6)
    assert overview["kpis"]["community_saving_dollars"] == pytest.approx(saved.sum())
    assert [house["name"] for house in overview["households"]] == list(env.controller.names)
    owners = env.model.scenario.fleet.devices["battery"].owners
    assert [house["has_battery"] for house in overview["households"]] == owners.tolist()
    assert 0 < owners.sum() < 4
    day = ask(env, "day?household=1&day=15719")
    assert day["columns"]["demand_kwh"] == [row[1] for row in block["households"]["demand_kwh"]]


def test_before_the_first_interval_there_is_nothing_and_an_episode_begins_anew(env: AuctionEnv) -> None:
    before = ask(env, "overview")
    assert (before["num_intervals"], before["strip"]["first"], before["is_live"]) == (0, [], True)
    play(env, 5)
    first = ask(env, "overview")
    assert first["num_intervals"] == 5
    env.render()  # the same interval again
    assert ask(env, "overview")["num_intervals"] == 5
    env.reset(seed=3)
    play(env, 2)
    second = ask(env, "overview")
    assert second["num_intervals"] == 2
    assert second["episode"] != first["episode"]
    for question in ("block?first=2&count=1", "day?household=0&day=1", "overview?market=1"):
        with pytest.raises(urllib.error.HTTPError, match="409"):
            ask(env, question)


def test_a_long_episode_keeps_its_last_weeks(env: AuctionEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_MOST_KEPT", 20)
    monkeypatch.setattr(live, "_FORGOTTEN", 5)
    play(env, 20)
    full = ask(env, "overview")
    play(env, 1)
    later = ask(env, "overview")
    assert (full["num_intervals"], later["num_intervals"]) == (20, 16)
    assert later["episode"] != full["episode"]
    assert later["clock"]["stretches"][0][1] - full["clock"]["stretches"][0][1] == 5 * 1_800_000


def test_it_keeps_pace_with_who_looks_on_and_holds_up_nobody_else(env: AuctionEnv) -> None:
    assert env.view is not None
    env.close()
    env.view.frames_per_second = 10.0
    env.render()
    began = time.perf_counter()
    play(env, 6)
    alone = time.perf_counter() - began
    ask(env, "overview")
    env.render()
    began = time.perf_counter()
    play(env, 6)
    looked_at = time.perf_counter() - began
    assert 0.6 <= looked_at < 3.0
    assert alone < 0.55


def test_the_address_is_told_and_close_ends_it(env: AuctionEnv, capsys: pytest.CaptureFixture[str]) -> None:
    assert env.view is not None
    env.close()
    assert env.view.address is None
    assert env.render() is None
    address = env.view.address
    assert capsys.readouterr().err == f"p2p_market: the market is shown at {address}\n"
    assert address is not None
    assert address.startswith("http://127.0.0.1:")
    env.render()
    assert env.view.address == address
    env.close()
    env.close()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=2)  # noqa: S310 - our own


def test_a_browser_that_opens_is_waited_for_but_not_for_long(env: AuctionEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    env.close()
    monkeypatch.setattr(live, "open_browser", lambda _: True)
    monkeypatch.setattr(live, "_PATIENCE", 0.3)
    began = time.perf_counter()
    env.render()
    assert 0.3 <= time.perf_counter() - began < 2.0
    began = time.perf_counter()
    env.render()
    assert time.perf_counter() - began < 0.2
