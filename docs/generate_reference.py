"""Writes docs/reference.md from the code, and tables of mechanisms, key figures, devices and tasks into other pages.

python docs/generate_reference.py            # write
python docs/generate_reference.py --check    # only say whether the files are up to date
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from p2p_market.auction.mechanisms import MECHANISMS, Promises
from p2p_market.catalogue import registries
from p2p_market.config import Config
from p2p_market.config_data import AusgridData, SyntheticData, TableData
from p2p_market.devices import DEVICES, DeviceDesign
from p2p_market.kpis import GROUPS, KPIS, unit_of
from p2p_market.policies import POLICIES
from p2p_market.recorder import device_columns
from p2p_market.rewards import REWARDS
from p2p_market.scenario.features import FEATURES, forecast_features
from p2p_market.scenario.observations import PRESETS
from p2p_market.tasks import TASKS

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

TARGET = Path(__file__).with_name("reference.md")
PAGES = Path(__file__).with_name("mechanisms")
RESULTS = Path(__file__).with_name("results.md")
DEVICE_PAGE = Path(__file__).with_name("devices.md")
BEGIN, END = "<!-- properties: begin -->\n", "<!-- properties: end -->\n"
TASK_PAGE, README = Path(__file__).with_name("tasks.md"), Path(__file__).parents[1] / "README.md"
TASKS_BEGIN, TASKS_END = "<!-- tasks: begin -->\n", "<!-- tasks: end -->\n"
FIGURES_BEGIN, FIGURES_END = "<!-- key figures: begin -->\n", "<!-- key figures: end -->\n"

_HEADER = """\
# Reference

