r"""What every key figure means: the glossary behind the tables of the docs and ``p2p-market list kpis``."""

from __future__ import annotations

from dataclasses import dataclass

from p2p_market.devices import DEVICES
from p2p_market.registry import Registry

GROUPS = {
    "community": "Energy and money of the street.",
    "market": (
        "How the market works; each figure is worked out by market, and is the mean over the markets in which it has "
        "a meaning (no value where it has none in any). $x_i$ is what household $i$ saved over the run, losses counted "
        "as 0 but for the quality of experience."
    ),
    "devices": "On a street with devices, those of each kind that is there; see [devices](devices.md).",
    "imbalance": "With `market.settlement: imbalance`.",
    "network": "With the section `network`, see [the network](network.md).",
    "bounds": "Where `run.bounds` has them worked out, see [the bounds](storage.md#the-bounds).",
    "power flow": (
        "With `run.power_flow`, over all intervals and markets; see [the power flow](power-flow.md). An interval "
        "without a solution counts as outside the limits and as overloaded."
    ),
}
"""Groups of key figures, with a sentence on when they are there."""

_UNITS = {"_dollars_per_kwh": "$/kWh", "_dollars": "$", "_kwh": "kWh", "_kw": "kW", "_pu": "p.u.", "_percent": "%"}


@dataclass(frozen=True)
class KeyFigure:
    """One key figure of a run.

    Parameters
    ----------
    group
        One of `GROUPS`.
    summary
        What it is, in Markdown, with its formula where there is one.
    """

    group: str
    summary: str


def unit_of(name: str) -> str:
    """Unit of a key figure, which its name ends with; ``"1"`` for a share or a count."""
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "1")


_COMMUNITY = {
    "demand_kwh": "demand of the street, without devices",
    "pv_kwh": "PV generation of the street",
    "traded_kwh": "energy traded between households",
    "grid_import_kwh": "energy bought from the grid",
    "grid_export_kwh": "energy sold to the grid",
    "bills_dollars": "all bills together",
    "community_cost_dollars": "what leaves the street: bills, device cost and shed load, less the operator's surplus",
    "grid_only_cost_dollars": "the bills with the grid alone, devices left to themselves, with what these then owe, "
    "and what is shed",
    "community_saving_dollars": "`grid_only_cost_dollars` less `community_cost_dollars`",
    "saving_mean_dollars": "a household's bill with the grid alone, less its bill and device cost: mean",
    "saving_worst_dollars": "the same of the household that saved least",
    "saving_best_dollars": "the same of the household that saved most",
    "share_better_off": "share of households that saved something",
    "self_sufficiency": r"$1 - (\text{grid import} + \text{load shed}) / (\text{demand} + \sum_l e_l)$: share of the "
    "consumption that was served and did not come from the grid; $e_l$ is what a device that is a load took, less what "
    "it gave back",
    "self_consumption": "share of the PV generation that stayed on the street",
    "peak_import_kw": "largest power bought from the grid in an interval, summed over households: what neighbours do "
    "not trade with each other is import of one and export of the other",
    "peak_export_kw": "largest power sold to the grid, alike",
    "mean_price_dollars_per_kwh": "mean price of the traded energy",
    "gains_from_trade_dollars": "traded energy at its buyers' retail prices, less that at its sellers' feed-in prices",
    "allocative_efficiency": "gains from trade over the most that there could have been, sums over the run",
    "operator_surplus_dollars": "what the operator keeps: trading fees and the mechanism's own surplus",
    "network_payment_dollars": "network fees",
}

