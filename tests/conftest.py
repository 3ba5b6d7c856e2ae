"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# No deadline a drawn example: on a busy machine it would fail tests that find nothing wrong.
settings.register_profile("p2p_market", deadline=None)
settings.load_profile("p2p_market")
