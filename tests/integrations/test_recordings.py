"""Frames of an episode as a video or a GIF, by Gymnasium's recorders."""

from __future__ import annotations

import itertools
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import RecordVideo, RenderCollection
from gymnasium.wrappers.vector import RecordVideo as RecordVectorVideo
from PIL import Image
from streets import homes

from p2p_market.integrations.gymnasium import HouseholdEnv

SHAPE = (760, 1200, 3)
INTERVALS = 4


def household_env() -> HouseholdEnv:
    return HouseholdEnv(
        data_container=homes(),
        num_households=4,
        render_mode="rgb_array",
        overrides={"episode.days": None, "episode.num_intervals": INTERVALS},
    )


def play(env: gymnasium.Env[np.ndarray, np.ndarray]) -> None:
    env.reset(seed=0)
    env.action_space.seed(0)
    truncated = False
    while not truncated:
        *_, truncated, _ = env.step(env.action_space.sample())


def test_collected_frames_make_a_gif_that_moves(tmp_path: Path) -> None:
    env = RenderCollection(household_env())
    play(env)
    frames = env.render()
    env.close()
    assert len(frames) == 1 + INTERVALS
    assert {frame.shape for frame in frames} == {SHAPE}
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(tmp_path / "day.gif", save_all=True, append_images=pictures[1:], duration=250)
    with Image.open(tmp_path / "day.gif") as film:
        assert film.n_frames == 1 + INTERVALS
        assert film.size == (1200, 760)
    for one, other in itertools.pairwise(frames):
        assert not np.array_equal(one, other)


def test_the_recorder_writes_a_video(tmp_path: Path) -> None:
    pytest.importorskip("moviepy", reason="videos need moviepy")
    env = RecordVideo(household_env(), str(tmp_path / "videos"), name_prefix="street")
    assert env.frames_per_sec == 4
    play(env)
    env.close()
    assert (tmp_path / "videos" / "street-episode-0.mp4").stat().st_size > 10_000


def test_the_recorder_of_vectors_writes_a_video_of_all(tmp_path: Path) -> None:
    pytest.importorskip("moviepy", reason="videos need moviepy")
    envs = gymnasium.vector.SyncVectorEnv([household_env, household_env])
    recorded = RecordVectorVideo(envs, str(tmp_path / "videos"), name_prefix="streets", video_length=INTERVALS)
    recorded.reset(seed=0)
    for _ in range(INTERVALS):
        recorded.step(recorded.action_space.sample())
    recorded.close()
    assert [path.stat().st_size > 10_000 for path in (tmp_path / "videos").glob("*.mp4")] == [True]


def test_vectors_of_households_draw_a_frame_each() -> None:
    envs = gymnasium.vector.SyncVectorEnv([household_env, household_env])
    envs.reset(seed=0)
    frames = envs.render()
    assert [frame.shape for frame in frames] == [SHAPE, SHAPE]
    assert not np.array_equal(*frames)
    envs.close()
