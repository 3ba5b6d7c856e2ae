"""What a scripted bidder gets to see and to remember, and what it is to the rest of the package."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from p2p_market.auction.rules import AuctionRules
from p2p_market.errors import ConfigError, suggest
from p2p_market.types import FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.model import MarketState

Memory: TypeAlias = Mapping[str, FloatArray]
"""What a policy remembers from interval to interval: named arrays whose first axis is the market."""

NO_DRAWS: FloatArray = np.empty((1, 0, 1))


@dataclass(frozen=True, eq=False)
class BidView:
    """What the households ``(L,)`` of one policy know when they bid, in ``B`` markets."""

    net_load: FloatArray  # (B, L) [kWh] > 0 needs energy
    retail_price: FloatArray  # (B, L) [$/kWh]
    feed_in_price: FloatArray  # (B, L) [$/kWh]
    price_low: FloatArray  # (B, 1) [$/kWh] band of limit prices
    price_high: FloatArray  # (B, 1) [$/kWh]
    published_price: FloatArray  # (B, 1) [$/kWh] of the last interval, 0 without trade
    published_volume: FloatArray  # (B, 1) [kWh] traded in the last interval
    rules: AuctionRules  # of the market: mechanism, tick, fees
    households: IntArray  # (L,) places of the own orders in a published book
    draws: FloatArray  # (B, K, L) uniform random numbers in [0, 1), K as the policy declares
    round: int = 0  # of the bidding rounds inside this interval, counted from 0; each asks anew
    planned_worth: FloatArray | None = None  # (B, L) [$/kWh] of what the battery takes or gives, see `Planning.steer`

    @classmethod
    def of(
        cls,
        state: MarketState,
        rules: AuctionRules,
        households: IntArray,
        draws: FloatArray,
        number: int = 0,
        planned_worth: FloatArray | None = None,
    ) -> BidView:
        """Take the view of some households from the state of the markets.

        Parameters
        ----------
        state
            State before the interval.
        rules
            The market's rules.
        households
            ``(L,)`` places on the street.
        draws
            ``(B, K, N)`` random numbers of the whole street.
        number
            Which bidding round it is.
        planned_worth
            ``(B, N)`` [$/kWh] where a storage rule plans.
        """
        return cls(
            net_load=state.net_load[:, households],
            retail_price=state.retail_price[:, households],
            feed_in_price=state.feed_in_price[:, households],
            price_low=state.price_low[:, None],
            price_high=state.price_high[:, None],
            published_price=state.published_price[:, None],
            published_volume=state.traded[:, None],
            rules=rules,
            households=households,
            draws=draws[:, :, households] if draws.shape[1] else NO_DRAWS,
            round=number,
            planned_worth=None if planned_worth is None else planned_worth[:, households],
        )

    @property
    def num_rounds(self) -> int:
        """How many bidding rounds an interval has."""
        return self.rules.rounds

    @property
    def limit_price(self) -> FloatArray:
        """``(B, L)`` [$/kWh] what a kWh is worth to the household: a buyer's retail, a seller's feed-in price."""
        return np.where(self.net_load > 0.0, self.retail_price, self.feed_in_price)

    @property
    def far_price(self) -> FloatArray:
        """``(B, L)`` [$/kWh] the most profitable end of the band: the low one for buyers, the high one for sellers."""
        return np.where(self.net_load > 0.0, self.price_low, self.price_high)


@dataclass(frozen=True, eq=False)
class PublishedBook:
    """The orders of one interval, without names; who knows its own order knows which one it is."""

    price: FloatArray  # (B, N) [$/kWh]
    quantity: FloatArray  # (B, N) [kWh] > 0 buys, 0 no order
    filled: FloatArray  # (B, N) [kWh]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the same households learn when the interval is over."""

    price: FloatArray  # (B, L) [$/kWh] own limit price, on the market's tick
    quantity: FloatArray  # (B, L) [kWh] own order, on the market's energy grid
    filled: FloatArray  # (B, L) [kWh] what of it was matched
    published_price: FloatArray  # (B, 1) [$/kWh] 0 without trade
    published_volume: FloatArray  # (B, 1) [kWh]
    book: PublishedBook | None = None  # for policies that declare that they read it


class Policy:
    """Base of all policies: a subclass is a frozen dataclass, whose fields are its options.

    A policy holds no state. What it remembers it hands back, and the controller keeps it, by market.

    Attributes
    ----------
    num_draws, num_start_draws
        Random numbers that a household uses in each bidding round (``BidView.draws``), and at the start of an episode.
    reads_book
        Whether ``learn`` needs the published order book.
    reads_plan
        Whether ``bid`` needs what a storage rule that plans says energy is worth.
    knows
        What of the market it uses, in words.
    """

    num_draws: int = 0
    num_start_draws: int = 0
    reads_book: bool = False
    reads_plan: bool = False
    knows: str = "own meter and tariff"

    def start(self, draws: FloatArray, num_households: int) -> Memory:  # noqa: ARG002 (for those who remember)
        """What the followers remember before the first interval of an episode.

        Parameters
        ----------
        draws
            ``(B, K, L)`` random numbers, ``K`` = ``num_start_draws``.
        num_households
            ``N``, orders in a published book.
        """
        return {}

    def bid(self, view: BidView, memory: Memory) -> tuple[FloatArray, FloatArray]:
        """Limit prices ``(B, L)`` [$/kWh] and signed quantities ``(B, L)`` [kWh]."""
        raise NotImplementedError

    def learn(self, view: BidView, outcome: Outcome, memory: Memory) -> Memory:  # noqa: ARG002 (for those who remember)
        """What the followers remember after an interval in which they saw ``view`` (last) and got ``outcome``.

        Returns new arrays and leaves those in ``memory`` as they are.
        """
        return memory

    @property
    def learns(self) -> bool:
        """Whether an interval changes what it remembers."""
        return type(self).learn is not Policy.learn

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(type(self)) or "").split("\n", 1)[0]

    @property
    def options(self) -> dict[str, object]:
        """Names and values of its options."""
        return {name: getattr(self, name) for name in getattr(self, "__dataclass_fields__", ())}

    def with_options(self, name: str, options: Mapping[str, Any]) -> Policy:
        """Return the same policy with some options changed.

        Parameters
        ----------
        name
            What the policy is called, for the message.
        options
            Values by name; a list is taken as a tuple.

        Raises
        ------
        ConfigError
            For an option that the policy does not have, or a value that it cannot use.
        """
        known = self.options
        for option in options:
            if option not in known:
                raise ConfigError(
                    f"policy {name!r} takes no option {option!r}{suggest(option, known)}; "
                    f"its options are: {', '.join(known) or 'none'}"
                )
        if not options:
            return self
        values = known | {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
        try:
            return type(self)(**values)
        except ConfigError as error:
            raise ConfigError(f"policy {name!r}: {error}") from None


@dataclass(frozen=True)
class Rule(Policy):
    """A policy without options and memory, made of a function.

    Parameters
    ----------
    function
        From a `BidView` to limit prices ``(B, L)`` [$/kWh] and signed quantities ``(B, L)`` [kWh].
    num_draws
        Random numbers that a household uses in each interval.
    """

    function: Callable[[BidView], tuple[FloatArray, FloatArray]]
    num_draws: int = 0

    def bid(self, view: BidView, memory: Memory) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002 (it has none)
        """Ask the function."""
        return self.function(view)

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]

    @property
    def options(self) -> dict[str, object]:
        """None."""
        return {}
