"""From a configuration to running parts: street, tariffs, market, controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from p2p_market.auction.clearing import clear_orders
from p2p_market.auction.fees import Fees
from p2p_market.auction.imbalance import ImbalancePrices
from p2p_market.auction.operator import MarketOperator
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.build_network import build_network
from p2p_market.build_population import Follow, build_population
from p2p_market.config import Config, StreetSection
from p2p_market.controller import AuctionController, Population
from p2p_market.data.container import DataContainer
from p2p_market.data_loading import DEFAULT_HOUSEHOLDS, load_data, select_data
from p2p_market.devices import DEVICES, Device
from p2p_market.devices.base import assign
from p2p_market.errors import ConfigError, DataError, MechanismError
from p2p_market.model import AuctionModel
from p2p_market.policies import POLICIES
from p2p_market.policies.planners import Planner, Planning
from p2p_market.policies.storage import STORAGE_RULES, StorageRule
from p2p_market.rewards import Reward
from p2p_market.scenario.forecasts import ForecastRule
from p2p_market.scenario.samplers import HouseholdSampler, WindowSampler, check_roles
from p2p_market.scenario.scenario import AuctionScenario, Street
from p2p_market.shaping import Shaping
from p2p_market.tariffs import build_schedule
from p2p_market.types import BoolArray, IntArray
from p2p_market.view.view import AuctionView

# Choices that a configuration leaves to chance are drawn from its seed, each from a stream of its own.
_STREET_STREAM, _TARIFF_STREAM, _DEVICE_STREAM, _NETWORK_STREAM = 0, 1, 3, 4  # 2 is in `build_population`


def build_controller(
    config: Config,
    *,
    container: DataContainer | None = None,
    num_markets: int = 1,
    horizon: int | None = None,
    start: np.datetime64 | None = None,
    learners_follow: Follow | Mapping[str, float] | Sequence[Follow] | None = None,
) -> AuctionController:
    """Build everything that a configuration describes.

    Parameters
    ----------
    config
        The checked configuration.
    container
        Household data in place of what the configuration's section ``data`` says.
    num_markets
        Size of the batch.
    horizon
        Intervals an episode; ``None`` takes the configuration's.
    start
        Local time at which every episode starts; ``None`` takes the configuration's.
    learners_follow
        A policy, a mix of policies, or a policy for each of the slots that would learn: nobody learns then.

    Raises
    ------
    ConfigError, DataError, UnknownNameError
        For anything in the configuration that does not fit the data or the rest.
    """
    if container is None:
        container = load_data(config)
    elif not isinstance(container, DataContainer):
        raise DataError(
            f"data_container is {type(container).__name__}; expected a DataContainer, "
            "such as p2p_market.data.tabular.from_frame(frame) or DataContainer.from_arrays(...) makes"
        )
    else:
        container = select_data(config, container)
    street = build_street(config.street, container, config.seed)
    schedule = build_schedule(
        config.tariff.plan,
        street.num_households,
        container.calendar,
        seed=np.random.SeedSequence(config.seed, spawn_key=(_TARIFF_STREAM,)),
    )
    if start is None and config.episode.start != "random":
        start = np.datetime64(config.episode.start, "m")
    forecast = None if config.scenario.forecast is None else ForecastRule(**config.scenario.forecast.model_dump())
    bids_ahead = config.market.settlement == "imbalance"
    window = WindowSampler(
        container.calendar,
        start,
        config.episode.skip_clock_changes,
        before=0
        if forecast is None
        else forecast.rows_before(container.calendar.slots_per_day, knows_coming=not bids_ahead),
        after=0 if forecast is None else forecast.horizon,
    )
    population = build_population(config, street.names(config.street.agent_names), learners_follow)
    scenario = AuctionScenario(
        container,
        street,
        schedule,
        observation=config.scenario.observation,
        action=config.scenario.action,
        action_levels=config.scenario.action_levels,
        window=window,
        reference_power_kw=config.scenario.reference_power_kw,
        energy_unit=config.market.energy_unit_wh / 1000.0,
        devices=build_devices(config, street, container.interval_minutes / 60.0),
        forecast=forecast,
        bids_ahead=bids_ahead,
        max_quote_ratio=config.market.max_quote_ratio,
        homogeneous=config.scenario.homogeneous,
        keeps_book=any(policy.reads_book for policy, _ in population.learned),
        network=build_network(
            config,
            street.num_households,
            float(schedule.retail.max()),
            container.interval_minutes / 60.0,
            np.random.SeedSequence(config.seed, spawn_key=(_NETWORK_STREAM,)),
        ),
    )
    if horizon is None:
        horizon = episode_length(config, container)
    window.starts(horizon)  # an episode that does not fit the data is an error now, not at the first reset
    shaping = config.reward.shaping
    reward = Reward(
        config.reward.name,
        scale=config.reward.scale,
        weights=config.reward.weights,
        has_devices=bool(scenario.fleet),
        options=config.reward.options,
        shaping=None if shaping is None else Shaping(shaping.potential, shaping.gamma, scenario.fleet),
    )
    return AuctionController(
        AuctionModel(scenario, build_operator(config, street.num_households)),
        reward,
        names=street.names(config.street.agent_names),
        population=population,
        horizon=horizon,
        num_markets=num_markets,
        view=AuctionView(),
        storage_rule=build_storage_rule(config, scenario, population),
    )


def build_storage_rule(config: Config, scenario: AuctionScenario, population: Population) -> StorageRule | Planning:
    """Build what steers batteries that no learner does; who plans does so for these.

    Raises
    ------
    ConfigError
        For a rule that cannot plan on this street, or a policy that needs a plan beside a rule that does not plan.
    MissingExtraError
        If the rule plans, and scipy is not installed.
    """
    name = config.population.storage
    rule = STORAGE_RULES[name]
    if isinstance(rule, Planner):
        return Planning(
            name, rule, scenario, _steered_by_choice(scenario, population), config.market.network_fee_dollars_per_kwh
        )
    followed = {policy for policy, _ in population.scripted}
    for policy_name, policy in POLICIES.items():
        if policy.reads_plan and any(isinstance(follower, type(policy)) for follower in followed):
            planners = ", ".join(repr(name) for name, rule in STORAGE_RULES.items() if isinstance(rule, Planner))
            raise ConfigError(
                f"policy {policy_name!r} bids by the plan of a storage rule, and population.storage is {name!r}, which "
                f"does not plan; choose one of {planners}"
            )
    return rule


def _steered_by_choice(scenario: AuctionScenario, population: Population) -> dict[str, BoolArray]:
    """By kind of device the households ``(N,)`` that learn, or follow what was learned, and so steer theirs."""
    choosers = [(scenario.action_map.components, population.learners)]
    choosers += [(policy.components, slots) for policy, slots in population.learned]
    steered = {kind: np.zeros(scenario.num_households, dtype=bool) for kind in scenario.fleet.devices}
    for components, slots in choosers:
        for kind, households in steered.items():
            households[slots] |= DEVICES[kind].component in components
    return steered


def build_operator(config: Config, num_households: int = 2) -> MarketOperator:
    """Build the market operator from the section ``market``, see `build_rules`."""
    market = config.market
    prices = ImbalancePrices(market.imbalance_import_factor, market.imbalance_export_factor)
    return MarketOperator(
        build_rules(config, num_households),
        audit=market.audit,
        imbalance=prices if market.settlement == "imbalance" else None,
    )


def build_rules(config: Config, num_households: int = 2) -> AuctionRules:
    """Build the market's rules from the section ``market``, and try them on a street of so many households."""
    market = config.market
    fees = Fees(
        trading=market.trading_fee_dollars_per_kwh,
        network=market.network_fee_dollars_per_kwh,
        rate=market.trading_fee_share_of_price,
        buyer_share=market.buyer_share_of_fees,
    )
    try:
        rules = AuctionRules(
            market.mechanism,
            dict(market.options) | ({"rounds": market.rounds} if market.rounds > 1 else {}),
            price_tick=market.price_tick_dollars_per_kwh,
            energy_unit=market.energy_unit_wh / 1000.0,
            ties=market.ties,
            fees=fees,
            lot=market.lot_kwh,
        )
        _try_out(rules, num_households)
    except MechanismError as error:
        raise ConfigError(f"market: {error}") from None
    except TypeError as error:
        raise ConfigError(f"market.options: given {dict(market.options)}, which cannot be used: {error}") from None
    return rules


