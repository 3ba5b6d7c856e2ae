"""What is to be compared: streets, mechanisms, populations and sizes, and the cases that they make."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.config import Config
from p2p_market.config_base import Section
from p2p_market.config_loading import explain, load_config, put_value
from p2p_market.config_values import FolderName, MechanismName, PolicyName
from p2p_market.errors import ConfigError, P2PMarketError
from p2p_market.yaml_files import read_yaml


class ComparisonConfig(Section):
    """A comparison: every mechanism on every street, with every population, at every size."""

    name: FolderName = Field("comparison", min_length=1, description="what this comparison is called")
    base: dict[str, Any] = Field(default_factory=dict, description="sections of a configuration that all runs share")
    streets: dict[str, dict[str, Any]] = Field(
        {"street": {}}, min_length=1, description="values by dotted key, for each street"
    )
    mechanisms: Literal["all"] | tuple[MechanismName, ...] = Field("all", description="all, or a list of names")
    variants: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="further entries: values by dotted key, market.mechanism among them"
    )
    populations: dict[str, PolicyName | dict[PolicyName, float]] = Field(
        {"truthful": "truthful"},
        min_length=1,
        description="a policy or a mix, by name of the population",
    )
    sizes: tuple[int, ...] | None = Field(
        (20,), min_length=1, description="households on the street; null: as the base says"
    )
    reference: str = Field("uniform_price", description="the entry that differences are taken against")
    confidence: float = Field(0.95, gt=0.0, lt=1.0, description="level of the intervals")
    num_resamples: int = Field(2000, ge=100, description="bootstrap resamples of the days")

    @field_validator("sizes")
    @classmethod
    def _positive(cls, sizes: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if sizes is not None and (min(sizes) < 1 or len(set(sizes)) < len(sizes)):
            raise ValueError("expected sizes of 1 household or more, none twice")
        return sizes

    @model_validator(mode="after")
    def _reference_is_compared(self) -> ComparisonConfig:
        if self.reference not in self.entries:
            raise ValueError(f"reference {self.reference!r} is not among the entries: {', '.join(self.entries)}")
        return self

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        """What is compared, by label: overrides that name the mechanism."""
        names = tuple(MECHANISMS) if self.mechanisms == "all" else self.mechanisms
        return {name: {"market.mechanism": name} for name in names} | self.variants


@dataclass(frozen=True)
class Case:
    """One run of a comparison."""

    street: str
    population: str
    size: int | None
    entry: str
    config: Config


def load_comparison(
    source: ComparisonConfig | Mapping[str, Any] | str | Path, overrides: Mapping[str, Any] | None = None
) -> ComparisonConfig:
    """Read and check a comparison.

    Parameters
    ----------
    source
        A YAML file, a mapping, or a finished `ComparisonConfig`.
    overrides
        Values by dotted key, e.g. ``{"base.data.path": "my.csv"}``.

    Raises
    ------
    ConfigError
        Naming the file, the key, what was given and what was expected.
    """
    place = "the comparison"
    if isinstance(source, ComparisonConfig):
        values = source.model_dump(exclude_unset=True)
    elif isinstance(source, Mapping):
        values = copy.deepcopy(dict(source))
    else:
        place = str(source)
        values = {"name": Path(source).stem} | read_yaml(Path(source), "comparison file")
    for key, value in (overrides or {}).items():
        put_value(values, key, value)
    try:
        return ComparisonConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, place, ComparisonConfig)) from None


def list_cases(comparison: ComparisonConfig) -> list[Case]:
    """All runs, in the order in which they are shown.

    Mechanisms for equal lots are left out on streets that trade in any size.

    Raises
    ------
    ConfigError
        If a case cannot be configured, naming it; or if nothing is left to run.
    """
    cases = []
    for street, street_overrides in comparison.streets.items():
        for population, policy in comparison.populations.items():
            for size in comparison.sizes or (None,):
                for entry, entry_overrides in comparison.entries.items():
                    overrides = {
                        **({} if size is None else {"street.num_households": size}),
                        **street_overrides,
                        "run.policy": policy,
                        "run.figures": False,
                        "run.trades": False,
                        **entry_overrides,
                    }
                    mechanism = MECHANISMS[str(overrides["market.mechanism"])]
                    if mechanism.promises.unit_lots and overrides.get("market.lot_kwh") is None:
                        continue
                    try:
                        config = load_config(comparison.base, overrides)
                        if config.run.bounds is None:  # a table shows them in all its rows, or in none
                            config = load_config(config, {"run.bounds": False})
                    except P2PMarketError as error:
                        raise ConfigError(f"street {street!r}, {entry!r}: {error}") from None
                    cases.append(Case(street, population, size, entry, config))
    if not any(case.entry == comparison.reference for case in cases):
        raise ConfigError(f"the reference {comparison.reference!r} runs on none of the streets")
    return cases
