"""The environment in PettingZoo's form of a versioned module: ``env``, ``parallel_env`` and ``raw_env``.

The version moves exactly when results change.

Version history
---------------
* v0: first release.
"""

from p2p_market.make import env, parallel_env, raw_env

__all__ = ["env", "parallel_env", "raw_env"]
