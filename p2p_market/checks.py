"""Checks of single values that come from outside, with messages that name them."""

from __future__ import annotations

import operator

from p2p_market.errors import ConfigError


def whole_number(name: str, value: object, least: int) -> int:
    """Return a value as an int if it is a whole number, numpy's included, and not too small.

    Parameters
    ----------
    name
        What the value is, for the message.
    value
        The value; a truth value or a float is none, not even 2.0.
    least
        Smallest number that is allowed.

    Raises
    ------
    ConfigError
        If it is something else.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # that it may be anything is the point
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ConfigError(f"{name} is {value!r}; expected a whole number, {least} or more")
    return number