_MARKET = {
    "price_volatility_dollars_per_kwh": "standard deviation of the price over intervals, weighted by the energy traded",
    "smiths_alpha": r"$\sqrt{\sum q_t (p_t - p^*_t)^2 / \sum q_t}$ over the mean of $p^*_t$, weighted alike: $p^*$ is "
    "the competitive price nearest to $p$ if everybody offered its net load at its own tariff (Smith 1962)",
    "liquidity": "energy traded over the smaller of all needs and all surplus, interval by interval",
    "peak_to_average": "largest over mean import power of the street, neighbours' trades cancelled",
    "ramping_kw": "mean change of the street's power from an interval to the next",
    "gini": r"$\sum_i \sum_j \lvert x_i - x_j \rvert / (2 N \sum_i x_i)$; 0 where all save the same",
    "jain": r"$(\sum_i x_i)^2 / (N \sum_i x_i^2)$; 1 where all save the same",
    "max_min_share": "smallest saving over the mean saving",
    "quality_of_experience": r"$1 - 2\sigma / (\max_i x_i - \min_i x_i)$, $\sigma$ their standard deviation (after "
    "Hossfeld and others 2017)",
    "withheld_share": "surplus that was not offered over all surplus",
    "price_cost_margin": r"$(p - c) / p$ of the energy sold, sums over the run; $c$ is the seller's feed-in price",
    "seller_concentration": "Herfindahl index: sum of squares of the sellers' shares in the energy sold; 1 for a "
    "single seller",
}

_DEVICES = {
    "trading_gain_dollars": "what the same dispatch costs with the grid alone, less the bills",
    "flexibility_gain_dollars": "`grid_only_cost_dollars` less what the dispatch costs with the grid alone, and less "
    "device cost",
    "device_cost_dollars": "wear, missed comfort, and what is owed at the end",
    "unmet_energy_kwh": r"$\sum_l \sum_t m_{l,t}$, $m_{l,t}$ being what device $l$ still lacked at its deadline $t$, "
    "the end of a window or a departure; where devices have deadlines",
}

_IMBALANCE = {
    "forecast_error_kwh": "announced less metered net load, without sign",
    "imbalance_kwh": "traded energy that the meter did not confirm, without sign",
    "imbalance_payment_dollars": "what it cost beyond the own tariffs",
}

_NETWORK = {
    "curtailed_kwh": "exports that feeder limits cut off",
    "shed_kwh": "load that feeder limits left unserved",
    "shed_cost_dollars": "its value, `network.value_of_lost_load_dollars_per_kwh` a kWh",
    "scarcity_payment_dollars": "paid to the network for energy beyond limits",
    "loss_kwh": "traded energy that lines lost",
    "loss_payment_dollars": "what it cost to buy that from the grid",
    "feeder_peak_import_kw": "largest power that flowed into a feeder",
    "feeder_peak_export_kw": "largest power that flowed out of one",
    "feeder_share_at_limit": "share of the intervals in which a feeder was at a limit or beyond it, mean over feeders",
}

_BOUNDS = {
    "selfish_cost_dollars": "what the run costs if nobody trades and all devices do what is best for their owner",
    "optimal_cost_dollars": "a cost that nothing is below",
    "optimal_plan_cost_dollars": "cost of a plan that can be carried out",
    "value_captured": "`community_saving_dollars` over `grid_only_cost_dollars` less `optimal_cost_dollars`; no value "
    "where nothing can be saved",
}

_POWER_FLOW = {
    "voltage_lowest_pu": "lowest voltage of a household, in parts of the nominal voltage",
    "voltage_highest_pu": "highest voltage of a household",
    "voltage_outside_share": "share of intervals in which a household's voltage is outside the limits",
    "voltage_outside_household_share": "share of household-intervals with a voltage outside the limits",
    "line_loading_highest_percent": "highest current of a line, in percent of its rating",
    "transformer_loading_highest_percent": "highest apparent power of the transformer, in percent of its rating",
    "overloaded_share": "share of intervals in which a line or the transformer carries more than its rating",
    "feeder_losses_kwh": "losses of lines and transformer; no part of any bill",
    "feeder_losses_share": "those over the energy that enters the feeder, from the grid and from connections that give",
    "unsolved_share": "share of intervals without a solution",
}


def _grouped(group: str, meanings: dict[str, str]) -> dict[str, KeyFigure]:
    return {name: KeyFigure(group, meaning) for name, meaning in meanings.items()}


KPIS: Registry[KeyFigure] = Registry(
    "key figure",
    _grouped("community", _COMMUNITY)
    | _grouped("market", _MARKET)
    | _grouped("devices", _DEVICES)
    | _grouped("devices", {name: text for kind in DEVICES.values() for name, text in kind.key_figures.items()})
    | _grouped("imbalance", _IMBALANCE)
    | _grouped("network", _NETWORK)
    | _grouped("bounds", _BOUNDS)
    | _grouped("power flow", _POWER_FLOW),
)
"""Every key figure that a run can have, by name."""
