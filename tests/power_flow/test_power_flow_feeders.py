"""Feeders and their files: what ships, what a file of one's own may hold, and who connects where."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from p2p_market.errors import ConfigError, UnknownNameError
from p2p_market.power_flow import FEEDERS, Feeder, load_feeder, place_households, read_feeder
from p2p_market.power_flow.placement import sum_by_connection

OWN: dict[str, Any] = {
    "transformer": {
        "busbar": "station",
        "rating_kva": 100,
        "high_voltage_kv": 11,
        "low_voltage_kv": 0.433,
        "short_circuit_voltage_percent": 4,
        "load_losses_kw": 1.5,
    },
    "cables": {"cable": {"r_ohm_per_km": 0.4, "x_ohm_per_km": 0.08, "c_nf_per_km": 0, "rating_a": 150}},
    "lines": [["station", "corner", "cable", 80], ["corner", "end", "cable", 40.5]],
    "connections": ["corner", "end"],
}


def changed(key: str, value: Any) -> dict[str, Any]:
    """The file above with one value in the place of another; ``None`` removes it."""
    content = yaml.safe_load(yaml.safe_dump(OWN))
    *path, last = key.split(".")
    below: Any = content
    for part in path:
        below = below[int(part) if part.isdigit() else part]
    if value is None:
        del below[last]
    else:
        below[int(last) if last.isdigit() else last] = value
    return content


def write(folder: Path, content: Any, name: str = "own.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(content))
    return path


def test_published_feeders_ship_with_their_sources() -> None:
    assert set(FEEDERS) == {"cigre_residential", "kerber_rural", "kerber_village"}
    for name, feeder in FEEDERS.items():
        assert feeder.name == name
        assert "pandapower" in feeder.source
        assert feeder.summary
    sizes = {name: (len(f.nodes), len(f.lines), len(f.connections)) for name, f in FEEDERS.items()}
    assert sizes == {"cigre_residential": (18, 17, 5), "kerber_rural": (27, 26, 26), "kerber_village": (115, 114, 57)}


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, OWN | {"summary": "two homes"})
    feeder = load_feeder(str(path))
    assert feeder.name == "own"
    assert feeder.summary == "two homes"
    assert feeder.nodes == ("station", "corner", "end")
    assert feeder.connections == {"corner": 1.0, "end": 1.0}
    assert feeder.lines[1].name == "corner-end"
    assert feeder.lines[1].length_m == 40.5
    assert feeder.nominal_voltage_kv == 0.4
    assert feeder.transformer.no_load_losses_kw == 0.0


def test_names_of_nodes_may_be_numbers(tmp_path: Path) -> None:
    content = changed("lines", [[1, 2, "cable", 80]]) | {"connections": {2: 3}}
    content["transformer"]["busbar"] = 1
    feeder = read_feeder(write(tmp_path, content))
    assert feeder.nodes == ("1", "2")
    assert feeder.connections == {"2": 3}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("transformer", None, "own.yaml: key 'transformer' is missing"),
        ("wires", {}, "own.yaml: unknown key 'wires'"),
        ("transformer.rating_kv", 1, "own.yaml: transformer: unknown key 'rating_kv'; did you mean 'rating_kva'?"),
        ("transformer.load_losses_kw", None, "own.yaml: transformer: key 'load_losses_kw' is missing"),
        ("transformer.rating_kva", 0, "transformer: rating_kva is 0; expected a number above 0"),
        ("transformer.rating_kva", "big", "transformer: rating_kva is 'big'; expected a number above 0"),
        ("transformer.no_load_losses_kw", -1, "no_load_losses_kw is -1; expected a number, 0 or more"),
        (
            "transformer.load_losses_kw",
            5,
            "load_losses_kw is 5, and short_circuit_voltage_percent 4 of 100 kVA allows 4 at most",
        ),
        (
            "transformer.no_load_losses_kw",
            0.2,
            "no_load_losses_kw is 0.2, and no_load_current_percent 0 of 100 kVA allows 0 at most",
        ),
        ("transformer.busbar", "nowhere", "no line leads from the busbar 'nowhere' to station, corner, end"),
        ("cables", [], "own.yaml: cables: expected a mapping from the name of a cable to its values, found []"),
        ("cables.cable.rating_a", 0, "cable 'cable': rating_a is 0; expected a number above 0"),
        ("cables.cable.c_nf_per_km", -1, "cable 'cable': c_nf_per_km is -1; expected a number, 0 or more"),
        ("cables.cable.r_ohm_per_km", None, "own.yaml: cables: cable: key 'r_ohm_per_km' is missing"),
        ("lines", [], "lines names no line; expected one at least"),
        ("lines", {}, "own.yaml: lines: expected a list of [from, to, cable, metres], found {}"),
        ("lines.1", ["corner", "end"], "own.yaml: lines[1]: expected [from, to, cable, metres], found"),
        ("lines.1.2", "cabel", "line 1 (corner-end): unknown cable 'cabel'; did you mean 'cable'?; cables: cable"),
        ("lines.1.3", -40, "line 1 (corner-end): length_m is -40; expected a number above 0"),
        ("lines.1.3", float("nan"), "line 1 (corner-end): length_m is nan; expected a number above 0"),
        ("lines.1.1", "corner", "line 1 (corner-corner): starts and ends at the same node"),
        ("lines.1.0", "ghost", "no line leads from the busbar 'station' to ghost, end"),
        ("connections", [], "connections names no node where households connect"),
        ("connections", "end", "own.yaml: connections: expected a list of nodes, or their weights by node"),
        ("connections", ["end", "end"], "own.yaml: connections: node 'end' appears twice; give it a weight instead"),
        ("connections", ["ende"], "connections: unknown node 'ende'; did you mean 'end'?"),
        ("connections", {"end": 0}, "connections: weight of 'end' is 0; expected a number above 0"),
        ("nominal_voltage_kv", 0, "nominal_voltage_kv is 0; expected a number above 0"),
    ],
)
def test_what_is_no_feeder_is_refused_with_its_place(tmp_path: Path, key: str, value: Any, message: str) -> None:
    path = write(tmp_path, changed(key, value) if key != "wires" else OWN | {"wires": value})
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        read_feeder(path)
    assert str(caught.value).startswith(str(path))


def test_a_cable_without_impedance_is_refused(tmp_path: Path) -> None:
    content = changed("cables.cable.r_ohm_per_km", 0)
    content["cables"]["cable"]["x_ohm_per_km"] = 0
    with pytest.raises(ConfigError, match="resistance and reactance are 0; join the nodes that it connects"):
        read_feeder(write(tmp_path, content))


def test_missing_files_and_unknown_names_suggest_what_there_is(tmp_path: Path) -> None:
    write(tmp_path, OWN)
    with pytest.raises(ConfigError, match=r"feeder file .*owm\.yaml' does not exist; did you mean 'own\.yaml'\?"):
        load_feeder(str(tmp_path / "owm.yaml"))
    with pytest.raises(UnknownNameError, match=r"unknown feeder 'kerber_urban'; did you mean 'kerber_rural'\?"):
        load_feeder("kerber_urban")


def slowly_placed(feeder: Feeder, num_households: int) -> list[int]:
    """One household after the other goes where its claim is largest."""
    homes = [0] * len(feeder.connections)
    weights = list(feeder.connections.values())
    for _ in range(num_households):
        claims = [weight / (2.0 * there + 1.0) for weight, there in zip(weights, homes, strict=True)]
        homes[claims.index(max(claims))] += 1
    return homes


@given(name=st.sampled_from(sorted(FEEDERS)), num_households=st.integers(1, 120))
def test_households_are_shared_out_by_weight(name: str, num_households: int) -> None:
    feeder = FEEDERS[name]
    places = place_households(feeder, num_households)
    counts = np.bincount(places, minlength=len(feeder.connections))
    assert counts.tolist() == slowly_placed(feeder, num_households)
    shuffled = place_households(feeder, num_households, seed=3)
    assert Counter(shuffled.tolist()) == Counter(places.tolist())


def test_equal_connections_take_turns_and_a_seed_shuffles() -> None:
    feeder = FEEDERS["kerber_rural"]
    assert place_households(feeder, 60).tolist() == [household % 26 for household in range(60)]
    first, again, other = (place_households(feeder, 60, seed).tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_a_connection_takes_what_its_households_take() -> None:
    values = np.arange(12.0).reshape(2, 2, 3)
    expected = np.stack([values[..., 0] + values[..., 2], np.zeros((2, 2)), values[..., 1]], axis=-1)
    np.testing.assert_array_equal(sum_by_connection(values, np.array([0, 2, 0]), 3), expected)
