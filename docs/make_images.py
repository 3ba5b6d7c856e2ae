"""Draw the pictures of the README anew: ``python docs/make_images.py`` (needs the extra ``viz``)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import p2p_market
from p2p_market.data.atomic import atomic_path
from p2p_market.view.figures import write_figures

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
QUICKSTART = ROOT / "configs" / "quickstart.yaml"
# One household learns (here: bids at random), since an environment without agents is none.
MARKET = {
    "population.learners": 1,
    "population.scripted": {"truthful": 0.5, "zero_intelligence": 0.5},
    "episode.start": "2013-01-14",
}
SEED = 4
INTERVALS = 29  # to the middle of the day


def draw_market(path: Path, seed: int = SEED, intervals: int = INTERVALS) -> None:
    """Draw a half hour of the quickstart's street as `AuctionEnv.render` shows it."""
    from matplotlib.image import imsave  # noqa: PLC0415 (matplotlib is optional)

    env = p2p_market.parallel_env(QUICKSTART, render_mode="rgb_array", overrides=MARKET | {"seed": seed})
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    for _ in range(intervals):
        env.step({agent: rng.uniform(-1.0, 1.0, 2).astype(np.float32) for agent in env.agents})
    with atomic_path(path) as temporary:
        imsave(temporary, env.render(), format="png")
    env.close()


def draw_savings(path: Path) -> None:
    """Draw the savings of a run of the quickstart."""
    with tempfile.TemporaryDirectory() as folder, atomic_path(path) as temporary:
        written = {figure.name: figure for figure in write_figures(p2p_market.run(QUICKSTART), folder)}
        temporary.write_bytes(written["savings_by_household.png"].read_bytes())


if __name__ == "__main__":
    draw_market(IMAGES / "market.png")
    draw_savings(IMAGES / "savings.png")
