"""How fast the loader is on a set of full size: three years of 300 homes, about 810,000 rows.

``python benchmarks/loader.py`` writes the set in the official layout to a temporary folder, then measures each of

* parsing the three files and filling the cache (median of new processes, with the peak of their memory),
* loading all homes from the cache (median of new processes, and median of repeated loads in one process),
* loading one home from the cache.

``--quick`` does the same for ten homes and one year, to see that everything runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from p2p_market.data.ausgrid import load_ausgrid
from p2p_market.data.calendar import Calendar
from p2p_market.data.container import DataContainer, Quality
from p2p_market.data.official_writer import write_official_layout

CONTROLLED_LOAD_SHARE = 0.46


def make_set(num_homes: int, num_years: int, seed: int = 0) -> DataContainer:
    """Random readings with the digits and the share of zeros that real ones have."""
    rng = np.random.default_rng(seed)
    first, end = np.datetime64("2010-07-01"), np.datetime64(f"{2010 + num_years}-07-01")
    calendar = Calendar.regular("2010-07-01", int((end - first).astype(int)) * 48)
    shape = (len(calendar), num_homes)
    sun = np.clip(np.cos((calendar.hour - 12.25) / 12 * 2 * np.pi), 0, None).astype(np.float32)[:, None]
    pv = (sun * rng.random(shape, np.float32)).round(3)
    general = (rng.random(shape, np.float32) ** 4).round(3)
    night = (calendar.hour < 6)[:, None] & (np.arange(num_homes) < CONTROLLED_LOAD_SHARE * num_homes)
    load = np.where(night, rng.random(shape, np.float32) * 2, 0).round(3).astype(np.float32)
    quality = np.repeat(rng.random((shape[0] // 48, num_homes)) < 0.001, 48, axis=0) * np.uint8(Quality.ESTIMATED)
    return DataContainer.from_arrays(
        general + load,
        pv,
        calendar=calendar,
        customer_ids=range(1, num_homes + 1),
        quality=quality,
        controlled_load=load,
    )


def measure(folder: str, cache: str, repeats: int, customers: list[str] | None) -> dict[str, float]:
    """Load in this process: seconds of the first load, median seconds of the later ones, peak memory [GB]."""
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        load_ausgrid(folder, cache_folder=cache, customers=customers)
        seconds.append(time.perf_counter() - begun)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return {
        "first": seconds[0],
        "later": statistics.median(seconds[1:]) if repeats > 1 else float("nan"),
        "peak_gb": kilobytes * 1024 / 1e9,
    }


def in_new_process(folder: Path, cache: Path, repeats: int, customers: list[str] | None) -> dict[str, float]:
    """Run `measure` where nothing is loaded or warm yet."""
    arguments = json.dumps([str(folder), str(cache), repeats, customers])
    root = Path(__file__).resolve().parents[1]
    result = subprocess.run(  # noqa: S603 - this script with arguments of its own
        [sys.executable, __file__, "--measure", arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    figures: dict[str, float] = json.loads(result.stdout)
    return figures


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Median of each figure over the runs."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="ten homes and one year")
    parser.add_argument("--repeats", type=int, default=5, help="new processes for each figure")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*json.loads(options.measure))))
        return
    num_homes, num_years = (10, 1) if options.quick else (300, 3)
    repeats = 1 if options.quick else options.repeats
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = make_set(num_homes, num_years)
        begun = time.perf_counter()
        files = write_official_layout(data, folder / "files")
        writing = time.perf_counter() - begun
        num_rows = sum(path.read_bytes().count(b"\n") - 2 for path in files)
        size = sum(path.stat().st_size for path in files) / 1e6
        # each parse has a cache of its own, so that none finds the work of another
        parses = medians(
            [in_new_process(folder / "files", folder / f"cache-{number}", 1, None) for number in range(repeats)]
        )
        # a file that has just been written is hashed at every load, as its time stamps cannot be relied on yet
        time.sleep(2.1)
        in_new_process(folder / "files", folder / "cache-0", 1, None)
        cached = medians([in_new_process(folder / "files", folder / "cache-0", 6, None) for _ in range(repeats)])
        single = medians([in_new_process(folder / "files", folder / "cache-0", 6, ["7"]) for _ in range(repeats)])
        cache_size = sum(path.stat().st_size for path in (folder / "cache-0").rglob("*.parquet")) / 1e6
    print(
        f"{num_homes} homes, {num_years} years, {num_rows:,} rows, {size:.0f} MB of CSV, {cache_size:.0f} MB of cache"
    )
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {os.cpu_count()} cores\n")
    print(f"{'':<44}{'median':>10}{'peak memory':>14}")
    print(f"{'write the official layout':<44}{writing:>8.2f} s")
    print(f"{'parse all files and fill the cache':<44}{parses['first']:>8.2f} s{parses['peak_gb']:>11.2f} GB")
    print(f"{'load all homes from the cache, new process':<44}{cached['first']:>8.3f} s{cached['peak_gb']:>11.2f} GB")
    print(f"{'load all homes from the cache, same process':<44}{cached['later']:>8.3f} s")
    print(f"{'load one home from the cache, same process':<44}{single['later']:>8.3f} s{single['peak_gb']:>11.2f} GB")


if __name__ == "__main__":
    main()
