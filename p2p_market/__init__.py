"""Peer-to-peer energy trading as a PettingZoo environment.

A street of households with demand and rooftop PV meets in a double auction every interval; what stays unmatched is
settled with the grid. Names of the public face load when they are first used, so that ``import p2p_market`` stays
cheap.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from p2p_market._version import __version__
from p2p_market.registration import register_environments

if TYPE_CHECKING:
    from p2p_market import analysis
    from p2p_market.auction.clear import clear
    from p2p_market.config_loading import load_config
    from p2p_market.evaluation import evaluate
    from p2p_market.experiment import run
    from p2p_market.make import env, make, parallel_env, raw_env, vector_env

_HOME = {
    "clear": "p2p_market.auction.clear",
    "env": "p2p_market.make",
    "evaluate": "p2p_market.evaluation",
    "load_config": "p2p_market.config_loading",
    "make": "p2p_market.make",
    "parallel_env": "p2p_market.make",
    "raw_env": "p2p_market.make",
    "run": "p2p_market.experiment",
    "vector_env": "p2p_market.make",
}

_PACKAGES = ("analysis",)

__all__ = [
    "__version__",
    "analysis",
    "clear",
    "env",
    "evaluate",
    "load_config",
    "make",
    "parallel_env",
    "raw_env",
    "run",
    "vector_env",
]

register_environments()


class _Package(ModuleType):
    """The package's own type: ``env``, ``make`` and ``vector_env`` stay functions although modules are called so.

    Python binds a submodule to its package when it is first imported, anywhere, and would hide the function.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _HOME or not isinstance(value, ModuleType):
            super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        """Pickle by name, as plain modules are by those who pickle functions that use one."""
        return importlib.import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    if name in _PACKAGES:
        return importlib.import_module(f"p2p_market.{name}")
    raise AttributeError(f"module 'p2p_market' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