Generated from the code by `python docs/generate_reference.py`; a test fails when it is out of date.
"""


_PROMISES = """
What the columns say is declared beside each mechanism and tested in both directions: a promise holds on every drawn
book, and for a promise that is not made there is a book on which it fails. Budget, before fees: *strong* payments sum
to 0, *weak* the operator never pays, *deficit* it never earns, *grid* payments sum to what the pool pays the grid.
Truthful: no other report of a household with one order and one value a kWh gains, its other report being true, whatever
the others report; under a pool rule all have one tariff, and what is not reported is settled with the grid. Pool rules
are individually rational against the grid alone, where all have one tariff. All are equivariant to the scale of prices
and of quantities.
"""


_POLICIES = """
Options are set in `population.options`, by policy; [players](players.md) has the rules, their sources, and what they
earn.
"""


_REWARDS = """
Options are set in `reward.options`, weights of the parts in `reward.weights`; [the environment](environment.md#rewards)
has the formulas.
"""


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def yes(promise: bool) -> str:
    """A promise as a word."""
    return "yes" if promise else "no"


def mechanisms() -> str:
    """Mechanisms with what they promise."""

    def truthful(promises: Promises, is_pool: bool) -> str:
        price = "not asked" if is_pool else yes(promises.truthful_in_price)
        quantity = "one lot" if promises.unit_lots else yes(promises.truthful_in_quantity)
        return f"{price} / {quantity}"

    rows = []
    for name, entry in MECHANISMS.items():
        promises = entry.promises
        options = ", ".join(f"`{option}={default!r}`" for option, default in entry.options.items())
        rows.append(
            [
                f"[`{name}`](mechanisms/{name}.md)",
                entry.summary,
                options,
                yes(promises.individually_rational),
                promises.budget,
                yes(promises.efficient),
                truthful(promises, entry.is_pool),
                yes(promises.order_independent),
                yes(promises.split_independent),
                "always" if promises.uses_random_numbers else "if given" if entry.takes_lots else "no",
            ]
        )
    header = [
        "name",
        "rule",
        "options",
        "individually rational",
        "budget",
        "efficient on reports",
        "truthful in price / quantity",
        "independent of order",
        "independent of splitting",
        "draws lots",
    ]
    return table(header, rows) + _PROMISES


_BUDGETS = {
    "strong": "payments sum to 0",
    "weak": "the operator never pays",
    "deficit": "the operator never earns, and may have to pay",
    "grid": "payments sum to what the pool pays the grid",
}


def properties(name: str) -> str:
    """What one mechanism promises, in words, and its options."""
    entry = MECHANISMS[name]
    promises, is_pool = entry.promises, entry.is_pool
    rational = "nobody loses against its own report"
    if is_pool:
        rational = "under one tariff nobody is worse off than with the grid alone"
    price = ("not asked", "no prices are bid") if is_pool else (yes(promises.truthful_in_price), "no other price gains")
    quantity = yes(promises.truthful_in_quantity), "at the true price, no other quantity gains"
    if is_pool:
        quantity = quantity[0], "under one tariff, with the rest settled with the grid, no other quantity gains"
    if promises.unit_lots:
        quantity = "one lot", "every order is of one size, and none other can be named"
    lots = ("no", "nothing is left to chance")
    if promises.uses_random_numbers:
        lots = "always", "random numbers are needed: `seed=` or `rng=`; the laws hold for every draw"
    elif entry.takes_lots:
        lots = "if given", "random numbers are used where there are any"
    options = "; ".join(f"`{option}={default!r}`" for option, default in entry.options.items())
    rows = [
        ["individually rational", yes(promises.individually_rational), rational],
        ["budget, before fees", promises.budget, _BUDGETS[promises.budget]],
        ["efficient on reports", yes(promises.efficient), "the welfare of the reports is as large as it can be"],
        ["truthful in price", *price],
        ["truthful in quantity", *quantity],
        ["independent of order", yes(promises.order_independent), "how the arrays are sorted does not matter"],
        [
            "independent of splitting",
            yes(promises.split_independent),
            "an order in two parts of two traders is the same",
        ],
        ["draws lots", *lots],
        ["options", options or "none", "with their defaults" if options else ""],
    ]
    return table(["property", "holds", "what it says"], rows)


def with_properties(page: Path) -> str:
    """A page's text with its table of promises as the code has them."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    return f"{before}{BEGIN}\n{properties(page.stem)}\n{END}{rest.split(END)[1]}"


def key_figures() -> str:
    """Key figures, group by group."""
    parts = []
    for group, sentence in GROUPS.items():
        rows = [[f"`{name}`", unit_of(name), KPIS[name].summary] for name in KPIS if KPIS[name].group == group]
        parts.append(f"{sentence}\n\n{table(['figure', 'unit', 'meaning'], rows)}")
    return "\n".join(parts)


def with_key_figures(page: Path) -> str:
    """A page's text with the tables of key figures as the code has them."""
    before, rest = page.read_text(encoding="utf-8").split(FIGURES_BEGIN)
    return f"{before}{FIGURES_BEGIN}\n{key_figures()}\n{FIGURES_END}{rest.split(FIGURES_END)[1]}"


def task_table() -> str:
    """Tasks in a line each."""
    rows = []
    for name in TASKS:
        task = TASKS[name]
        config = task.configuration()
        minutes = getattr(config.data, "interval_minutes", 30)
        hours = 24 * (config.episode.days or 1)
        rows.append(
            [
                f"[`{name}`]({{page}}#{name})",
                task.summary,
                f"{hours * 60 // minutes} intervals of {minutes} min",
                f"`{config.market.mechanism}`",
                f"`{config.scenario.action}`",
                task.judged_by.replace("_", " "),
            ]
        )
    return table(["task", "street", "episode", "market", "an agent chooses", "judged by"], rows)


def task_splits() -> str:
    """What each task is for, its splits and its protocol."""
    parts = []
    for name in TASKS:
        task = TASKS[name]
        spans = [
            f"{split}: households {', '.join(chosen.pool)}, {chosen.first_day} to {chosen.last_day}"
            for split, chosen in task.splits.items()
        ]
        references = ", ".join(f"`{player.name}`" for player in task.references)
        parts.append(
            f"**{name}.** {task.story} *Splits:* {'; '.join(spans)}. *Protocol:* {task.evaluation.episodes} episodes, "
            f"seed {task.evaluation.seed}. *References:* {references}.\n"
        )
    return "\n".join(parts)


def with_tasks(page: Path) -> str:
    """A page's text with the table of tasks as their files have it, and on their own page all about them."""
    before, rest = page.read_text(encoding="utf-8").split(TASKS_BEGIN)
    is_own = page == TASK_PAGE
    text = task_table().replace("{page}", "" if is_own else "docs/tasks.md")
    text = f"{text}\n{task_splits()}" if is_own else text
    return f"{before}{TASKS_BEGIN}\n{text}\n{TASKS_END}{rest.split(TASKS_END)[1]}"


def meanings(design: type[DeviceDesign]) -> dict[str, str]:
    """What the docstring of a design says about each of its keys."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.getdoc(design).split("----------\n", 1)[1].splitlines():  # type: ignore[union-attr]  # it has one
        if line and not line.startswith(" "):
            names = line.split(", ")
        for name in names if line.startswith(" ") else ():
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


def design_keys(kind: str) -> str:
    """Keys of a design, with what they can be."""
    design, of_all = DEVICES[kind].design, meanings(DeviceDesign)
    says, defaults = meanings(design) | of_all, design()
    rows = [
        [
            f"`{name}`",
            limits.unit,
            f"`{_yaml(getattr(defaults, name))}`",
            ", ".join(f"`{_yaml(choice)}`" for choice in limits.choices) or limits.wanted.removeprefix("a number "),
            _as_cell(says[name]),
        ]
        for name, limits in design.limits().items()
    ]
    return table([f"key of `devices.{kind}`", "unit", "default", "range", "meaning"], rows)


def _as_cell(sentence: str) -> str:
    """A sentence of a docstring as a cell of a table."""
    return (sentence[0].lower() + sentence[1:]).removesuffix(".").replace("``", "`")


def of_device(kind: str) -> str:
    """Everything about a kind of device that the code declares."""
    entry = DEVICES[kind]
    facts = table(
        ["", ""],
        [
            ["action component", f"{entry.component}: {entry.summary.partition('; ')[2] or entry.summary}"],
            ["default", entry.default],
            ["cost", entry.cost],
            ["its energy is consumption", yes(entry.is_load)],
            ["owes energy by deadlines", yes(entry.has_deadlines)],
            ["recorded of a household", ", ".join(f"`{name}`" for name in device_columns(kind))],
        ],
    )
    seen = [
        [f"`{name}`", feature.unit, f"{feature.low:g} to {feature.high:g}", feature.summary]
        for name, feature in entry.features.items()
    ]
    figures = [[f"`{name}`", unit_of(name), meaning] for name, meaning in entry.key_figures.items()]
    return "\n".join(
        [
            design_keys(kind),
            facts,
            table(["feature", "in units of", "bounds", "meaning"], seen),
            table(["key figure", "unit", "meaning"], figures),
        ]
    )


def with_devices(page: Path) -> str:
    """A page's text with the tables of every kind of device as the code has them."""
    text = page.read_text(encoding="utf-8")
    for kind in DEVICES:
        begin, end = f"<!-- {kind}: begin -->\n", f"<!-- {kind}: end -->\n"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{of_device(kind)}\n{end}{rest.split(end)[1]}"
    return text


def features() -> str:
    """Features, and which preset shows them."""
    rows = []
    for name, feature in FEATURES.items():
        presets = ", ".join(preset for preset in PRESETS if name in PRESETS[preset].features)
        rows.append(
            [
                f"`{name}`",
                feature.summary,
                feature.unit,
                f"{feature.low:g} to {feature.high:g}",
                feature.known_to,
                presets,
            ]
        )
    for name, feature in forecast_features(1).items():
        presets = ", ".join(preset for preset in PRESETS if PRESETS[preset].forecasts != "never")
        bounds = f"{feature.low:g} to {feature.high:g}"
        listed = f"`{name}` ... with `scenario.forecast`, up to its horizon"
        rows.append([listed, feature.summary, feature.unit, bounds, feature.known_to, presets])
    return table(["feature", "meaning", "in units of", "bounds", "known to", "presets"], rows)


def others(kind: str) -> str:
    """Parts that are a name and a line."""
    registry = registries()[kind]
    return table(["name", "meaning"], [[f"`{name}`", registry.summary(name)] for name in registry])


def rewards() -> str:
    """Rewards with their parts and options."""
    rows = []
    for name, rule in REWARDS.items():
        parts = [f"`{part}`" for part in rule.part_names]
        parts += [f"`{part}` (with devices)" for part in rule.flexible_part_names]
        options = ", ".join(f"`{option}: {value}`" for option, value in rule.options.items())
        rows.append([f"`{name}`", rule.summary, ", ".join(parts), options])
    return table(["name", "meaning", "parts", "options"], rows) + _REWARDS


def policies() -> str:
    """Policies with their options, and what they may know."""
    rows = []
    for name, policy in POLICIES.items():
        options = {key: list(value) if isinstance(value, tuple) else value for key, value in policy.options.items()}
        listed = ", ".join(f"`{key}: {value}`" for key, value in options.items())
        rows.append([f"`{name}`", policy.summary, listed, policy.knows])
    return table(["name", "rule", "options", "knows"], rows) + _POLICIES


def keys() -> str:
    """Configuration keys, section by section."""
    parts = []
    for name, field in Config.model_fields.items():
        if name == "data":
            for source in (SyntheticData, AusgridData, TableData):
                parts += [f"### `data`, source {_default_of(source)}\n", f"{_docstring(source)}\n", _section(source)]
        elif (section := _section_in(field.annotation)) is not None:
            parts += [f"### `{name}`\n", f"{_docstring(section)}\n", _section(section)]
    top = [[f"`{n}`", _default(f), f.description or ""] for n, f in Config.model_fields.items() if f.description]
    return "\n".join([table(["key", "default", "meaning"], top), *parts])


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a key holds, perhaps as one that can be left out."""
    models = (part for part in (annotation, *get_args(annotation)) if isinstance(part, type))
    return next((model for model in models if issubclass(model, BaseModel)), None)


def _section(model: type[BaseModel]) -> str:
    return table(["key", "default", "meaning"], _rows(model, ""))


def _rows(model: type[BaseModel], prefix: str) -> list[list[str]]:
    """A row a key, and below a key that holds a section, the keys of that."""
    rows = []
    for name, field in model.model_fields.items():
        rows.append([f"`{prefix}{name}`", _default(field), field.description or "where the data comes from"])
        for part in get_args(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                rows += _rows(part, f"{prefix}{name}.")
    return rows


def _default(field: FieldInfo) -> str:
    default: Any = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, BaseModel):
        return f"`{default.model_dump()}`"
    return f"`{_yaml(default)}`"


def _yaml(value: Any) -> str:
    """A value as YAML spells it."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _default_of(source: type[BaseModel]) -> str:
    annotation = source.model_fields["source"].annotation
    return f"`{annotation.__args__[0]}`"  # type: ignore[union-attr]  # a Literal of one value


def _docstring(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").split("\n", 1)[0]


def reference() -> str:
    """The whole page."""
    sections = {
        "Mechanisms": mechanisms(),
        "Observation presets": others("observations"),
        "Features": features(),
        "Action maps": others("actions"),
        "Rewards": rewards(),
        "Potentials of reward shaping": others("potentials"),
        "Policies": policies(),
        "Storage rules": others("storage"),
        "Devices": others("devices"),
        "Feeder rules": others("feeder_rules"),
        "Tariff plans": others("tariffs"),
        "Feeders": others("feeders"),
        "Configuration keys": keys(),
    }
    return _HEADER + "".join(f"\n## {title}\n\n{text}" for title, text in sections.items())


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when out of date")
    texts = {
        TARGET: reference(),
        RESULTS: with_key_figures(RESULTS),
        TASK_PAGE: with_tasks(TASK_PAGE),
        README: with_tasks(README),
        DEVICE_PAGE: with_devices(DEVICE_PAGE),
        **{page: with_properties(page) for page in sorted(PAGES.glob("*.md"))},
    }
    if parser.parse_args().check:
        return int(any(page.read_text(encoding="utf-8") != text for page, text in texts.items()))
    for page, text in texts.items():
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
