"""Registration of the environment and the tasks with PettingZoo, where it keeps a registry (1.27 and later)."""

from __future__ import annotations

import pettingzoo

from p2p_market.tasks import task_names

ENVIRONMENT_ID = "p2p_market/street-v0"


def register_environments() -> None:
    """Register the ids of the environment and of every task, once; does nothing on a PettingZoo without a registry.

    A task is ``"p2p_market/street10-v0"``; its split is a keyword of ``pettingzoo.make``.
    """
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
