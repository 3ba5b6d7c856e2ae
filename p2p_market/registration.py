"""Registration of the environment with PettingZoo, where PettingZoo keeps a registry (1.27 and later)."""

from __future__ import annotations

import pettingzoo

ENVIRONMENT_ID = "p2p_market/street-v0"


def register_environments() -> None:
    """Register the environment's ids, once; does nothing on a PettingZoo without a registry."""
    register = getattr(pettingzoo, "register", None)
    if register is None:
        return
    if ENVIRONMENT_ID not in pettingzoo.parallel_registry:
        register("parallel", ENVIRONMENT_ID, "p2p_market.make:parallel_env")
    if ENVIRONMENT_ID not in pettingzoo.aec_registry:
        register("aec", ENVIRONMENT_ID, "p2p_market.make:env")
