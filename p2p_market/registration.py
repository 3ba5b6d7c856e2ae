"""Registration of environments and tasks: with Gymnasium, and with PettingZoo where it keeps a registry (from 1.27)."""

from __future__ import annotations

import gymnasium
import pettingzoo

from p2p_market.tasks import task_names

ENVIRONMENT_ID = "p2p_market/street-v0"
HOUSEHOLD_ID = "p2p_market/Household-v0"
STREET_VECTOR_ID = "p2p_market/Street-v0"


def register_environments() -> None:
    """Register the ids of the environments and of every task, once; those of PettingZoo only where it has a registry.

    A task is ``"p2p_market/street10-v0"``; its split is a keyword of ``pettingzoo.make``.
    """
    if HOUSEHOLD_ID not in gymnasium.registry:
        module = "p2p_market.integrations.gymnasium"
        gymnasium.register(HOUSEHOLD_ID, entry_point=f"{module}:HouseholdEnv")
        gymnasium.register(STREET_VECTOR_ID, vector_entry_point=f"{module}:StreetVectorEnv")
    register = getattr(pettingzoo, "register", None)
    if register is None:
        return
    registries = {"parallel": pettingzoo.parallel_registry, "aec": pettingzoo.aec_registry}
    doors = {"parallel": "p2p_market.make:parallel_env", "aec": "p2p_market.make:env"}
    for kind, known in registries.items():
        if ENVIRONMENT_ID not in known:
            register(kind, ENVIRONMENT_ID, doors[kind])
        for task in task_names():
            if f"p2p_market/{task}" not in known:
                register(kind, f"p2p_market/{task}", "p2p_market.make:make", kwargs={"task": task, "kind": kind})
