"""What a low-voltage feeder is: a transformer, lines between nodes, and the nodes where households connect."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from p2p_market.errors import ConfigError, is_number, suggest


@dataclass(frozen=True)
class Transformer:
    """Distribution transformer that feeds the busbar; its rating plate.

    Attributes
    ----------
    rating_kva
        Rated apparent power [kVA].
    high_voltage_kv, low_voltage_kv
        Rated line-to-line voltages [kV].
    short_circuit_voltage_percent
        Impedance in percent of the rated one.
    load_losses_kw, no_load_losses_kw
        Losses in the windings at the rating, and in the core at any load [kW].
    no_load_current_percent
        Magnetising current in percent of the rated one.
    """

    rating_kva: float
    high_voltage_kv: float
    low_voltage_kv: float
    short_circuit_voltage_percent: float
    load_losses_kw: float
    no_load_losses_kw: float = 0.0
    no_load_current_percent: float = 0.0


@dataclass(frozen=True)
class Cable:
    """Conductor of a line, by phase: positive-sequence series impedance, shunt capacitance, and current rating."""

    r_ohm_per_km: float
    x_ohm_per_km: float
    c_nf_per_km: float
    rating_a: float


@dataclass(frozen=True)
class Line:
    """A line between two nodes."""

    start: str
    end: str
    cable: str
    length_m: float

    @property
    def name(self) -> str:
        """The two ends, ``"R1-R2"``."""
        return f"{self.start}-{self.end}"


@dataclass(frozen=True, eq=False)
class Feeder:
    """A low-voltage network with one transformer, radial or meshed.

    Attributes
    ----------
    name, summary, source
        What it is called, one line for lists, and where it was published.
    transformer
        The transformer, whose high-voltage side is held at a fixed voltage.
    busbar
        Node on its low-voltage side.
    cables
        Conductors by name.
    lines
        ``M`` lines, in the order of results.
    connections
        ``C`` nodes where households connect, with their weights when households are shared out.
    nominal_voltage_kv
        Line-to-line voltage of which the low voltages are parts [kV]; 0.4 where homes have 230 V.

    Raises
    ------
    ConfigError
        If a value cannot be one of a network, a name is not known, or a node cannot be reached from the busbar.
    """

    name: str
    transformer: Transformer
    busbar: str
    cables: Mapping[str, Cable]
    lines: tuple[Line, ...]
    connections: Mapping[str, float]
    nominal_voltage_kv: float
    summary: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        _check_numbers(self, f"feeder {self.name!r}", positive=("nominal_voltage_kv",))
        _check_transformer(self.transformer, f"feeder {self.name!r}: transformer")
        for name, cable in self.cables.items():
            place = f"feeder {self.name!r}: cable {name!r}"
            _check_numbers(cable, place, positive=("rating_a",), not_negative=("r_ohm_per_km", "x_ohm_per_km"))
            _check_numbers(cable, place, not_negative=("c_nf_per_km",))
            if cable.r_ohm_per_km == 0.0 == cable.x_ohm_per_km:
                raise ConfigError(f"{place}: resistance and reactance are 0; join the nodes that it connects")
        self._check_lines()
        self._check_connections()

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """``K`` low-voltage nodes, the busbar first, in the order in which lines name them."""
        ends = (end for line in self.lines for end in (line.start, line.end))
        return tuple(dict.fromkeys((self.busbar, *ends)))

    def _check_lines(self) -> None:
        if not self.lines:
            raise ConfigError(f"feeder {self.name!r}: lines names no line; expected one at least")
        for number, line in enumerate(self.lines):
            place = f"feeder {self.name!r}: line {number} ({line.name})"
            _check_numbers(line, place, positive=("length_m",))
            if line.start == line.end:
                raise ConfigError(f"{place}: starts and ends at the same node")
            if line.cable not in self.cables:
                known = ", ".join(self.cables) or "none"
                hint = suggest(line.cable, self.cables)
                raise ConfigError(f"{place}: unknown cable {line.cable!r}{hint}; cables: {known}")
        apart = [node for node in self.nodes if node not in self._reached]
        if apart:
            raise ConfigError(
                f"feeder {self.name!r}: no line leads from the busbar {self.busbar!r} to {', '.join(apart[:5])}"
                f"{' and others' if len(apart) > 5 else ''}"
            )

    @cached_property
    def _reached(self) -> set[str]:
        neighbours: dict[str, list[str]] = {node: [] for node in self.nodes}
        for line in self.lines:
            neighbours[line.start].append(line.end)
            neighbours[line.end].append(line.start)
        reached, waiting = {self.busbar}, deque([self.busbar])
        while waiting:
            for node in neighbours[waiting.popleft()]:
                if node not in reached:
                    reached.add(node)
                    waiting.append(node)
        return reached

    def _check_connections(self) -> None:
        if not self.connections:
            raise ConfigError(f"feeder {self.name!r}: connections names no node where households connect")
        for node, weight in self.connections.items():
            if node not in self.nodes:
                raise ConfigError(
                    f"feeder {self.name!r}: connections: unknown node {node!r}{suggest(node, self.nodes)}; "
                    "expected an end of a line, or the busbar"
                )
            if not (is_number(weight) and weight > 0.0):
                raise ConfigError(
                    f"feeder {self.name!r}: connections: weight of {node!r} is {weight!r}; expected a number above 0"
                )


def _check_transformer(transformer: Transformer, place: str) -> None:
    ratings = ("rating_kva", "high_voltage_kv", "low_voltage_kv", "short_circuit_voltage_percent")
    losses = ("load_losses_kw", "no_load_losses_kw", "no_load_current_percent")
    _check_numbers(transformer, place, positive=ratings, not_negative=losses)
    for loss, percent in (
        ("load_losses_kw", "short_circuit_voltage_percent"),
        ("no_load_losses_kw", "no_load_current_percent"),
    ):
        losses_kw, share = getattr(transformer, loss), getattr(transformer, percent)
        largest = transformer.rating_kva * share / 100.0
        if losses_kw > largest * (1.0 + 1e-9):
            raise ConfigError(
                f"{place}: {loss} is {losses_kw:g}, and {percent} {share:g} of {transformer.rating_kva:g} kVA allows "
                f"{largest:g} at most"
            )


def _check_numbers(
    part: Feeder | Transformer | Cable | Line,
    place: str,
    *,
    positive: tuple[str, ...] = (),
    not_negative: tuple[str, ...] = (),
) -> None:
    for key in (*positive, *not_negative):
        value = getattr(part, key)
        if not (is_number(value) and (value > 0.0 or (value == 0.0 and key in not_negative))):
            expected = "a number above 0" if key in positive else "a number, 0 or more"
            raise ConfigError(f"{place}: {key} is {value!r}; expected {expected}")
