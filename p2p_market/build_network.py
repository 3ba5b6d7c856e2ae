"""From the section ``network`` of a configuration to feeders and lines."""

from __future__ import annotations

import numpy as np

from p2p_market.config import Config
from p2p_market.errors import ConfigError
from p2p_market.network import FEEDER_RULES, Feeders, LossShares, Network, assign_feeders
from p2p_market.types import FloatArray


def build_network(
    config: Config,
    num_households: int,
    highest_retail_price: float,
    interval_hours: float,
    seed: np.random.SeedSequence,
) -> Network | None:
    """Lay the feeders of the section ``network``; ``None`` without one.

    Parameters
    ----------
    config
        The checked configuration.
    num_households
        Households of the street.
    highest_retail_price
        [$/kWh] that anybody on it pays at any time.
    interval_hours
        Length of an interval [h].
    seed
        Decides who hangs on which feeder.

    Raises
    ------
    ConfigError
        If feeders and households do not fit, or lost load is worth less than its price.
    """
    section = config.network
    if section is None:
        return None
    value = section.value_of_lost_load_dollars_per_kwh
    if value < highest_retail_price:
        raise ConfigError(
            f"network.value_of_lost_load_dollars_per_kwh: given {value:g}, and the highest retail price is "
            f"{highest_retail_price:g} $/kWh; shedding load would save money then, so give that price or more"
        )
    units_per_kwh = round(1000.0 / config.market.energy_unit_wh)

    def in_units(limit_kw: float | tuple[float, ...] | None) -> FloatArray:
        power = np.broadcast_to(np.inf if limit_kw is None else np.asarray(limit_kw), section.num_feeders)
        return np.floor(power * (interval_hours * units_per_kwh) + 1e-6)  # 0.1 kW are 50 Wh, whatever the binary says

    return Network(
        Feeders(
            assign_feeders(section.feeders, num_households, np.random.default_rng(seed)),
            in_units(section.import_limit_kw),
            in_units(section.export_limit_kw),
        ),
        FEEDER_RULES[section.rule],
        units_per_kwh=units_per_kwh,
        value_of_lost_load=value,
        scarcity_price=section.scarcity_price_dollars_per_kwh or 0.0,
        losses=LossShares(**section.losses.model_dump()) if section.losses.other_feeder else None,
    )
