"""Peer-to-peer energy trading as a PettingZoo environment.

A street of households with demand and rooftop PV meets in a double auction every interval; what stays unmatched is
settled with the grid. Names of the public face load when they are first used, so that ``import p2p_market`` stays
cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from p2p_market._version import __version__

if TYPE_CHECKING:
    from p2p_market.auction.clear import clear as clear

_HOME = {
    "clear": "p2p_market.auction.clear",
}

__all__ = ["__version__", "clear"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'p2p_market' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
