"""The scripted households of a batch of markets: who follows which policy, and what they remember."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.auction.operator import ScriptedBids
from p2p_market.auction.rules import AuctionRules
from p2p_market.policies.base import NO_DRAWS, BidView, Memory, Outcome, Policy, PublishedBook
from p2p_market.randomness import MarketStreams, UniformBlocks
from p2p_market.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.model import MarketState, Transition


class Followers:
    """Asks policies for bids and keeps their memory, by market; the controller's, as all that changes is.

    Parameters
    ----------
    groups
        A policy and the ``(L,)`` slots that follow it.
    rules
        The market's rules.
    num_markets, num_households
        ``B`` and ``N``.

    Attributes
    ----------
    memories
        What each group remembers, as its policy handed it back: arrays whose first axis is the market.
    """

    def __init__(
        self,
        groups: Sequence[tuple[Policy, IntArray]],
        rules: AuctionRules,
        num_markets: int,
        num_households: int,
    ) -> None:
        self.groups = tuple(groups)
        self.memories: list[Memory] = [{} for _ in self.groups]
        self._rules = rules
        self._shape = num_markets, num_households
        self._num_draws = max((policy.num_draws for policy, _ in self.groups), default=0)
        self._num_start_draws = max((policy.num_start_draws for policy, _ in self.groups), default=0)
        self._blocks: UniformBlocks | None = None
        self._learns = any(policy.learns for policy, _ in self.groups)
        self._views: list[BidView] = []

    def reset(self, streams: MarketStreams, mask: BoolArray | None = None, *, reseeded: bool = False) -> None:
        """Forget everything in the markets of ``mask`` (B,), or in all of them.

        Parameters
        ----------
        streams
            Where random numbers come from.
        mask
            Markets whose episode starts anew; ``None`` all.
        reseeded
            Whether ``streams`` are new ones.
        """
        if self._num_draws and (reseeded or self._blocks is None):
            self._blocks = UniformBlocks(streams["policy"], self._rules.rounds * self._num_draws * self._shape[1])
        num_markets, num_households = self._shape
        chosen = np.arange(num_markets) if mask is None else np.flatnonzero(mask)
        draws = np.empty((len(chosen), self._num_start_draws, num_households))
        if self._num_start_draws:
            generators = streams["temperament"]
            for place, market in enumerate(chosen.tolist()):
                generators[market].random(out=draws[place])
        for group, (policy, slots) in enumerate(self.groups):
            fresh = policy.start(draws[:, : policy.num_start_draws, slots], num_households)
            if mask is None:
                self.memories[group] = fresh
                continue
            memory = {name: values.copy() for name, values in self.memories[group].items()}
            for name, values in fresh.items():
                memory[name][chosen] = values
            self.memories[group] = memory

    def bid(self, state: MarketState, planned_worth: FloatArray | None = None) -> list[ScriptedBids]:
        """Ask every policy for the bids of the coming interval, in every bidding round.

        Parameters
        ----------
        state
            The state in which households bid.
        planned_worth
            ``(B, N)`` [$/kWh] where a storage rule plans, see `p2p_market.policies.planners.Planning.steer`.
        """
        bids = []
        for number, draws in enumerate(self._draw(state)):
            self._views = [
                BidView.of(state, self._rules, slots, draws[:, : policy.num_draws], number, planned_worth)
                for policy, slots in self.groups
            ]
            bids += [
                ScriptedBids(*policy.bid(view, memory), slots, number)
                for (policy, slots), view, memory in zip(self.groups, self._views, self.memories, strict=True)
            ]
        return bids

    def learn(self, transition: Transition, following: MarketState) -> None:
        """Tell every policy that learns what became of its bids; a pool rule takes none, and teaches nothing.

        Parameters
        ----------
        transition
            The interval.
        following
            The state after it, with what was published.
        """
        if self._rules.is_pool or not self._learns:
            return
        orders, filled = transition.orders, transition.clearing.filled
        book = PublishedBook(orders.price, orders.quantity, filled)
        for group, (policy, slots) in enumerate(self.groups):
            if policy.learns:
                outcome = Outcome(
                    price=orders.price[:, slots],
                    quantity=orders.quantity[:, slots],
                    filled=filled[:, slots],
                    published_price=following.published_price[:, None],
                    published_volume=following.traded[:, None],
                    book=book if policy.reads_book else None,
                )
                self.memories[group] = policy.learn(self._views[group], outcome, self.memories[group])

    def _draw(self, state: MarketState) -> list[FloatArray]:
        """Random numbers ``(B, K, N)`` of each bidding round."""
        rounds = self._rules.rounds
        if self._blocks is None:
            return [NO_DRAWS] * rounds
        num_markets, num_households = self._shape
        numbers = self._blocks.draw(state.elapsed).reshape(num_markets, rounds, self._num_draws, num_households)
        return [numbers[:, number] for number in range(rounds)]
