"""What all sections of a configuration are made of."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from p2p_market.errors import UnknownNameError


def registered(module: str, registry: str) -> Callable[[str], str]:
    """Check a name against a registry, which is imported only then."""

    def check(name: str) -> str:
        try:
            getattr(importlib.import_module(module), registry)[name]
        except UnknownNameError as error:
            raise ValueError(str(error)) from None
        return name

    return check


def _path_as_text(value: Any) -> Any:
    """Take a path object as the text that it would be in a file."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


PathText: TypeAlias = Annotated[str, BeforeValidator(_path_as_text)]


class Section(BaseModel):
    """A part of a configuration: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _plain_values(cls, values: Any) -> Any:
        """Take numpy's numbers and arrays as Python's, and a truth value as a word where no truth value belongs.

        Python would take it for the number 0 or 1, and ``seed: true`` is a mistake.
        """
        if not isinstance(values, dict):
            return values
        plain = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in values.items()}
        for key, value in plain.items():
            if (
                isinstance(value, bool)
                and key in cls.model_fields
                and not _takes_bool(cls.model_fields[key].annotation)
            ):
                plain[key] = str(value).lower()
        return plain


def _takes_bool(annotation: Any) -> bool:
    return annotation in (bool, Any) or any(_takes_bool(part) for part in get_args(annotation))
