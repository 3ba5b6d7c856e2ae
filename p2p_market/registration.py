"""Registration of the environments with Gymnasium, and with PettingZoo where it keeps a registry (1.27 and later)."""

from __future__ import annotations

import gymnasium
import pettingzoo

ENVIRONMENT_ID = "p2p_market/street-v0"
HOUSEHOLD_ID = "p2p_market/Household-v0"
STREET_VECTOR_ID = "p2p_market/Street-v0"


def register_environments() -> None:
    """Register the environments' ids, once; those of PettingZoo only where it has a registry."""
    if HOUSEHOLD_ID not in gymnasium.registry:
        module = "p2p_market.integrations.gymnasium"
        gymnasium.register(HOUSEHOLD_ID, entry_point=f"{module}:HouseholdEnv")
        gymnasium.register(STREET_VECTOR_ID, vector_entry_point=f"{module}:StreetVectorEnv")
    register = getattr(pettingzoo, "register", None)
    if register is None:
        return
    if ENVIRONMENT_ID not in pettingzoo.parallel_registry:
        register("parallel", ENVIRONMENT_ID, "p2p_market.make:parallel_env")
    if ENVIRONMENT_ID not in pettingzoo.aec_registry:
        register("aec", ENVIRONMENT_ID, "p2p_market.make:env")
