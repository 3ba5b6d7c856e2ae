"""Writes docs/reference.md from the code: every registered part and every configuration key.

python docs/generate_reference.py            # write
python docs/generate_reference.py --check    # only say whether the file is up to date
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from p2p_market.auction.mechanisms import MECHANISMS, Promises
from p2p_market.catalogue import registries
from p2p_market.config import AusgridData, Config, SyntheticData, TableData
from p2p_market.policies import POLICIES
from p2p_market.scenario.observations import FEATURES, PRESETS

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

TARGET = Path(__file__).with_name("reference.md")

_HEADER = """\
# Reference

Generated from the code by `python docs/generate_reference.py`; a test fails when it is out of date.
"""


_PROMISES = """
What the columns say is declared beside each mechanism and tested in both directions: a promise holds on every drawn
book, and for a promise that is not made there is a book on which it fails. Budget, before fees: *strong* payments sum
to 0, *weak* the operator never pays, *deficit* it never earns, *grid* payments sum to what the pool pays the grid.
Truthful: no other report of a household with one order and one value a kWh gains, whatever the others report; under a
pool rule what is not reported is settled with the grid. Pool rules are individually rational against the grid alone,
where all have one tariff. All are equivariant to the scale of prices and of quantities.
"""


_POLICIES = """
Options are set in `population.options`, by policy; [players](players.md) has the rules, their sources, and what they
earn.
"""


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def mechanisms() -> str:
    """Mechanisms with what they promise."""

    def yes(promise: bool) -> str:
        return "yes" if promise else "no"

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
                f"`{name}`",
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
    return table(["feature", "meaning", "in units of", "bounds", "known to", "presets"], rows)


def others(kind: str) -> str:
    """Parts that are a name and a line."""
    registry = registries()[kind]
    return table(["name", "meaning"], [[f"`{name}`", registry.summary(name)] for name in registry])


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
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            parts += [f"### `{name}`\n", f"{_docstring(field.annotation)}\n", _section(field.annotation)]
    top = [[f"`{n}`", _default(f), f.description or ""] for n, f in Config.model_fields.items() if f.description]
    return "\n".join([table(["key", "default", "meaning"], top), *parts])


def _section(model: type[BaseModel]) -> str:
    rows = [
        [f"`{name}`", _default(field), field.description or "where the data comes from"]
        for name, field in model.model_fields.items()
    ]
    return table(["key", "default", "meaning"], rows)


def _default(field: FieldInfo) -> str:
    default: Any = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "required"
    if default is None or isinstance(default, bool):
        return f"`{json.dumps(default)}`"  # as YAML spells it
    return f"`{default}`"


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
        "Rewards": others("rewards"),
        "Policies": policies(),
        "Tariff plans": others("tariffs"),
        "Configuration keys": keys(),
    }
    return _HEADER + "".join(f"\n## {title}\n\n{text}" for title, text in sections.items())


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when out of date")
    if parser.parse_args().check:
        return 0 if TARGET.read_text(encoding="utf-8") == reference() else 1
    TARGET.write_text(reference(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
