"""Reading a YAML file of keys and values, with errors that name the place."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2p_market.errors import ConfigError, suggest

if TYPE_CHECKING:
    import yaml


def read_yaml(path: Path, kind: str = "configuration file") -> dict[str, Any]:
    """Read the mapping at the top of a YAML file; an empty file is an empty mapping.

    Parameters
    ----------
    path
        The file.
    kind
        What the file is; used in error messages.

    Raises
    ------
    ConfigError
        For a file that is missing, unreadable or not YAML (with line and column), or that holds no mapping.
    """
    import yaml  # noqa: PLC0415 (only those who read a file pay for it)

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise ConfigError(f"{kind} {str(path)!r} does not exist{suggest(path.name, near)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{kind} {str(path)!r} cannot be read: {error}") from None
    try:
        values = yaml.load(text, _loader())  # noqa: S506 - a safe loader that is stricter still
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: not valid YAML: {getattr(error, 'problem', None) or error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected keys with values at the top, found {values!r:.60}")
    return {str(key): value for key, value in values.items()}


def read_keys(
    value: object, where: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, object]:
    """Take a value of a file as a mapping with certain keys.

    Parameters
    ----------
    value
        What stands in the file.
    where
        File and place in it; used in error messages.
    required, optional
        Names of the keys.

    Raises
    ------
    ConfigError
        If it is no mapping, has an unknown key (with the nearest), or lacks one.
    """
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: expected keys with values, found {value!r}")
    content, known = {str(key): entry for key, entry in value.items()}, required + optional
    for key in content:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}{suggest(key, known)}; known: {', '.join(known)}")
    for key in required:
        if key not in content:
            raise ConfigError(f"{where}: key {key!r} is missing")
    return content


@functools.cache
def _loader() -> type[yaml.SafeLoader]:
    """Return the safe loader of YAML, for which a key that appears twice is an error and not the last one's value."""
    import yaml  # noqa: PLC0415 (only those who read a file pay for it)

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            first: dict[str, int] = {}
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue
                if key.value in first:
                    problem = f"key {key.value!r} appears twice, first in line {first[key.value]}"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                first[key.value] = key.start_mark.line + 1
            return super().construct_mapping(node, deep)

    return Loader
