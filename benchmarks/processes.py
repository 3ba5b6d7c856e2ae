"""Measuring what has to begin in a new process: loading files, and importing the package."""

from __future__ import annotations

import functools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.cases import Case, Row
from benchmarks.measure import Effort
from p2p_market.data.ausgrid import load_ausgrid
from p2p_market.data.calendar import Calendar
from p2p_market.data.container import DataContainer, Quality
from p2p_market.data.official_writer import write_official_layout

ROOT = Path(__file__).parents[1]
CONTROLLED_LOAD_SHARE = 0.46
REPEATS = 3  # new processes for each figure

IMPORTS = {
    "its dependencies": "import numpy, gymnasium, pettingzoo",
    "import p2p_market": "import numpy, gymnasium, pettingzoo, p2p_market",
    "make an environment": "import numpy, gymnasium, pettingzoo, p2p_market; p2p_market.parallel_env()",
}


def measure_start(case: Case, effort: Effort) -> Row:
    """Processor time of a new interpreter to the end of an import, beside that of a shorter one."""
    runs = 1 if effort.is_quick else 5 * REPEATS
    cost, floor = (
        statistics.median(
            _new_process(f"{IMPORTS[what]}\nimport time; print(time.process_time())") for _ in range(runs)
        )
        for what in (case.what, case.floor)
    )
    return Row(case, cost, floor)


def measure_loader(case: Case, effort: Effort) -> Row:
    """Parsing the official files of three years, or loading them from the cache, each in a new process."""
    cost, floor = _loads(effort)[case.what]
    return Row(case, cost, floor, is_memory="memory" in case.what)


@functools.cache
def _loads(effort: Effort) -> dict[str, tuple[float, float]]:
    """Cost and floor of every case of the loader, from one set of files."""
    num_homes, num_years, repeats = (10, 1, 1) if effort.is_quick else (300, 3, REPEATS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = official_homes(num_homes, num_years)
        write_official_layout(data, folder / "files")
        # each parse has a cache of its own, so that none finds the work of another
        parses = [_load(folder, f"cache-{number}") for number in range(repeats)]
        # a file that has just been written is hashed at every load, as its time stamps cannot be relied on yet
        time.sleep(2.1)
        _load(folder, "cache-0")
        cached = [_load(folder, "cache-0") for _ in range(repeats)]
        single = [_load(folder, "cache-0", ["7"]) for _ in range(repeats)]
    arrays = sum(array.nbytes for array in (data.demand, data.pv, data.quality))
    return {
        "parse three years": _medians(parses, "seconds", "read_csv"),
        "parse, peak memory": (_medians(parses, "peak", "peak")[0], arrays),
        "from the cache, all homes": _medians(cached, "seconds", "read_parquet"),
        "from the cache, one home": _medians(single, "seconds", "read_parquet"),
    }


def _medians(runs: list[dict[str, float]], *names: str) -> tuple[float, ...]:
    return tuple(statistics.median(run[name] for run in runs) for name in names)


def _load(folder: Path, cache: str, customers: list[str] | None = None) -> dict[str, float]:
    arguments = str(folder / "files"), str(folder / cache), customers
    figures: dict[str, float] = _new_process(
        f"import json; from benchmarks.processes import load_once; print(json.dumps(load_once(*{arguments!r})))"
    )
    return figures


def load_once(folder: str, cache: str, customers: list[str] | None) -> dict[str, float]:
    """Load in this process, then read the same files with polars alone; processor times [s], peak memory [byte]."""
    seconds = _processor_time(lambda: load_ausgrid(folder, cache_folder=cache, customers=customers))
    peak = _peak_memory()
    files, parsed = sorted(Path(folder).rglob("*.csv")), sorted(Path(cache).rglob("*.parquet"))
    return {
        "seconds": seconds,
        "peak": peak,
        "read_csv": _processor_time(lambda: [pl.read_csv(path, skip_rows=1) for path in files]),
        "read_parquet": statistics.median(
            _processor_time(lambda: [pl.read_parquet(path) for path in parsed]) for _ in range(5)
        ),
    }


def _peak_memory() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # on Linux the peak that getrusage gives a child is at least its parent's
        kilobytes = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(kilobytes) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _processor_time(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def _new_process(code: str) -> Any:
    finished = subprocess.run(  # noqa: S603 (our own code, in this interpreter)
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(finished.stdout)


def official_homes(num_homes: int, num_years: int, seed: int = 0) -> DataContainer:
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
