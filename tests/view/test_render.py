"""Text and pictures of a market: right in every moment of an episode, and without effect on it."""

from __future__ import annotations

import pickle
import re
import sys
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from streets import assert_same, homes, random_actions, street_env

from p2p_market.env import AuctionEnv
from p2p_market.errors import ConfigError, EpisodeError, MissingExtraError
from p2p_market.view.scene import read_scene

SHAPE = (760, 1200, 3)
NIGHT, NOON = 2, 25  # intervals played: the last one is without sun, or in the middle of the day


def at(intervals: int, mode: str = "rgb_array", num_households: int = 6, **keywords: Any) -> AuctionEnv:
    """An environment that has played so far, everybody bidding at random."""
    env = street_env(num_households, render_mode=mode, overrides={"episode.start": "2013-01-14"}, **keywords)
    env.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(intervals):
        env.step(random_actions(env, rng))
    return env


def assert_is_a_picture(image: Any) -> None:
    assert isinstance(image, np.ndarray)
    assert image.shape == SHAPE
    assert image.dtype == np.uint8
    assert image.std() > 10.0
    assert (image == 255).mean() > 0.5


def play_apart(env: AuctionEnv) -> None:
    """Sellers ask for the highest price and buyers bid the lowest."""
    net_load = env.controller.state.net_load[0]
    env.step({a: np.array([-1.0 if n > 0 else 1.0, 1.0]) for a, n in zip(env.agents, net_load, strict=True)})


@pytest.mark.parametrize("mechanism", ["uniform_price", "pairwise_midpoint", "pay_as_bid", "grid_only"])
@pytest.mark.parametrize("intervals", [0, NIGHT, NOON])
def test_every_moment_can_be_drawn(mechanism: str, intervals: int) -> None:
    env = at(intervals, mechanism=mechanism)
    assert_is_a_picture(env.render())
    text = env.controller.run_render("ansi")
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 78
    assert f"interval {max(1, intervals)} of 48" in text
    assert mechanism in text


@pytest.mark.parametrize("num_households", [1, 2, 60])
def test_every_size_of_street_can_be_drawn(num_households: int) -> None:
    assert_is_a_picture(at(NOON, num_households=num_households).render())


@pytest.mark.parametrize("names", ["household", "role"])
@pytest.mark.parametrize("minutes", [5, 60])
def test_other_names_and_intervals_can_be_drawn(names: str, minutes: int) -> None:
    data = homes(interval_minutes=minutes)
    env = at(13 * 60 // minutes, data=data, agent_names=names, ties="random")
    assert_is_a_picture(env.render())


def test_text_says_what_the_settlement_says() -> None:
    env = at(NOON, "ansi")
    transition = env.controller.transition
    assert transition is not None
    assert transition.clearing.traded[0] > 0.0
    text = env.render()
    assert f"{transition.clearing.traded[0]:.3f} kWh traded at {transition.mean_price[0]:.4f} $/kWh" in text
    grid = transition.settlement
    assert f"Grid   {grid.grid_import.sum():.3f} kWh bought, {grid.grid_export.sum():.3f} kWh sold" in text
    saved = grid.grid_only_bill.sum() - grid.bill.sum()
    assert f"saved {saved:.3f} $" in text


def test_text_has_colours_where_it_is_read_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    env = at(NOON, "ansi")
    plain = env.render()
    assert "\x1b" not in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = env.render()
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    for line, look in (("  ask ", "33"), ("  bid ", "36"), ("  --- ", "1;32"), ("Largest buyers", "1")):
        assert coloured.count(f"\n\x1b[{look}m{line}") == plain.count(f"\n{line}") > 0
    monkeypatch.setenv("NO_COLOR", "1")
    assert env.render() == plain


def test_before_the_first_auction_it_says_what_is_coming() -> None:
    env = at(0, "ansi")
    net_load = env.controller.state.net_load[0]
    text = env.render()
    assert "No auction yet. In the coming interval" in text
    assert f"{net_load[net_load > 0].sum():.3f} kWh" in text


def test_one_sided_books_and_books_that_do_not_cross_say_why_nothing_was_traded() -> None:
    night = at(NIGHT, "ansi")
    assert "No asks: nobody offers energy." in night.render()
    noon = at(NOON)
    before = noon.render()
    play_apart(noon)
    text = noon.controller.run_render("ansi")
    assert "No trade: the best bid, 0.1110, is below the best ask, 0.2530 $/kWh." in text
    assert_is_a_picture(noon.render())
    assert not np.array_equal(before, noon.render())


def test_a_pool_says_that_no_prices_are_bid() -> None:
    assert "No prices are bid under grid_only" in at(NOON, "ansi", mechanism="grid_only").render()


@pytest.mark.parametrize("mode", ["ansi", "rgb_array", "human"])
def test_drawing_changes_nothing(mode: str) -> None:
    drawn, not_drawn = (at(0, m, ties="random", scripted="zero_intelligence", learners=4) for m in (mode, None))
    one, other = np.random.default_rng(1), np.random.default_rng(1)
    settings = dict(mpl.rcParams)
    for _ in range(5):
        drawn.render()
        outcomes = drawn.step(random_actions(drawn, one)), not_drawn.step(random_actions(not_drawn, other))
        assert_same(*outcomes)
        drawn.render()
    assert_same(drawn.controller.transition.settlement.bill, not_drawn.controller.transition.settlement.bill)
    assert dict(mpl.rcParams) == settings


def test_the_same_moment_gives_the_same_picture_in_an_array_of_its_own() -> None:
    env, again = at(NOON), at(NOON)
    first = env.render()
    kept = first.copy()
    second = env.render()
    assert first is not second
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, again.render())
    env.step(random_actions(env, np.random.default_rng(5)))
    env.render()
    np.testing.assert_array_equal(first, kept)


