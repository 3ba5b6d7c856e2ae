"""The window: nothing happens where there is no display, and the user's own figures are left alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib import pyplot as plt
from streets import random_actions, street_env

from p2p_market.env import AuctionEnv
from p2p_market.view import window as window_module


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuctionEnv]:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    plt.close("all")
    plt.switch_backend("agg")
    env = street_env(3, render_mode="human")
    assert env.view is not None
    env.view.frames_per_second = 1000.0
    yield env
    env.close()
    plt.close("all")


def play(env: AuctionEnv) -> None:
    env.step(random_actions(env, np.random.default_rng(0)))


def test_without_a_display_nothing_happens(env: AuctionEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_module.sys, "platform", "linux")
    monkeypatch.setattr(window_module, "_open", lambda: pytest.fail("no window may open"))
    env.reset(seed=0)
    play(env)
    assert env.render() is None


def test_with_a_display_but_a_backend_without_windows_nothing_happens(
    env: AuctionEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":7")
    env.reset(seed=0)
    assert env.render() is None
    assert plt.get_fignums() == []


def test_a_window_shows_every_interval_and_leaves_other_figures_alone(
    env: AuctionEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_module, "_can_open", lambda: True)
    mine = plt.figure()
    env.reset(seed=0)
    assert plt.gcf() is mine
    numbers = plt.get_fignums()
    assert len(numbers) == 2
    shown = next(plt.figure(number) for number in numbers if number != mine.number)
    shown.canvas.draw()
    before = np.asarray(shown.canvas.buffer_rgba()).copy()
    play(env)
    shown.canvas.draw()
    assert not np.array_equal(before, np.asarray(shown.canvas.buffer_rgba()))
    assert plt.get_fignums() == numbers
    env.close()
    assert plt.get_fignums() == [mine.number]


def test_a_window_closed_by_hand_stays_closed_until_close(env: AuctionEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_module, "_can_open", lambda: True)
    env.reset(seed=0)
    plt.close("all")
    play(env)
    play(env)
    assert plt.get_fignums() == []
    env.close()
    env.render()
    assert len(plt.get_fignums()) == 1