def _try_out(rules: AuctionRules, num_households: int) -> None:
    """Clear one book, so that an option's value that cannot be is an error now and not in the first interval."""
    sells = np.arange(num_households) % 2 == 1
    sells = np.tile(sells, rules.rounds)
    orders = Orders(price=np.where(sells, 0.0, 1.0)[None], quantity=np.where(sells, -1.0, 1.0)[None])
    tariff, draws = np.ones(sells.shape), np.linspace(0.0, 0.9, len(sells))[None]
    clear_orders(rules, orders, draws=draws, retail_price=tariff, feed_in_price=tariff)


def build_street(section: StreetSection, container: DataContainer, seed: int) -> Street:
    """Lay out the slots of the street: how many, which have PV, and which households are fixed to them."""
    has_pv = container.pv_capacity > 0.0
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREET_STREAM,)))
    if isinstance(section.households, tuple):
        profile = _places_of(section.households, container)
    elif section.households == "all":
        profile = np.arange(container.num_households)
    else:
        num_households = section.num_households or DEFAULT_HOUSEHOLDS
        share = float(has_pv.mean()) if section.pv_share is None else section.pv_share
        is_prosumer = np.arange(num_households) < round(share * num_households)
        check_roles(has_pv, int(is_prosumer.sum()))
        fixed = HouseholdSampler(has_pv, is_prosumer)(rng) if section.households == "fixed" else None
        return Street(is_prosumer, fixed, section.pv_capacity_kw)

    if section.num_households not in (None, len(profile)):
        raise ConfigError(
            f"street.num_households: given {section.num_households}, and street.households names {len(profile)}; "
            "leave num_households out, or draw the households ('random' or 'fixed')"
        )
    return Street(_roles_of(section, has_pv[profile], rng), profile, section.pv_capacity_kw)


