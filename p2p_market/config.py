"""The configuration of a market, its street and its data: what every key is, with unit, default and check."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib
import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    model_validator,
)

from p2p_market.config_base import PathText, Section
from p2p_market.config_data import DataSection, SyntheticData
from p2p_market.config_market import MarketSection
from p2p_market.config_network import NetworkSection
from p2p_market.config_power_flow import PowerFlowSection
from p2p_market.config_train import TrainSection
from p2p_market.config_values import (
    ActionMapName,
    Customers,
    Day,
    FolderName,
    Moment,
    PolicyName,
    Pool,
    PotentialName,
    RewardName,
    ScriptedPolicyName,
    Share,
    StorageRuleName,
)
from p2p_market.data.selection import expand_pool
from p2p_market.errors import P2PMarketError


def _as_designs(value: Any) -> Any:
    """Take one design as a list of one."""
    return [value] if isinstance(value, dict) else value


Designs: TypeAlias = Annotated[tuple[dict[str, Any], ...], BeforeValidator(_as_designs)]


class StreetSection(Section):
    """The street: how many households, which, and who has PV."""

    num_households: int | None = Field(
        None, ge=1, description="slots; null: 20 when drawn, else as many as are named or loaded"
    )
    households: Literal["random", "fixed", "all"] | Customers = Field(
        "random", description="random: drawn for every episode; fixed: drawn once by the seed; all; or a list of ids"
    )
    pool: Pool | None = Field(
        None,
        description="households that the street may have, by name or by range of numbers, e.g. [1-180, 200]; null: "
        "all of the data",
    )
    pv_share: Share | None = Field(None, description="share of slots with PV; null: as in the data")
    pv_capacity_kw: float | None = Field(
        None, gt=0.0, description="scale every roof to this size; null: as in the data"
    )
    agent_names: Literal["household", "role"] = Field(
        "household", description="household_0 ..., or prosumer_0 ... and consumer_0 ..."
    )

    @model_validator(mode="after")
    def _households_of_the_pool(self) -> StreetSection:
        if self.pool is not None and isinstance(self.households, tuple):
            known = set(expand_pool(self.pool))
            strangers = [name for name in self.households if name not in known]
            if strangers:
                raise ValueError(
                    f"households names {', '.join(strangers)}, and pool does not have them; leave one of the two out"
                )
        return self


class TariffSection(Section):
    """What the grid charges and pays."""

    plan: PathText | dict[PathText, float] = Field(
        "agl_time_of_use", description="a plan's name, a YAML file, or a mix {plan: share}"
    )


def _devices_that_can_be(devices: dict[str, tuple[dict[str, Any], ...]]) -> dict[str, tuple[dict[str, Any], ...]]:
    known = importlib.import_module("p2p_market.devices").DEVICES
    for kind, designs in devices.items():
        for number, design in enumerate(designs):
            try:
                known[kind].design.of(design)
            except P2PMarketError as error:
                place = f"{kind}[{number}]" if len(designs) > 1 else kind
                raise ValueError(f"{place}: {error}") from None
    return devices


class ForecastSection(Section):
    """Forecasts of own demand, PV and retail price."""

    kind: Literal["perfect", "persistence", "rolling_mean", "noisy"] = Field(
        "persistence",
        description="perfect; persistence: same time yesterday; rolling_mean: over days; noisy: perfect with an error",
    )
    horizon: int = Field(4, ge=1, description="intervals ahead")
    days: int = Field(7, ge=1, description="days of a rolling_mean")
    error: float = Field(0.2, ge=0.0, description="relative standard deviation of the error of noisy")
    autocorrelation: float = Field(0.9, ge=0.0, lt=1.0, description="of that error, from an interval to the next")


class ScenarioSection(Section):
    """What a household sees and may do."""

    observation: str | tuple[str, ...] = Field("public_price", description="a preset's name, or a list of features")
    forecast: ForecastSection | None = Field(None, description="forecasts that households see; null: none")
    action: ActionMapName = Field("price_quantity", description="name of an action map")
    action_levels: tuple[int, ...] | None = Field(
        None, description="choices of each component of a discrete action map, e.g. [11, 3]; null: the map's own"
    )
    homogeneous: bool = Field(
        True,
        description="the same spaces for all agents; false: each agent's are those of what it has (batched arrays are "
        "homogeneous always)",
    )
    reference_power_kw: float = Field(10.0, gt=0.0, description="power that counts as 1 in observations")

    @model_validator(mode="after")
    def _levels_that_the_map_takes(self) -> ScenarioSection:
        action_maps = importlib.import_module("p2p_market.scenario.actions").ACTION_MAPS
        action_maps[self.action].with_levels(self.action, self.action_levels)
        return self


class ShapingSection(Section):
    """Potential-based shaping, which leaves the optimum where it is."""

    potential: PotentialName = Field("stored_energy", description="name of a potential")
    gamma: float = Field(0.99, ge=0.0, le=1.0, description="the learner's discount factor")


class RewardSection(Section):
    """What a household is paid for."""

    name: RewardName = Field("bill_saving", description="name of a reward")
    scale: float = Field(3.0, description="reward a dollar; makes a typical day's saving of order 1")
    weights: dict[str, float] = Field(default_factory=dict, description="weight of each named part, 1 where not given")
    options: dict[str, Any] = Field(default_factory=dict, description="options of the reward, e.g. {own_weight: 0.5}")
    shaping: ShapingSection | None = Field(None, description="a shaping part; null: none")

    @model_validator(mode="after")
    def _options_that_the_reward_takes(self) -> RewardSection:
        importlib.import_module("p2p_market.rewards").REWARDS[self.name].with_options(self.name, self.options)
        return self


class EpisodeSection(Section):
    """How long an episode is and where in the data it starts."""

    days: int | None = Field(1, ge=1, description="length in days; null where num_intervals says it")
    num_intervals: int | None = Field(None, ge=1, description="length in intervals; takes the place of days")
    start: Literal["random"] | Moment = Field("random", description="random midnight, or a local time")
    first_day: Day | None = Field(
        None, description="first day of the data that is used, by forecasts too; null: the data's first"
    )
    last_day: Day | None = Field(
        None,
        description="last day that is used; the interval after an episode and what forecasts read are part of it; "
        "null: the data's last",
    )
    skip_clock_changes: bool = Field(True, description="random episodes avoid days on which the clock changes")

    @model_validator(mode="after")
    def _days_in_order(self) -> EpisodeSection:
        first, last = self.first_day, self.last_day
        if first is not None and last is not None and last < first:
            raise ValueError(f"first_day is {first}, and last_day {last} is before it; exchange them")
        if self.start != "random":
            day = self.start.date() if isinstance(self.start, dt.datetime) else self.start
            if (first is not None and day < first) or (last is not None and day > last):
                raise ValueError(
                    f"start is {self.start}, outside of first_day {first or 'null'} to last_day {last or 'null'}; "
                    "move one of them"
                )
        return self


class PopulationSection(Section):
    """Who learns, and whom the others follow."""

    learners: Literal["all"] | Annotated[int, Field(ge=0)] | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        "all", description="how many households learn, drawn by the seed, or a list of their names"
    )
    scripted: PolicyName | dict[PolicyName, float] = Field(
        "truthful",
        description="policy of the others, or a mix {policy: share}; a learned policy by its file, e.g. runs/NAME/best",
    )
    storage: StorageRuleName = Field(
        "idle", description="what batteries do that no learner steers; rules that plan steer all devices"
    )
    options: dict[ScriptedPolicyName, dict[str, Any]] = Field(
        default_factory=dict,
        description="options of policies, by policy, e.g. {linear: {slope: 0.2}}; they hold for run.policy too",
    )

    @model_validator(mode="after")
    def _options_that_policies_take(self) -> PopulationSection:
        for name, options in self.options.items():
            importlib.import_module("p2p_market.policies").POLICIES[name].with_options(name, options)
        return self


class RunSection(Section):
    """What the command ``run`` simulates."""

    days: int | None = Field(7, ge=1, description="length in days; null: to the end of the data")
    start: Moment | None = Field(None, description="local time to start at; null: the data's first")
    policy: PolicyName | dict[PolicyName, float] = Field(
        "truthful",
        description="policy, or mix {policy: share}, that learners follow while nobody learns; learned ones too",
    )
    num_markets: int = Field(1, ge=1, description="streets side by side, each drawn anew")
    trades: bool = Field(False, description="write every pair of buyer and seller too")
    figures: bool = Field(True, description="write PNG figures where matplotlib is installed")
    bounds: bool | None = Field(
        None,
        description="work out the least cost too, together and everybody alone; needs the extra bounds; null: where "
        "that is installed, and the run has no more than 10,000 household-intervals",
    )
    power_flow: PowerFlowSection | None = Field(
        None,
        description="check voltages and loadings on a feeder; true, or a mapping of the keys below; null: not; "
        "needs the extra power-flow",
    )

    @model_validator(mode="before")
    @classmethod
    def _power_flow_by_a_word(cls, values: Any) -> Any:
        """``true`` is a check with the defaults, ``false`` none."""
        if isinstance(values, dict) and isinstance(values.get("power_flow"), bool):
            return values | {"power_flow": {} if values["power_flow"] else None}
        return values


class Config(Section):
    """A whole configuration; every section and key has a default."""

    name: FolderName = Field("default", description="what this configuration is called")
    seed: int = Field(0, ge=0, description="fixes the street, the mixes, and the trajectory of a run")
    data: DataSection = SyntheticData()
    street: StreetSection = StreetSection()
    tariff: TariffSection = TariffSection()
    devices: Annotated[dict[str, Designs], AfterValidator(_devices_that_can_be)] = Field(
        default_factory=dict,
        description="devices by kind, a design or a list of designs each, e.g. {battery: {share: 0.5, power_kw: 3}}",
    )
    network: NetworkSection | None = Field(
        None, description="feeder limits and line losses; null: neither; {}: one feeder without limit or loss"
    )
    market: MarketSection = MarketSection()
    scenario: ScenarioSection = ScenarioSection()
    reward: RewardSection = RewardSection()
    episode: EpisodeSection = EpisodeSection()
    population: PopulationSection = PopulationSection()
    run: RunSection = RunSection()
    train: TrainSection = TrainSection()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        """Take an empty section as its defaults, and data without a source as synthetic."""
        if not isinstance(values, dict):
            return values
        sections = [name for name, field in cls.model_fields.items() if field.description is None]
        filled = {key: value for key, value in values.items() if value is not None or key not in sections}
        if isinstance(filled.get("data"), dict) and "source" not in filled["data"]:
            filled["data"] = {"source": "synthetic"} | filled["data"]
        return filled

    @model_validator(mode="after")
    def _rounds_where_prices_are_conceded(self) -> Config:
        action_maps = importlib.import_module("p2p_market.scenario.actions").ACTION_MAPS
        if self.market.rounds == 1 and action_maps[self.scenario.action].decode_closing is not None:
            raise ValueError(
                f"scenario.action {self.scenario.action!r} moves from a first to a last bidding round, and "
                "market.rounds is 1; set it to 2 or more"
            )
        return self

    @property
    def digest(self) -> str:
        """Hash of every resolved key, the same wherever the configuration came from.

        The order of a mix counts, since it decides who gets which part of it.
        """
        canonical = json.dumps(self.model_dump(mode="json"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]
