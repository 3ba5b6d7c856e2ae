"""Every error that p2p_market raises on purpose.

::

    P2PMarketError
    ├── ConfigError        a configuration file or override is wrong      (also a ValueError)
    ├── DataError          a data file, frame or selection is wrong       (also a ValueError)
    ├── ActionError        an action cannot be used                       (also a ValueError)
    ├── MechanismError     an order book or an option of a mechanism is wrong (also a ValueError)
    ├── EpisodeError       step before reset, or render without a mode    (also a RuntimeError)
    ├── SolverError        a linear program was not solved                (also a RuntimeError)
    ├── MissingExtraError  an optional dependency is not installed        (also an ImportError)
    └── UnknownNameError   a name that no registry has                    (also a LookupError)

    PowerFlowWarning       some intervals of a run have no power flow     (a UserWarning)

Each message says what was given, where, what was expected, and what to do. Input is checked once, at the
borders (files, configuration, actions, ``clear``); the core assumes valid arrays.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Real
from typing import TypeGuard


class P2PMarketError(Exception):
    """Base class: catch this to catch everything that the package raises on purpose."""


class ConfigError(P2PMarketError, ValueError):
    """A configuration file, key or override that cannot be used."""


class DataError(P2PMarketError, ValueError):
    """A data file, frame or selection that cannot be used."""


class ActionError(P2PMarketError, ValueError):
    """An action that cannot be used: wrong shape, not a number, or for the wrong agent."""


class MechanismError(P2PMarketError, ValueError):
    """An order book that a mechanism is not defined for, an unusable option, or a failed audit."""


class EpisodeError(P2PMarketError, RuntimeError):
    """A call that does not fit the moment: a step before the first reset, a render without a mode."""


class SolverError(P2PMarketError, RuntimeError):
    """A solver ended without an optimum; the message repeats what it said."""


class MissingExtraError(P2PMarketError, ImportError):
    """An optional dependency is needed and not installed; the message names the extra."""


class PowerFlowWarning(UserWarning):
    """Some intervals of a run have no power flow; the message names the first, with its market."""


class UnknownNameError(P2PMarketError, LookupError):
    """A name that is not registered; the message suggests the nearest and lists what there is."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        known = sorted(known)
        super().__init__(f"unknown {kind} {name!r}{suggest(name, known)}; known: {', '.join(known) or 'none'}")


def suggest(name: object, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or an empty string."""
    nearest = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is one finite number (a truth value is none)."""
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


def require_extra(module: str, extra: str, purpose: str) -> MissingExtraError:
    """Build the error for a missing optional dependency."""
    return MissingExtraError(
        f"{purpose} needs the package {module!r}, which is not installed; "
        f"install it with: pip install 'p2p-market[{extra}]'"
    )