def build_devices(config: Config, street: Street, interval_hours: float) -> dict[str, Device]:
    """Give households their devices: who has one, and of which design, is decided by the seed."""
    units_per_kwh = round(1000.0 / config.market.energy_unit_wh)
    devices: dict[str, Device] = {}
    for kind, given in config.devices.items():
        entry = DEVICES[kind]
        designs = [entry.design.of(design) for design in given]
        # by name, so that other kinds do not change who has one
        rng = np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(_DEVICE_STREAM, *kind.encode())))
        try:
            design_of = assign(designs, street.is_prosumer, rng)
            if (design_of >= 0).any():
                devices[kind] = entry.build(designs, design_of, interval_hours, units_per_kwh)
        except ConfigError as error:
            raise ConfigError(f"devices.{kind}: {error}") from None
    return devices


def episode_length(config: Config, container: DataContainer) -> int:
    """Intervals of an episode by the section ``episode``."""
    if config.episode.num_intervals is not None:
        return config.episode.num_intervals
    if config.episode.days is None:
        raise ConfigError("episode.days: given null; give days, or num_intervals")
    return config.episode.days * container.calendar.slots_per_day


def _places_of(customers: tuple[str, ...], container: DataContainer) -> IntArray:
    place = {customer: index for index, customer in enumerate(container.customer_ids)}
    unknown = [customer for customer in customers if customer not in place]
    if unknown:
        known = ", ".join(container.customer_ids[:10])
        raise DataError(
            f"street.households: {', '.join(unknown)} not in the data, which has {len(place)} households: {known} ..."
        )
    twice = sorted({customer for customer in customers if customers.count(customer) > 1})
    if twice:
        raise ConfigError(f"street.households: {', '.join(twice)} named twice; name every household once")
    return np.array([place[customer] for customer in customers], dtype=np.int64)


def _roles_of(section: StreetSection, has_pv: BoolArray, rng: np.random.Generator) -> BoolArray:
    """Keep the data's roles, or thin them out to the share of PV that is asked for."""
    if section.pv_share is None:
        return has_pv
    wanted, candidates = round(section.pv_share * has_pv.size), np.flatnonzero(has_pv)
    if wanted > candidates.size:
        raise ConfigError(
            f"street.pv_share: given {section.pv_share}, which is {wanted} of {has_pv.size} households; "
            f"only {candidates.size} of them have PV"
        )
    is_prosumer = np.zeros(has_pv.size, dtype=bool)
    is_prosumer[rng.permutation(candidates)[:wanted]] = True
    return is_prosumer
