"""From YAML files and overrides to a checked configuration, with errors that a person can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from p2p_market.config import Config
from p2p_market.errors import ConfigError, suggest
from p2p_market.yaml_files import read_yaml

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ConfigSource = Config | Mapping[str, Any] | str | Path | None


def load_config(source: ConfigSource = None, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read, override and check a configuration.

    Parameters
    ----------
    source
        A YAML file, a mapping, a finished `Config`, or ``None`` for the defaults.
    overrides
        Values by key. A key is a dotted path (``"market.mechanism"``), or the last part of one where that is
        unambiguous (``"mechanism"``).

    Raises
    ------
    ConfigError
        Naming the file, the key, what was given, what was expected, and the nearest known key.
    """
    place = "the configuration"
    if isinstance(source, Config):
        values: dict[str, Any] = source.model_dump(exclude_unset=True)
    elif isinstance(source, Mapping):
        values = _copy(source)
    elif source is None:
        values = {}
    elif not isinstance(source, str | Path):
        raise ConfigError(
            f"a configuration is a YAML file, a mapping, a Config or None; given {source!r} ({type(source).__name__})"
        )
    else:
        place = str(source)
        values = read_yaml(Path(source))
        values.setdefault("name", Path(source).stem)
    if not isinstance(overrides, Mapping | None):
        raise ConfigError(f"overrides are {overrides!r}; expected a mapping, e.g. {{'market.mechanism': 'pay_as_bid'}}")
    for key, value in (overrides or {}).items():
        put_value(values, resolve_key(key), value)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, place)) from None


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Turn ``key=value`` texts into overrides; values are read as YAML.

    Raises
    ------
    ConfigError
        For a text without ``=``, or a value that is not YAML.
    """
    overrides: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {assignment!r}: expected key=value, e.g. --set market.mechanism=pay_as_bid")
        try:
            overrides[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConfigError(f"--set {assignment!r}: the value is not valid YAML; quote it") from None
    return overrides


def dump_config(config: Config) -> str:
    """Every key of a configuration as YAML, defaults included; loading it again gives the same configuration."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def known_keys(model: type[BaseModel] = Config) -> list[str]:
    """Dotted paths of all keys, those of every data source included."""
    return sorted(set(_walk_keys(model, "")))


def resolve_key(key: str) -> str:
    """Find the dotted path that a key means.

    Raises
    ------
    ConfigError
        For an unknown key, with the nearest; for one that stands in several sections, with all of them.
    """
    keys = known_keys()
    if not isinstance(key, str):
        raise ConfigError(f"configuration key {key!r} is not a text such as 'market.mechanism'")
    if key in keys or any(key.startswith(f"{known}.") for known in keys if _is_free_mapping(known)):
        return key
    matches = [known for known in keys if known.rsplit(".", 1)[-1] == key]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ConfigError(f"key {key!r} stands in several sections; write one of: {', '.join(matches)}")
    leaves = [known.rsplit(".", 1)[-1] for known in keys]
    nearest = difflib.get_close_matches(key, keys + leaves, n=1)
    near = [known for known in keys if nearest and (known == nearest[0] or known.rsplit(".", 1)[-1] == nearest[0])]
    hint = f"; did you mean {near[0]!r}?" if near else f"; the sections are: {', '.join(Config.model_fields)}"
    raise ConfigError(f"unknown configuration key {key!r}{hint}")


def explain(error: ValidationError, place: str, model: type[BaseModel] = Config) -> str:
    """Turn a validation error of ``model`` into one line a problem: key, what was given, what was expected."""
    problems: dict[str, tuple[str, list[str]]] = {}
    for problem in error.errors():
        key, given, text = _describe(problem, model)
        texts = problems.setdefault(key, (given, []))[1]
        if text not in texts:
            texts.append(text)
    # where one form of a value fails at a key below it, that the other forms do not fit either is no news
    keys = [key for key in problems if not any(other.startswith(f"{key}.") for other in problems)]
    lines = [
        f"{key}: {problems[key][0]}{_either(problems[key][1])}" if key else _either(problems[key][1]) for key in keys
    ]
    return f"{place}: " + (lines[0] if len(lines) == 1 else "".join(f"\n  - {line}" for line in lines))


def _describe(problem: ErrorDetails, model: type[BaseModel]) -> tuple[str, str, str]:
    """Key of a problem, what was given there if that helps, and what is wrong with it."""
    path = [str(part) for part in problem["loc"] if part not in _UNION_TAGS and "[" not in str(part)]
    key, given = ".".join(path), problem["input"]
    if problem["type"] == "extra_forbidden":
        siblings = _siblings(model, path[:-1])
        if path[-1] in siblings:  # of another data source
            return key, "", "unknown key for this data.source; set data.source too"
        hint = suggest(path[-1], siblings) or f"; known keys here: {', '.join(siblings)}"
        return key, "", f"unknown key{hint}"
    if problem["type"] == "missing":
        return key, "", "missing; it has no default"
    if problem["type"] == "union_tag_invalid":
        source, known = given["source"], [tag.strip("' ") for tag in problem["ctx"]["expected_tags"].split(",")]
        return f"{key}.source", f"given {source!r}", f"{suggest(source, known)}; expected one of: {', '.join(known)}"
    message = problem["msg"].removeprefix("Value error, ")
    for words, plain in _PLAIN_WORDS.items():
        message = message.replace(words, plain)
    return key, f"given {given!r}; ", f"{message[:1].lower()}{message[1:]}"


def _either(texts: list[str]) -> str:
    """Join what each form of a value would have to be."""
    return ", or ".join([texts[0], *(text.removeprefix("expected ") for text in texts[1:])])


_PLAIN_WORDS = {
    "Input should be": "expected",
    "a valid tuple": "a list",
    "a valid dictionary": "a mapping",
    "a valid string": "a text",
    "a valid integer": "a whole number",
    "Tuple should": "the list should",
    " after validation": "",
}


# What pydantic puts into a place for the form of the value that it tried.
_UNION_TAGS = {"synthetic", "ausgrid", "table", "str", "int", "float", "date", "datetime"}
_UNION_TAGS |= {"constrained-int", "constrained-float", "constrained-str"}


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def put_value(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a value in nested mappings by dotted key, making the sections on the way.

    Raises
    ------
    ConfigError
        If a section on the way holds something else.
    """
    *sections, last = key.split(".")
    for section in sections:
        below = values.setdefault(section, {})
        if isinstance(below, list | tuple) and len(below) == 1 and isinstance(below[0], dict):
            below = values[section] = dict(below[0])  # the only design of a kind of device
        if not isinstance(below, dict):
            raise ConfigError(f"{key}: {section!r} holds {below!r}, which has no keys below it")
        values = below
    values[last] = value


def _walk_keys(model: type[BaseModel], prefix: str) -> Iterable[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        for part in _models_in(field.annotation):
            yield from _walk_keys(part, f"{prefix}{name}.")


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType):
        return [model for part in get_args(annotation) for model in _models_in(part)]
    return []


def _is_free_mapping(key: str) -> bool:
    """Whether a key holds a mapping whose own keys the user chooses."""
    return key in (
        "market.options",
        "tariff.plan",
        "reward.weights",
        "reward.options",
        "population.scripted",
        "population.options",
        "run.policy",
        "data.options",
        "devices",
    )


def _siblings(model: type[BaseModel], path: list[str]) -> list[str]:
    prefix = ".".join(path)
    depth = len(path)
    keys = (key.split(".") for key in known_keys(model))
    return [key[depth] for key in keys if len(key) == depth + 1 and ".".join(key[:depth]) == prefix]
