"""What a street with batteries costs at best: with perfect foresight, with forecasts, and with everybody alone.

Needs the extra ``bounds`` (scipy, whose HiGHS solves the linear programs); it is loaded when something is solved.
"""

from p2p_market.bounds.dispatch import execute, optimal_dispatch, selfish_dispatch
from p2p_market.bounds.episode import Episode
from p2p_market.bounds.matching import match_efficiently
from p2p_market.bounds.receding_horizon import Forecast, ForecastRule, perfect_forecast, receding_horizon
from p2p_market.bounds.schedule import CommunityCost, Schedule, price_energy

__all__ = [
    "CommunityCost",
    "Episode",
    "Forecast",
    "ForecastRule",
    "Schedule",
    "execute",
    "match_efficiently",
    "optimal_dispatch",
    "perfect_forecast",
    "price_energy",
    "receding_horizon",
    "selfish_dispatch",
]
