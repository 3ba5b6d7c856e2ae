"""Power flow on a low-voltage feeder: what the net loads of an episode do to voltages, lines and the transformer.

It looks at an episode that has been played and changes nothing in it. Needs the extra ``power-flow``; see
docs/power-flow.md for feeders, assumptions and limits.
"""

from p2p_market.power_flow.check import VOLTAGE_LIMITS, PowerFlow, check_episode
from p2p_market.power_flow.engine import Flow, solve
from p2p_market.power_flow.feeder import Cable, Feeder, Line, Transformer
from p2p_market.power_flow.feeder_files import FEEDERS, load_feeder, read_feeder
from p2p_market.power_flow.placement import place_households

__all__ = [
    "FEEDERS",
    "VOLTAGE_LIMITS",
    "Cable",
    "Feeder",
    "Flow",
    "Line",
    "PowerFlow",
    "Transformer",
    "check_episode",
    "load_feeder",
    "place_households",
    "read_feeder",
    "solve",
]
