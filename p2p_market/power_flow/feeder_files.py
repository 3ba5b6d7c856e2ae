"""Feeders by name and from YAML files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import cast

from p2p_market.errors import ConfigError
from p2p_market.power_flow.feeder import Cable, Feeder, Line, Transformer
from p2p_market.registry import Registry
from p2p_market.yaml_files import read_keys, read_yaml

_PLATE = ("rating_kva", "high_voltage_kv", "low_voltage_kv", "short_circuit_voltage_percent", "load_losses_kw")
_PLATE_OPTIONAL = ("no_load_losses_kw", "no_load_current_percent")
_CONDUCTOR = ("r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "rating_a")


class _PackagedFeeders(Registry[Feeder]):
    """The registry of feeders, which reads the packaged files on first use: an import need not load YAML."""

    def __init__(self) -> None:
        self.kind = "feeder"

    @cached_property
    def _entries(self) -> dict[str, Feeder]:  # type: ignore[override]  # lazy form of the same mapping
        files = sorted((Path(__file__).parent / "feeders").glob("*.yaml"))
        return {path.stem: read_feeder(path) for path in files}


FEEDERS: Registry[Feeder] = _PackagedFeeders()
"""Named feeders: the published ones of this package, and those that you register."""


def load_feeder(name: str) -> Feeder:
    """Find a feeder by its name or in a YAML file.

    Parameters
    ----------
    name
        A name in `FEEDERS`, or the path of a YAML file; see `read_feeder`.

    Raises
    ------
    UnknownNameError
        For a name that is not registered.
    ConfigError
        For a file that cannot be read or holds no feeder.
    """
    return read_feeder(name) if is_feeder_file(name) else FEEDERS[name]


def is_feeder_file(name: str) -> bool:
    """Whether a feeder is given as a file and not by a name."""
    return Path(name).suffix in (".yaml", ".yml")


def read_feeder(path: str | Path) -> Feeder:
    """Read a feeder from a YAML file.

    The file holds ``transformer`` with ``busbar`` and the numbers of a `Transformer`; ``cables``, by name the
    numbers of a `Cable`; ``lines``, a list of ``[from, to, cable, metres]``; ``connections``, a list of nodes or
    a mapping from node to weight; optionally ``nominal_voltage_kv`` (default: 0.4), and the texts ``name``
    (default: the file's), ``summary`` and ``source``. The files in ``p2p_market/power_flow/feeders`` are examples.

    Raises
    ------
    ConfigError
        If the file cannot be read, a key is unknown or missing, or the values are no network; with file and key.
    """
    path = Path(path)
    where = str(path)
    required = ("transformer", "cables", "lines", "connections")
    optional = ("name", "summary", "source", "nominal_voltage_kv")
    content = read_keys(read_yaml(path, "feeder file"), where, required, optional)
    place = f"{where}: transformer"
    plate = read_keys(content["transformer"], place, ("busbar", *_PLATE), _PLATE_OPTIONAL)
    busbar = str(plate.pop("busbar"))
    try:
        return Feeder(
            name=str(content.get("name", path.stem)),
            transformer=Transformer(**cast("dict[str, float]", plate)),
            busbar=busbar,
            cables=_parse_cables(content["cables"], f"{where}: cables"),
            lines=_parse_lines(content["lines"], f"{where}: lines"),
            connections=_parse_connections(content["connections"], f"{where}: connections"),
            nominal_voltage_kv=cast("float", content.get("nominal_voltage_kv", 0.4)),
            summary=str(content.get("summary", "")),
            source=str(content.get("source", "")).strip(),
        )
    except ConfigError as error:
        raise error if str(error).startswith(where) else ConfigError(f"{where}: {error}") from None


def _parse_cables(value: object, where: str) -> dict[str, Cable]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: expected a mapping from the name of a cable to its values, found {value!r:.60}")
    return {
        str(name): Cable(**cast("dict[str, float]", read_keys(cable, f"{where}: {name}", _CONDUCTOR)))
        for name, cable in value.items()
    }


def _parse_lines(value: object, where: str) -> tuple[Line, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"{where}: expected a list of [from, to, cable, metres], found {value!r:.60}")
    lines = []
    for number, line in enumerate(value):
        if not (isinstance(line, list) and len(line) == 4):
            raise ConfigError(f"{where}[{number}]: expected [from, to, cable, metres], found {line!r:.60}")
        lines.append(Line(str(line[0]), str(line[1]), str(line[2]), line[3]))
    return tuple(lines)


def _parse_connections(value: object, where: str) -> Mapping[str, float]:
    if isinstance(value, dict):
        return {str(node): weight for node, weight in value.items()}
    if not isinstance(value, list):
        raise ConfigError(f"{where}: expected a list of nodes, or their weights by node, found {value!r:.60}")
    nodes = [str(node) for node in value]
    twice = next((node for node in nodes if nodes.count(node) > 1), None)
    if twice is not None:
        raise ConfigError(f"{where}: node {twice!r} appears twice; give it a weight instead")
    return dict.fromkeys(nodes, 1.0)
