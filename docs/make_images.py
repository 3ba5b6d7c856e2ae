"""Draw the pictures of the documents anew: ``python docs/make_images.py`` (extra ``test``, and Chromium)."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
from draw_examples import draw_examples

import p2p_market
from p2p_market.analysis.zero_intelligence import GODE_SUNDER_1993, call_once, shout
from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.data.atomic import atomic_path
from p2p_market.replay.recorded import RecordedRun
from p2p_market.replay.server import ReplayServer
from p2p_market.report import write_report
from p2p_market.view.figures import write_figures
from p2p_market.view.style import BUY, INK, MUTED, SELL, SUN, TRADED, house_style
from p2p_market.view.view import AuctionView

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
QUICKSTART = ROOT / "configs" / "quickstart.yaml"
STORAGE_STREET = ROOT / "configs" / "storage_street.yaml"
POWER_FLOW = ROOT / "configs" / "power_flow.yaml"
DAY = np.datetime64("2013-01-14")
INTERVALS = 24  # to noon
REPLAY = "t=35&household=8"  # half past five in the afternoon, and who sells most then


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


def draw_figure_of_run(path: Path, config: Path, figure: str) -> None:
    """Draw one of the figures of a run."""
    with tempfile.TemporaryDirectory() as folder, atomic_path(path) as temporary:
        written = {file.name: file for file in write_figures(p2p_market.run(config), folder)}
        temporary.write_bytes(written[figure].read_bytes())


def draw_zero_intelligence(path: Path) -> None:
    """Draw the efficiency of Gode and Sunder's markets over the number of shouts, with what was published."""
    published = {True: (99.9, 99.2, 99.0, 98.2), False: (90.0, 90.0, 76.7, 48.8)}
    titles = {True: "ZI-C: no shout at a loss", False: "ZI-U: any price from 1 to 200"}
    num_shouts, edge = 2000, 2900
    shouts = np.arange(1, num_shouts + 1)
    with house_style():
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (matplotlib is optional)
        from matplotlib.figure import Figure  # noqa: PLC0415

        figure = Figure(figsize=(10.0, 4.6), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, is_constrained in zip(figure.subplots(1, 2, sharey=True), titles, strict=True):
            for (number, market), color in zip(GODE_SUNDER_1993.items(), (BUY, SELL, TRADED, SUN), strict=True):
                efficiency = 100 * shout(market, num_shouts, is_constrained=is_constrained, num_periods=1000)
                once = 100 * call_once(market, is_constrained=is_constrained, num_periods=1000)
                wide = 4.0 if number == 1 else 1.8  # markets 1 and 2 are nearly the same line
                axes.plot(shouts, efficiency.mean(axis=0), color=color, linewidth=wide, label=f"market {number}")
                axes.plot(edge, published[is_constrained][number - 1], "D", color=color, markersize=6.0, clip_on=False)
                axes.plot(11, once.mean(), "o", color=color, markersize=6.0, fillstyle="none", markeredgewidth=1.8)
            axes.axvline(600, color=MUTED, linewidth=0.8, linestyle=":")
            axes.set(title=titles[is_constrained], xscale="log", xlim=(9.0, 3600), ylim=(0.0, 103.0))
            axes.set_xticks([20, 50, 100, 200, 600, 2000], ["20", "50", "100", "200", "600", "2000"])
            axes.set_xticks([], minor=True)
            axes.set_xlabel("shouts of the twelve traders in a period")
        handles, names = axes.get_legend_handles_labels()
        for marker, name in (("D", "published"), ("o", "one sealed call")):
            handles += axes.plot([], [], marker, color=INK, fillstyle="full" if marker == "D" else "none")
            names.append(name)
        axes.legend(handles, names, loc="lower right", bbox_to_anchor=(0.93, 0.0))
        figure.axes[0].set_ylabel("gains from trade that are taken [%]")
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=110, metadata={"Software": "p2p_market"})


def draw_replay(path: Path) -> None:
    """Take a picture of the replay page as a browser shows it: Chromium, by Playwright."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (needed for this picture alone)

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    overrides = {"run.trades": True, "run.figures": False, "run.bounds": False}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, atomic_path(path) as temporary:
        p2p_market.run(STORAGE_STREET, output=f"{folder}/run", overrides=overrides)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--disable-gpu"])
        page = browser.new_page(viewport={"width": 1200, "height": 1130}, reduced_motion="reduce")
        with ReplayServer(RecordedRun(f"{folder}/run")) as server:
            page.goto(f"{server.address}#{REPLAY}")
            page.wait_for_selector("#day svg")
            temporary.write_bytes(page.screenshot())
        browser.close()


def draw_report(path: Path) -> None:
    """Take a picture of the upper part of a report as a browser shows it: Chromium, by Playwright."""
    from PIL import Image  # noqa: PLC0415 (comes with matplotlib)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (needed for pages alone)

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, atomic_path(path) as temporary:
        p2p_market.run(STORAGE_STREET, output=f"{folder}/run", overrides={"run.figures": False})
        browser = playwright.chromium.launch(executable_path=chromium, args=["--disable-gpu"])
        page = browser.new_page(viewport={"width": 1200, "height": 1720}, reduced_motion="reduce")
        page.goto(write_report(f"{folder}/run", figures=False).as_uri())
        shot = Image.open(io.BytesIO(page.screenshot()))
        shot.quantize(128).save(temporary, format="png", optimize=True)  # half the size, and no difference to see
        browser.close()


if __name__ == "__main__":
    draw_market(IMAGES / "market.png")
    draw_figure_of_run(IMAGES / "savings.png", QUICKSTART, "savings_by_household.png")
    draw_figure_of_run(IMAGES / "battery_day.png", STORAGE_STREET, "battery_day.png")
    draw_figure_of_run(IMAGES / "voltage_and_loading.png", POWER_FLOW, "voltage_and_loading.png")
    draw_replay(IMAGES / "replay.png")
    draw_report(IMAGES / "report.png")
    draw_zero_intelligence(IMAGES / "zero_intelligence.png")
    draw_examples()
