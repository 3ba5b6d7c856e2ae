"""Draw the pictures of the README and of the mechanisms' pages anew: ``python docs/make_images.py`` (needs ``viz``)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from draw_examples import draw_examples

import p2p_market
from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.data.atomic import atomic_path
from p2p_market.view.figures import write_figures
from p2p_market.view.view import AuctionView

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
QUICKSTART = ROOT / "configs" / "quickstart.yaml"
DAY = np.datetime64("2013-01-14")
INTERVALS = 24  # to noon


def draw_market(path: Path) -> None:
    """Draw the half hour before noon of the quickstart's first day, as `AuctionEnv.render` would show it."""
    from matplotlib.image import imsave  # noqa: PLC0415 (matplotlib is optional)

    config = load_config(QUICKSTART)
    controller = build_controller(config, num_markets=1, horizon=48, start=DAY, learners_follow=config.run.policy)
    controller.reset(seed=config.seed)
    view = AuctionView()
    for _ in range(INTERVALS):
        controller.run_auction(None)
        view.follow(controller)
    with atomic_path(path) as temporary:
        imsave(temporary, view.render(controller, "rgb_array"), format="png", metadata={"Software": "p2p_market"})


def draw_savings(path: Path) -> None:
    """Draw the savings of a run of the quickstart."""
    with tempfile.TemporaryDirectory() as folder, atomic_path(path) as temporary:
        written = {figure.name: figure for figure in write_figures(p2p_market.run(QUICKSTART), folder)}
        temporary.write_bytes(written["savings_by_household.png"].read_bytes())


if __name__ == "__main__":
    draw_market(IMAGES / "market.png")
    draw_savings(IMAGES / "savings.png")
    draw_examples()
