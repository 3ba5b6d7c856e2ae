"""Where the real household data lies, for tests and benchmarks that use it when it is there.

The files are not part of the repository. They are looked for in the folder that ``$P2P_MARKET_DATA`` names,
else in ``../shared/data`` beside the repository; a test that asks for one that is absent is skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "P2P_MARKET_DATA"

NINETEEN_HOMES = "19customers_62days_2012-07-01_hourly-flat.csv"
CUSTOMER_12 = "customer12_2011-2012_halfhour.csv"
CUSTOMER_1 = "customer1_47days_2013_halfhour.csv"
RAW_HEAD = "raw_head_2011-2012.csv"
AGGREGATE_300 = "aggregate_300homes_2010-2013_halfhour.csv"
WEEKLY_299 = "weekly_gc_299homes_148weeks.csv"
CAPACITY_299 = "capacity_299homes.csv"


def data_folder() -> Path:
    """Return the folder that should hold ``ausgrid/``, whether it exists or not."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"


def ausgrid_folder() -> Path:
    """Return the folder of the Ausgrid subsets, or skip the test."""
    folder = data_folder() / "ausgrid"
    if not folder.is_dir():
        pytest.skip(f"real data is not at {folder}; set {VARIABLE} to the folder that holds ausgrid/")
    return folder


def real_file(name: str) -> Path:
    """Return the path of one real file, or skip the test."""
    path = ausgrid_folder() / name
    if not path.is_file():
        pytest.skip(f"real data file {path} is absent")
    return path