def test_a_picture_shows_the_episode_so_far_drawn_or_not() -> None:
    often, once = at(0), at(0)
    rng = np.random.default_rng(2)
    for _ in range(6):
        actions = random_actions(often, rng)
        often.step(actions)
        often.render()
        once.step(actions)
    np.testing.assert_array_equal(often.render(), once.render())


def test_a_new_episode_has_a_new_history() -> None:
    played, fresh = at(NOON), at(0)
    played.render()
    played.reset(seed=3)
    np.testing.assert_array_equal(played.render(), fresh.render())


@pytest.mark.parametrize("mode", ["rgb_array", "human"])
def test_an_environment_that_was_drawn_can_be_pickled_and_plays_on(mode: str) -> None:
    env = at(3, mode)
    env.render()
    copy = pickle.loads(pickle.dumps(env))  # noqa: S301 (our own)
    actions = random_actions(env, np.random.default_rng(1))
    assert_same(env.step(actions), copy.step(actions))
    if mode == "rgb_array":
        np.testing.assert_array_equal(env.render(), copy.render())
    copy.close()
    env.close()


def test_close_can_come_at_any_time_and_drawing_goes_on_after_it() -> None:
    env = at(1)
    env.close()
    first = env.render()
    env.close()
    env.close()
    np.testing.assert_array_equal(env.render(), first)


def test_without_matplotlib_text_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    env = at(1)
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError) as caught:
        env.controller.run_render("rgb_array")
    assert str(caught.value) == (
        "drawing a market needs the package 'matplotlib', which is not installed; "
        "install it with: pip install 'p2p-market[viz]'"
    )
    assert "interval 1 of 48" in env.controller.run_render("ansi")


def test_unknown_mode_and_no_reset_are_errors() -> None:
    env = at(0)
    with pytest.raises(ConfigError, match="render mode is 'rgb_aray'; did you mean 'rgb_array'"):
        env.controller.run_render("rgb_aray")
    with pytest.raises(EpisodeError, match="nothing to draw before the first reset"):
        street_env(render_mode="ansi").render()


def test_a_scene_balances() -> None:
    scene = read_scene(at(NOON).controller)
    assert scene.book is not None
    assert scene.book.traded == pytest.approx(scene.filled[scene.filled > 0].sum())
    np.testing.assert_allclose(scene.net_load, scene.filled + scene.grid_import - scene.grid_export, atol=1e-9)
    assert scene.to_spare == pytest.approx(-scene.net_load[scene.net_load < 0].sum())
