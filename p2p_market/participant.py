"""A household as a person would look at it: a read-only window on the arrays of a market."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from p2p_market.notebook import as_text, html_table

if TYPE_CHECKING:
    from p2p_market.model import MarketState, Transition


class MarketReader(Protocol):
    """What a window needs to look through: the present state and the last finished interval."""

    @property
    def state(self) -> MarketState:
        """Present state."""

    @property
    def transition(self) -> Transition | None:
        """Last finished interval; ``None`` before the first."""


@dataclass(frozen=True)
class BidAction:
    """A household's order of the last interval."""

    price: float  # [$/kWh] limit price
    quantity: float  # [kWh] > 0 buys, < 0 sells, 0 no order
    filled: float  # [kWh] matched in the market


class Participant:
    """One household of one market, for notebooks, pictures and explanations; never on the hot path.

    Parameters
    ----------
    id
        Name of the household, as its agent is called.
    index
        Its place on the street.
    role
        ``"prosumer"`` where it has PV, else ``"consumer"``.
    reader
        Where its present state is read, usually the controller.
    market
        Which market of the batch.
    """

    def __init__(self, id: str, index: int, role: str, reader: MarketReader, market: int = 0) -> None:  # noqa: A002 (the diagram's name)
        self.id = id
        self.index = index
        self.role = role
        self.market = market
        self._reader = reader

    @property
    def has_product(self) -> bool:
        """Whether it has energy to sell in the coming interval."""
        return self.net_load < 0.0

    @property
    def demand(self) -> float:
        """Demand of the coming interval [kWh]."""
        return float(self._reader.state.demand[self.market, self.index])

    @property
    def pv(self) -> float:
        """PV generation of the coming interval [kWh]."""
        return float(self._reader.state.pv[self.market, self.index])

    @property
    def net_load(self) -> float:
        """Net load of the coming interval [kWh], > 0 needs energy."""
        return float(self._reader.state.net_load[self.market, self.index])

    @property
    def bill(self) -> float:
        """Bill of the last interval [$]; 0 before the first."""
        transition = self._reader.transition
        return 0.0 if transition is None else float(transition.settlement.bill[self.market, self.index])

    def bid_action(self) -> BidAction | None:
        """Its order of the last interval and what became of it; ``None`` before the first."""
        transition = self._reader.transition
        if transition is None:
            return None
        place = self.market, self.index
        return BidAction(
            price=float(transition.orders.price[place]),
            quantity=float(transition.orders.quantity[place]),
            filled=float(transition.clearing.filled[place]),
        )

    def __repr__(self) -> str:
        return f"Participant({self.id!r}, {self.role}, market {self.market}, net load {self.net_load:+.3f} kWh)"

    def _repr_html_(self) -> str:
        rows = [
            ("role", self.role),
            ("demand of the coming interval [kWh]", as_text(self.demand)),
            ("PV of the coming interval [kWh]", as_text(self.pv)),
            ("net load of the coming interval [kWh]", as_text(self.net_load)),
        ]
        bid = self.bid_action()
        if bid is not None:
            what = "no order" if bid.quantity == 0.0 else "buys" if bid.quantity > 0.0 else "sells"
            rows += [
                ("last order", f"{what} {as_text(abs(bid.quantity))} kWh at {as_text(bid.price, 4)} $/kWh"),
                ("of which matched [kWh]", as_text(abs(bid.filled))),
                ("last bill [$]", as_text(self.bill, 4)),
            ]
        return html_table(f"Participant {self.id}", (), rows)
