"""The view: draws a market for people; heavy libraries load only when a picture is wanted."""

from __future__ import annotations

from typing import Any

from p2p_market.errors import EpisodeError
from p2p_market.participant import MarketReader


class AuctionView:
    """Draws the last interval of a market."""

    def render(self, reader: MarketReader, mode: str) -> Any:
        raise EpisodeError(mode)

    def close(self) -> None:
        pass
