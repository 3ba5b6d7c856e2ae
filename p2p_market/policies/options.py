"""Checks of what policies are given as options."""

from __future__ import annotations

from typing import Any

from p2p_market.errors import ConfigError, is_number


def check_number(name: str, value: Any, low: float, high: float) -> None:
    """Raise `ConfigError` unless an option is a number from ``low`` to ``high``."""
    if not (is_number(value) and low <= value <= high):
        raise ConfigError(f"{name} is {value!r}; expected a number from {low:g} to {high:g}")


def check_count(name: str, value: Any, low: int, high: int) -> None:
    """Raise `ConfigError` unless an option is a whole number from ``low`` to ``high``."""
    if not (type(value) is int and low <= value <= high):
        raise ConfigError(f"{name} is {value!r}; expected a whole number from {low} to {high}")


def check_range(name: str, value: Any, low: float, high: float) -> None:
    """Raise `ConfigError` unless an option is a pair of numbers, ``low`` <= first <= second <= ``high``."""
    is_pair = isinstance(value, tuple) and len(value) == 2 and all(is_number(end) for end in value)
    if not (is_pair and low <= value[0] <= value[1] <= high):
        shown = list(value) if isinstance(value, tuple) else value
        raise ConfigError(f"{name} is {shown!r}; expected two numbers from {low:g} to {high:g}, the smaller first")
