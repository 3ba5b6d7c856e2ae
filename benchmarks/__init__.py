"""What the package costs: speed, memory, and what others cost on the same work.

``python -m benchmarks.speed`` prints every figure beside the floor that NumPy or the interface sets, and
``python -m benchmarks.peers`` other projects on the same books and streets. All of it runs on one core.
"""

from __future__ import annotations

import os

# Before NumPy or polars is first imported: their thread pools are made once, on import.
for _variable in ("OMP", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR"):
    os.environ[f"{_variable}_NUM_THREADS"] = "1"
os.environ["POLARS_MAX_THREADS"] = "1"
