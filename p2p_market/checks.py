"""Checks of single values that come from outside, with messages that name them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from p2p_market.errors import ActionError, ConfigError
from p2p_market.types import AnyArray


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


def as_numbers(subject: str, values: Any) -> AnyArray:
    """Return values as an array of floats, whatever array or sequence of numbers they come as.

    Parameters
    ----------
    subject
        What the values are, with its verb, for the message: ``"actions are"``.
    values
        Floats stay as they are; whole numbers, truth values and objects become float64.

    Raises
    ------
    ActionError
        If they are no numbers, or sequences of different lengths.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind == "f":
            return array
        if array.dtype.kind not in "biuO":
            raise TypeError(f"the type is {array.dtype}")
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        # RuntimeError: a tensor that still records gradients
        raise ActionError(f"{subject} not an array of numbers: {error}") from error
