"""What the environment loads of the data package must not pull in the frame libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_container_and_the_calendar_load_without_polars_and_pandas() -> None:
    code = (
        "import sys; from p2p_market.data.container import DataContainer; "
        "print([name for name in ('polars', 'pandas', 'pooch', 'rich') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)  # noqa: S603 - our own code
    assert result.stdout.strip() == "[]"
