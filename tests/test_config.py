"""Configurations: what is wrong is said with its key, its place and a remedy; what is right comes back unchanged."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from streets import homes

from p2p_market.build import build_controller, build_rules
from p2p_market.config import Config
from p2p_market.config_base import Section
from p2p_market.config_data import AusgridData, SyntheticData, TableData
from p2p_market.config_loading import dump_config, known_keys, load_config, parse_assignments, resolve_key
from p2p_market.data.official_writer import write_official_layout
from p2p_market.data.synthetic import synthetic_community
from p2p_market.data_loading import load_data
from p2p_market.errors import ConfigError, DataError, UnknownNameError

CONFIGS = sorted(
    path for path in (Path(__file__).parents[1] / "configs").glob("*.yaml") if not path.stem.startswith("compare")
)

WRONG_OVERRIDES: list[tuple[dict[Any, Any], str]] = [
    # keys
    ({"mechansim": "pay_as_bid"}, "unknown configuration key 'mechansim'; did you mean 'market.mechanism'?"),
    ({"market.mechansim": "x"}, "unknown configuration key 'market.mechansim'; did you mean 'market.mechanism'?"),
    ({"markt": {}}, "unknown configuration key 'markt'; did you mean 'market'?"),
    ({"zzz": 1}, "unknown configuration key 'zzz'; the sections are: name, seed, data, street"),
    ({"": 1}, "unknown configuration key ''; the sections are"),
    ({"data.days.x": 1}, "unknown configuration key 'data.days.x'; did you mean 'data.days'?"),
    (
        {"days": 3},
        "key 'days' stands in several sections; write one of: data.days, episode.days, run.days",
    ),
    ({1: 2}, "configuration key 1 is not a text such as 'market.mechanism'"),
    ({"market": {"mechansim": "x"}}, "market.mechansim: unknown key; did you mean 'mechanism'?"),
    ({"market": {"zzz": 1}}, "market.zzz: unknown key; known keys here: "),
    ({"data.path": "homes.csv"}, "data.path: unknown key for this data.source; set data.source too"),
    ({"data": {"source": "ausgrid", "path": "x", "pv_share": 1}}, "data.pv_share: unknown key for this data.source"),
    ({"data.source": "ausgrid"}, "data.path: missing; it has no default"),
    ({"data.source": "asgrid"}, "data.source: given 'asgrid'; did you mean 'ausgrid'?; expected one of: synthetic, "),
    # types
    ({"seed": -1}, "seed: given -1; expected greater than or equal to 0"),
    ({"seed": 1.5}, "seed: given 1.5; expected a whole number, got a number with a fractional part"),
    ({"seed": True}, "seed: given 'true'; expected a whole number"),
    ({"seed": None}, "seed: given None; expected a whole number"),
    ({"run.days": True}, "run.days: given 'true'; expected a whole number"),
    ({"num_households": "many"}, "street.num_households: given 'many'; expected a whole number"),
    ({"num_households": 0}, "street.num_households: given 0; expected greater than or equal to 1"),
    ({"market": 5}, "market: given 5; expected a mapping"),
    ({"data": "synthetic"}, "data: given 'synthetic'; expected a mapping"),
    ({"market.options": [1]}, "market.options: given [1]; expected a mapping"),
    ({"pv_capacity_kw": -1}, "street.pv_capacity_kw: given -1; expected greater than 0"),
    ({"street.pv_share": 1.5}, "street.pv_share: given 1.5; expected less than or equal to 1"),
    ({"interval_minutes": 7}, "data.interval_minutes: given 7; expected 5, 10, 15, 20, 30 or 60"),
    ({"energy_unit_wh": 0}, "market.energy_unit_wh: given 0; expected greater than 0"),
    ({"price_tick_dollars_per_kwh": -0.1}, "market.price_tick_dollars_per_kwh: given -0.1; expected greater than 0"),
    ({"trading_fee_dollars_per_kwh": -0.1}, "market.trading_fee_dollars_per_kwh: given -0.1; expected greater than"),
    ({"trading_fee_share_of_price": 1.0}, "market.trading_fee_share_of_price: given 1.0; expected less than 1"),
    ({"reward.scale": float("nan")}, "reward.scale: given nan; expected a finite number"),
    ({"reward.scale": float("inf")}, "reward.scale: given inf; expected a finite number"),
    ({"ties": "lottery"}, "market.ties: given 'lottery'; expected 'prorata', 'priority' or 'random'"),
    ({"population.learners": -1}, "population.learners: given -1; expected 'all', or greater than or equal to 0"),
    ({"population.learners": "some"}, "population.learners: given 'some'; expected 'all', or a whole number"),
    ({"population.learners": True}, "population.learners: given 'true'; expected 'all', or a whole number"),
    ({"households": "some"}, "street.households: given 'some'; expected 'random', 'fixed' or 'all', or a list"),
    ({"households": []}, "street.households: given []; expected 'random', 'fixed' or 'all', or the list should have"),
    ({"observation": ["demand", 3]}, "scenario.observation.1: given 3; expected a text"),
    ({"tariff.plan": 3}, "tariff.plan: given 3; expected a text, or a mapping"),
    ({"tariff.plan": {"flat": "half"}}, "tariff.plan.flat: given 'half'; expected a valid number"),
    ({"run.policy": 5}, "run.policy: given 5; expected a text, or a mapping"),
    ({"episode.days": 0}, "episode.days: given 0; expected greater than or equal to 1"),
    ({"name": ""}, "name: given ''; a folder of results is named by it"),
    ({"name": "../elsewhere"}, "name: given '../elsewhere'; a folder of results is named by it"),
    ({"network": 3}, "network: given 3; expected a mapping"),
    ({"network.feeders": 0}, "network.feeders: given 0; expected greater than or equal to 1"),
    ({"network.feeders": [0.5, 0.0]}, "network.feeders.1: given 0.0; expected greater than 0"),
    ({"network.feeder": 2}, "unknown configuration key 'network.feeder'; did you mean 'network.feeders'?"),
    ({"network.import_limit_kw": -1.0}, "network.import_limit_kw: given -1.0; expected greater than or equal to 0"),
    ({"network.export_limit_kw": [1.0, -2.0]}, "network.export_limit_kw.1: given -2.0; expected greater than or equal"),
    ({"network.export_limit_kw": float("inf")}, "network.export_limit_kw: given inf; expected a finite number"),
    (
        {"network": {"feeders": 3, "export_limit_kw": [5.0, 4.0]}},
        "export_limit_kw lists 2 limits, and network.feeders are 3; give one number for all, or a list with one",
    ),
    (
        {"network.rule": "prorata"},
        "network.rule: given 'prorata'; unknown feeder rule 'prorata'; did you mean 'pro_rata'?; known: pro_rata, s",
    ),
    (
        {"network.rule": "scarcity_price"},
        "rule 'scarcity_price' charges energy beyond a limit; set network.scarcity_price_dollars_per_kwh, e.g. to 1.0",
    ),
    (
        {"scarcity_price_dollars_per_kwh": 1.0},
        "rule 'pro_rata' leaves nothing beyond a limit to charge; leave",
    ),
    ({"network.scarcity_price_dollars_per_kwh": -1.0}, "dollars_per_kwh: given -1.0; expected greater than or equal"),
    ({"network.losses": {"other_feeder": 1.0}}, "network.losses.other_feeder: given 1.0; expected less than 1"),
    (
        {"network.losses": {"same_feeder": 0.03, "other_feeder": 0.01}},
        "same_feeder is 0.03 and other_feeder 0.01; energy that goes to another feeder passes through the own one",
    ),
    # names
    ({"mechanism": "unifrom_price"}, "unknown mechanism 'unifrom_price'; did you mean 'uniform_price'?"),
    ({"reward.name": "profit"}, "reward.name: given 'profit'; unknown reward 'profit'; known: bill_saving"),
    ({"action": "prize"}, "scenario.action: given 'prize'; unknown action map 'prize'; did you mean 'price'?"),
    (
        {"population.scripted": {"truthfull": 1}},
        "population.scripted.truthfull: given 'truthfull'; unknown policy 'truthfull'; did you mean 'truthful'?",
    ),
    (
        {"run.policy": "zi"},
        "run.policy: given 'zi'; unknown policy 'zi'; did you mean 'zip'?; known: adaptive",
    ),
    # times
    ({"episode.start": 2012}, "episode.start: given 2012; expected 'random', or time 2012 is not a date or time"),
    ({"episode.start": "soon"}, "time 'soon' is not a date or time; write it as '2012-07-01' or '2012-07-01 13:30'"),
    ({"run.start": "2012-13-01"}, "run.start: given '2012-13-01'; time '2012-13-01' is not a date or time"),
    ({"run.start": "2012-07-01T00:00:00Z"}, "carries a time zone; data has naive local clock labels"),
    ({"run.start": dt.datetime(2012, 7, 1, tzinfo=dt.UTC)}, "carries a time zone"),
    ({"data.start": 86400}, "data.start: given 86400; time 86400 is not a date or time"),
    ({"data.start": "2012-07-01 13:30"}, "data.start: given datetime.datetime(2012, 7, 1, 13, 30); datetimes provided"),
    ({"data": {"source": "ausgrid", "path": "x", "months": [13]}}, "data.months.0: given 13; expected less than or"),
    ({"data": {"source": "ausgrid", "path": "x", "customers": 12}}, "data.customers: given 12; expected a list"),
    ({"data": {"source": "ausgrid", "path": []}}, "data.path: given []; expected a text, or the list should have"),
]


@pytest.mark.parametrize(("overrides", "text"), WRONG_OVERRIDES, ids=[str(given) for given, _ in WRONG_OVERRIDES])
def test_what_is_wrong_is_said_with_its_key(overrides: dict[Any, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, overrides)
    assert text in str(caught.value)


def test_several_problems_are_listed_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"seed": -1, "run.days": 0})
    assert str(caught.value).splitlines() == [
        "the configuration: ",
        "  - seed: given -1; expected greater than or equal to 0",
        "  - run.days: given 0; expected greater than or equal to 1",
    ]


@pytest.mark.parametrize("source", [5, ["market"], b"a.yaml", {"a"}])
def test_a_configuration_is_a_file_or_a_mapping(source: Any) -> None:
    with pytest.raises(ConfigError, match="a configuration is a YAML file, a mapping, a Config or None; given"):
        load_config(source)


@pytest.mark.parametrize("overrides", [[1], "seed=1", 5])
def test_overrides_are_a_mapping(overrides: Any) -> None:
    with pytest.raises(ConfigError, match=r"expected a mapping, e.g. {'market.mechanism': 'pay_as_bid'}"):
        load_config(None, overrides)


def test_errors_in_a_file_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "street.yaml"
    path.write_text("market:\n  mechanism: unifrom_price\n")
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(path))}: market.mechanism: given 'unifrom_price'"):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("market:\n  mechanism: [a\nseed: 1\n", "line 3, column 5: not valid YAML: expected ',' or ']'"),
        ("market:\n\tmechanism: a\n", "line 2, column 1: not valid YAML: found character '\\t'"),
        ("- a\n- b\n", ": expected keys with values at the top, found ['a', 'b']"),
        ("just words", ": expected keys with values at the top, found 'just words'"),
        ("seed: 1\n---\nseed: 2\n", "not valid YAML"),
        ("seed: 1\nseed: 2\n", "line 2, column 1: not valid YAML: key 'seed' appears twice, first in line 1"),
        ("market:\n  ties: random\n  ties: prorata\n", "line 3, column 3: not valid YAML: key 'ties' appears twice"),
    ],
)
def test_a_file_that_is_not_a_configuration(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "street.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "quickstart.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"quickstrat.yaml' does not exist; did you mean 'quickstart.yaml'\?"):
        load_config(tmp_path / "quickstrat.yaml")
    with pytest.raises(ConfigError, match=r"no/such/folder.yaml' does not exist$"):
        load_config("no/such/folder.yaml")
    with pytest.raises(ConfigError, match=r"cannot be read: .*Is a directory"):
        load_config(tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "street.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="cannot be read: 'utf-8' codec can't decode"):
        load_config(path)


def test_empty_files_and_empty_sections_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "default.yaml"
    path.write_text("")
    assert load_config(path) == load_config()
    path.write_text("market:\n  # mechanism: pay_as_bid\nname:\n  default\n")
    assert load_config(path) == load_config()
    path.rename(tmp_path / "other.yaml")
    (tmp_path / "other.yaml").write_text("")
    assert load_config(tmp_path / "other.yaml").name == "other"


BUILD_ERRORS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"tariff.plan": "agl"}, UnknownNameError, "unknown tariff plan 'agl'"),
    ({"tariff.plan": {"flat": 0.5, "agl_time_of_use": 0.4}}, ConfigError, "the shares sum to 0.9, expected 1"),
    ({"tariff.plan": {}}, ConfigError, "the shares sum to 0, expected 1 (none given)"),
    ({"tariff.plan": {"flat": 1.5, "agl_time_of_use": -0.5}}, ConfigError, "the share of 'agl_time_of_use' is -0.5"),
    ({"tariff.plan": "missing.yaml"}, ConfigError, "missing.yaml"),
    (
        {"population.learners": 2, "population.scripted": {"truthful": 0.5}},
        ConfigError,
        "population.scripted: the shares sum to 0.5, expected 1 (truthful 0.5); adjust one of them",
    ),
    ({"population.scripted": {}}, ConfigError, "population.scripted: the shares sum to 0, expected 1 (none given)"),
    ({"population.learners": 99}, ConfigError, "population.learners: given 99, and the street has 20 households"),
    ({"households": ["home 1", "home 99", "7"]}, DataError, "street.households: home 99, 7 not in the data, which has"),
    ({"households": ["home 1", "home 1"]}, ConfigError, "street.households: home 1 named twice"),
    (
        {"households": ["home 1", "home 2"], "num_households": 3},
        ConfigError,
        "street.num_households: given 3, and street.households names 2; leave num_households out",
    ),
    ({"households": "all", "num_households": 3}, ConfigError, "given 3, and street.households names 12"),
    (
        {"households": "all", "street.pv_share": 0.9},
        ConfigError,
        "street.pv_share: given 0.9, which is 11 of 12 households; only 7 of them have PV",
    ),
    ({"market.options": {"k": 2}}, ConfigError, "market: k is 2; expected a weight from 0 to 1"),
    ({"market.options": {"k": "half"}}, ConfigError, "market: k is 'half'"),
    ({"market.options": {"kk": 1}}, ConfigError, "market: mechanism 'uniform_price' takes no option 'kk'"),
    ({"market.options.price_rule": "best"}, ConfigError, "market: price_rule is 'best'; expected 'ce'"),
    ({"energy_unit_wh": 3}, ConfigError, "(market.energy_unit_wh) is 3 Wh; expected a whole number of units a kWh"),
    ({"energy_unit_wh": 1e-9}, ConfigError, "of 1e-09 Wh is too fine for readings of up to"),
    ({"observation": "privat"}, UnknownNameError, "unknown observation preset 'privat'; did you mean 'private'?"),
    ({"observation": ["demnd"]}, UnknownNameError, "unknown feature 'demnd'; did you mean 'demand'?"),
    ({"observation": "demand"}, ConfigError, "observation 'demand' is a feature, not a preset; write it as a list"),
    ({"observation": ["private", "pv"]}, ConfigError, "observation 'private' is a preset; give it alone"),
    ({"observation": []}, ConfigError, "expected at least one, and none twice"),
    ({"observation": ["pv", "pv"]}, ConfigError, "expected at least one, and none twice ['pv']"),
    (
        {"observation": ["feeder_load"]},
        ConfigError,
        "feature 'feeder_load' is about the own feeder, and the street",
    ),
    (
        {"num_households": 4, "network.feeders": 5},
        ConfigError,
        "network.feeders: 5 feeders for 4 households; expected a household on each, so at most as many feeders",
    ),
    ({"network.feeders": [0.5, 0.4]}, ConfigError, "network.feeders: the shares sum to 0.9, expected 1"),
    (
        {"network.value_of_lost_load_dollars_per_kwh": 0.1},
        ConfigError,
        "network.value_of_lost_load_dollars_per_kwh: given 0.1, and the highest retail price is 0.5",
    ),
    ({"reward.weights": {"gain": 1}}, ConfigError, "reward 'bill_saving' has no part 'gain'"),
    ({"episode.days": None}, ConfigError, "episode.days: given null; give days, or num_intervals"),
    ({"episode.days": 30}, DataError, "no stretch of 1441 intervals without a gap"),
    ({"episode.start": "2013-01-14 00:10"}, DataError, "the episode is to start at 2013-01-14T00:10, which is not in"),
    ({"episode.start": "2013-01-17", "episode.days": 2}, DataError, "needs 96 intervals from 2013-01-17T00:00, and"),
]


@pytest.mark.parametrize(("overrides", "error", "text"), BUILD_ERRORS, ids=[str(given) for given, *_ in BUILD_ERRORS])
def test_what_does_not_fit_the_rest_is_said_when_it_is_built(
    overrides: dict[str, Any], error: type[Exception], text: str
) -> None:
    config = load_config(None, overrides)
    with pytest.raises(error) as caught:
        build_controller(config, container=homes())
    assert text in str(caught.value)


def test_a_street_without_pv_in_the_data() -> None:
    with pytest.raises(ConfigError, match="the street wants 10 homes with PV, and no household of the data has any"):
        build_controller(load_config(None, {"street.pv_share": 0.5}), container=homes(pv_share=0.0))


def test_tables_take_their_options(tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    homes(3, 2).dataset.write_csv(path, datetime_format="%Y-%m-%d %H:%M")
    data = {"source": "table", "path": path}
    assert load_data(load_config({"data": data})).num_households == 3
    container = load_data(load_config({"data": data | {"customers": ["home 2"], "options": {"unit": "kW"}}}))
    assert container.customer_ids == ("home 2",)
    np.testing.assert_allclose(container.demand[:, 0], homes(3, 2).demand[:, 2] / 2, rtol=1e-6)
    with pytest.raises(UnknownNameError, match="unknown table option 'units'; did you mean 'unit'"):
        load_data(load_config({"data": data | {"options": {"units": "kW"}}}))


def test_numpy_and_path_values_are_taken(tmp_path: Path) -> None:
    config = load_config(
        None,
        {
            "seed": np.int64(3),
            "street.pv_share": np.float32(0.5),
            "households": np.array([3, 1]),
            "observation": ("demand", "pv"),
            "tariff.plan": tmp_path / "plan.yaml",
        },
    )
    assert config.seed == 3
    assert config.street.pv_share == 0.5
    assert config.street.households == ("3", "1")
    assert config.tariff.plan == str(tmp_path / "plan.yaml")
    assert load_config(None, {"run.start": np.datetime64("2012-07-01")}).run.start == dt.date(2012, 7, 1)


RICH: dict[str, Any] = {
    "name": "rich",
    "seed": 4,
    "data": {"source": "ausgrid", "path": ["a.csv", "b.zip"], "customers": [12, "0013"], "start": "2012-07-01"},
    "street": {"households": ["12", "0013"]},
    "tariff": {"plan": {"origin_time_of_use": 0.7, "flat": 0.3}},
    "market": {"mechanism": "uniform_price", "options": {"k": 0.25, "price_rule": "clip"}, "ties": "random"},
    "scenario": {"observation": ["demand", "pv"], "action": "price"},
    "reward": {"weights": {"trading_gain": 2}},
    "episode": {"days": None, "num_intervals": 7, "start": "2012-07-02 13:30"},
    "population": {"learners": 1, "scripted": {"truthful": 0.5, "grid_only": 0.5}},
    "run": {"days": None, "start": dt.datetime(2012, 7, 2), "policy": {"zero_intelligence": 1.0}, "trades": True},
}


@pytest.mark.parametrize("source", [None, RICH, *CONFIGS], ids=lambda source: getattr(source, "stem", str(source)[:4]))
def test_what_is_dumped_loads_as_the_same_configuration(source: Any, tmp_path: Path) -> None:
    config = load_config(source)
    path = tmp_path / "dumped.yaml"
    path.write_text(dump_config(config))
    again = load_config(path)
    assert again == config
    assert again.digest == config.digest
    assert dump_config(again) == dump_config(config)
    assert load_config(config) == config
    # every key is there, so that nothing depends on defaults that may change
    dumped = yaml.safe_load(path.read_text())
    for section, model in Config.model_fields.items():
        if isinstance(model.annotation, type) and issubclass(model.annotation, Section):
            assert set(dumped[section]) == set(model.annotation.model_fields)


def test_the_digest_tells_results_apart_and_not_how_they_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "default.yaml"
    path.write_text("market:\n  mechanism: pay_as_bid\nepisode: {start: 2012-07-01}\n")
    digest = load_config(path).digest
    assert re.fullmatch(r"[0-9a-f]{16}", digest)
    for overrides in (
        {"market.mechanism": "pay_as_bid", "episode.start": "2012-07-01"},
        {"mechanism": "pay_as_bid", "episode.start": dt.datetime(2012, 7, 1)},
        {"mechanism": " pay_as_bid ", "episode.start": "2012-07-01T00:00", "seed": 0.0},
    ):
        assert load_config(None, overrides).digest == digest
    assert load_config(path, {"seed": 1}).digest != digest
    # who gets which plan of a mix depends on the order in which the plans stand
    one, other = ({"tariff.plan": {a: 0.5, b: 0.5}} for a, b in (("flat", "agl"), ("agl", "flat")))
    assert load_config(None, one).digest != load_config(None, other).digest


def test_a_configuration_does_not_change() -> None:
    config = load_config()
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3
    source = {"market": {"options": {"k": 0.5}}}
    load_config(source, {"market.options.k": 0.75, "market.ties": "random"})
    assert source == {"market": {"options": {"k": 0.5}}}


def test_overrides_reach_into_free_mappings_and_replace_sections() -> None:
    config = load_config({"market": {"options": {"k": 0.5}}}, {"market.options.price_rule": "clip"})
    assert config.market.options == {"k": 0.5, "price_rule": "clip"}
    assert load_config({"market": {"ties": "random"}}, {"market": {"audit": True}}).market.ties == "prorata"
    config = load_config(None, {"tariff.plan.flat": 0.5, "tariff.plan.agl_time_of_use": 0.5})
    assert config.tariff.plan == {"flat": 0.5, "agl_time_of_use": 0.5}
    with pytest.raises(ConfigError, match=r"tariff.plan.flat: 'plan' holds 'flat', which has no keys below it"):
        load_config({"tariff": {"plan": "flat"}}, {"tariff.plan.flat": 0.5})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed=3", {"seed": 3}),
        ("market.mechanism=pay_as_bid", {"market.mechanism": "pay_as_bid"}),
        (" seed = 3 ", {"seed": 3}),
        ("tariff.plan={flat: 0.5, agl_time_of_use: 0.5}", {"tariff.plan": {"flat": 0.5, "agl_time_of_use": 0.5}}),
        ("run.start=2013-01-14", {"run.start": dt.date(2013, 1, 14)}),
        ("run.days=null", {"run.days": None}),
        ("data.path=a=b.csv", {"data.path": "a=b.csv"}),
        ("audit=true", {"audit": True}),
        ("customers=[12, 13]", {"customers": [12, 13]}),
    ],
)
def test_assignments(text: str, expected: dict[str, Any]) -> None:
    assert parse_assignments([text]) == expected


def test_the_last_assignment_holds() -> None:
    assert parse_assignments(["seed=1", "seed=2"]) == {"seed": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed", "--set 'seed': expected key=value, e.g. --set market.mechanism=pay_as_bid"),
        ("=3", "--set '=3': expected key=value"),
        ("seed=[1", "--set 'seed=[1': the value is not valid YAML; quote it"),
    ],
)
def test_bad_assignments(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_assignments([text])
    assert message in str(caught.value)


def test_every_key_resolves_and_has_a_description() -> None:
    keys = known_keys()
    assert len(keys) == len(set(keys)) > 50
    assert {"market.mechanism", "data.pv_share", "data.months", "data.options", "run.policy"} <= set(keys)
    for key in keys:
        assert resolve_key(key) == key
    models: list[Any] = [SyntheticData, AusgridData, TableData, Config]
    models += [field.annotation for field in Config.model_fields.values() if field.description is None]
    for model in models:
        if not isinstance(model, type):
            continue
        assert model.__doc__
        for name, field in model.model_fields.items():
            is_section = model is Config and name not in ("name", "seed")
            assert is_section or name == "source" or field.description, f"{model.__name__}.{name}"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_load(path: Path) -> None:
    config = load_config(path)
    assert config.name == path.stem
    assert build_rules(config).mechanism == config.market.mechanism


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_run_for_a_day(path: Path, tmp_path: Path) -> None:
    import p2p_market  # noqa: PLC0415 - the rest of this file needs no running

    overrides: dict[str, Any] = {"run.days": 1}
    if load_config(path).data.source == "ausgrid":
        write_official_layout(synthetic_community(20, start="2013-01-14", days=2), tmp_path)
        overrides |= {"data.path": tmp_path, "data.cache": False}
    else:
        overrides |= {"data.num_homes": 50}
    results = p2p_market.run(path, overrides=overrides)
    assert results.intervals.height == 48
    assert (results.kpis["traded_kwh"] > 0.0) == (path.stem != "grid_only")


def test_overrides_reach_into_the_only_design_of_a_device() -> None:
    config = load_config({"devices": {"battery": {"capacity_kwh": 10.0}}}, {"devices.battery.power_kw": 3.0})
    assert config.devices == {"battery": ({"capacity_kwh": 10.0, "power_kw": 3.0},)}
    again = load_config(config, {"devices.battery.capacity_kwh": 7.0, "devices.pv_curtailment.share": 0.5})
    assert again.devices["battery"] == ({"capacity_kwh": 7.0, "power_kw": 3.0},)
    assert again.devices["pv_curtailment"] == ({"share": 0.5},)
    with pytest.raises(ConfigError, match=r"battery: capacity_kwh is -1\.0; expected a number"):
        load_config(config, {"devices.battery.capacity_kwh": -1.0})
    two = {"devices": {"battery": [{"share": 0.5}, {"share": 0.5}]}}
    with pytest.raises(ConfigError, match=r"devices.battery.power_kw: 'battery' holds \[.*which has no keys below it"):
        load_config(two, {"devices.battery.power_kw": 3.0})
