"""All registries in one place, for the command line and the generated tables of the docs."""

from __future__ import annotations

from typing import Any

from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.devices import DEVICES
from p2p_market.kpis import KPIS
from p2p_market.network import FEEDER_RULES
from p2p_market.policies import POLICIES
from p2p_market.policies.storage import STORAGE_RULES
from p2p_market.power_flow.feeder_files import FEEDERS
from p2p_market.registry import Registry
from p2p_market.rewards import REWARDS
from p2p_market.scenario.actions import ACTION_MAPS
from p2p_market.scenario.features import FEATURES
from p2p_market.scenario.observations import PRESETS
from p2p_market.shaping import POTENTIALS
from p2p_market.tariffs import TARIFFS
from p2p_market.tasks import TASKS


def registries() -> dict[str, Registry[Any]]:
    """Every registry by the plural of what it holds."""
    return {
        "mechanisms": MECHANISMS,
        "observations": PRESETS,
        "features": FEATURES,
        "actions": ACTION_MAPS,
        "rewards": REWARDS,
        "potentials": POTENTIALS,
        "policies": POLICIES,
        "storage": STORAGE_RULES,
        "devices": DEVICES,
        "feeder_rules": FEEDER_RULES,
        "tariffs": TARIFFS,
        "feeders": FEEDERS,
        "kpis": KPIS,
        "tasks": TASKS,
    }
