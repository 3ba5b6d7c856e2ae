"""The model: what a market's state is, and how one interval leads to the next, as functions of explicit state."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.auction.clearing import Clearing
from p2p_market.auction.context import AuctionContext
from p2p_market.auction.operator import LearnedBids, MarketOperator, ScriptedBids, Settlement
from p2p_market.auction.orders import Orders
from p2p_market.auction.rounds import join_rounds, orders_of_households
from p2p_market.devices.fleet import Dispatch, FleetDraw, FleetState, Requests
from p2p_market.network.network import LimitedLoad, Network, NetworkOutcome
from p2p_market.randomness import join_episodes
from p2p_market.scenario.order_book import empty_book, published_book
from p2p_market.scenario.scenario import AuctionScenario, EpisodeDraw
from p2p_market.types import BoolArray, Float32Array, FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.data.container import DataContainer


@dataclass(frozen=True, eq=False)
class MarketState:
    """The state of ``B`` markets before an interval: its meters and prices, and what the last auction published."""

    row: IntArray  # (B,) row of the data that the coming interval is
    elapsed: IntArray  # (B,) intervals played in this episode
    profile: IntArray  # (B, N) household of the data behind each slot
    demand: FloatArray  # (B, N) [kWh] of the coming interval; a forecast where households bid ahead
    pv: FloatArray  # (B, N) [kWh] the same
    net_load: FloatArray  # (B, N) [kWh] > 0 needs energy; the same
    retail_price: FloatArray  # (B, N) [$/kWh]
    feed_in_price: FloatArray  # (B, N) [$/kWh]
    price_low: FloatArray  # (B,) [$/kWh] low end of the band of limit prices
    price_high: FloatArray  # (B,) [$/kWh]
    published_price: FloatArray  # (B,) [$/kWh] of the last interval, 0 without trade
    published_position: FloatArray  # (B,) the same as a position -1 ... 1 in its own band, 0 without trade
    traded: FloatArray  # (B,) [kWh] of the last interval
    devices: FleetState = field(default_factory=dict)  # by kind of device
    device_draws: FleetDraw = field(default_factory=dict)  # of the episode, by kind of device
    forecast_error: FloatArray | None = None  # (B, T + 1 + H, 2, N) of the episode, where forecasts are noisy
    book: FloatArray | None = None  # of the last interval, where somebody sees it; see `published_book`
    feeder_flow: FloatArray | None = None  # (B, K) [kWh] of the last interval, > 0 into the feeder, with a network
    limited: LimitedLoad | None = None  # what feeder limits made of the net load, with a network; see `move_devices`


@dataclass(frozen=True, eq=False)
class Transition:
    """Everything that one interval brought, for rewards, records and views."""

    before: MarketState  # with demand, PV and net load as they were metered: with the devices, as they moved
    context: AuctionContext
    orders: Orders
    clearing: Clearing
    settlement: Settlement
    mean_price: FloatArray  # (B,) [$/kWh] mean price of the traded energy before fees; nan without trade
    announced: FloatArray  # (B, N) [kWh] net load on which households bid, devices included
    dispatch: Dispatch | None = None  # what the devices did, on a street that has any
    network: NetworkOutcome | None = None  # what feeders and lines did, on a street with a network

    @cached_property
    def default_bill(self) -> FloatArray:
        """``(B, N)`` [$] bill with the grid alone and with devices that nobody steers, and what these owe at the end.

        An idle battery with self-discharge owes what it lost. With a network it is the bill under the same feeder
        limits, and what is shed under them counts in it.
        """
        dispatch, owed = self.dispatch, None if self.dispatch is None else self.dispatch.default_cost
        if self.network is not None:
            bill = self._default_cost_under_limits(self.network)
        elif dispatch is None:
            bill = self.settlement.grid_only_bill
        else:
            net_load = dispatch.default_net_load
            bill = np.where(net_load > 0.0, self.before.retail_price, self.before.feed_in_price) * net_load
        return bill if owed is None else bill + owed

    @property
    def cost_beside_bill(self) -> FloatArray | None:
        """``(B, N)`` [$] what a household bears beside its bill: wear, missed comfort, and load that was shed."""
        if self.network is None:
            return None if self.dispatch is None else self.dispatch.cost
        shed_cost = self.network.limited.shed_cost
        return shed_cost if self.dispatch is None else self.dispatch.cost + shed_cost

    def _default_cost_under_limits(self, outcome: NetworkOutcome) -> FloatArray:
        if self.dispatch is None:
            return self.settlement.grid_only_bill + outcome.limited.shed_cost
        limited = outcome.network.limit(self.dispatch.default_net_load)
        price = np.where(limited.net_load > 0.0, self.before.retail_price, self.before.feed_in_price)
        return price * limited.net_load + limited.scarcity_payment + limited.shed_cost


class AuctionModel:
    """State transitions of the market; holds no state of its own.

    Parameters
    ----------
    scenario
        The world: street, data, tariffs.
    operator
        The market.
    """

    def __init__(self, scenario: AuctionScenario, operator: MarketOperator) -> None:
        self.scenario = scenario
        self.operator = operator

    @property
    def data_container(self) -> DataContainer:
        """The household data behind the street."""
        return self.scenario.data_container

    def reset(
        self, draw: EpisodeDraw, mask: BoolArray | None = None, previous: MarketState | None = None
    ) -> MarketState:
        """Return the state before the first interval of an episode.

        Parameters
        ----------
        draw
            Days and households, for all markets, or for those that ``mask`` marks.
        mask
            ``(B,)`` markets to start anew; the others keep ``previous``.
        previous
            The state to keep where ``mask`` is false.
        """
        fleet = self.scenario.fleet
        if mask is None or previous is None:
            num_markets = len(draw.row)
            nothing = np.zeros(num_markets)
            elapsed = np.zeros(num_markets, dtype=np.int64)
            book = empty_book(num_markets) if self.scenario.keeps_book else None
            fresh = self._read(
                draw.row, elapsed, draw.profile, nothing, nothing, nothing, {}, draw.devices, book, draw.forecast_error
            )
            interval = self.scenario.describe_interval(self.scenario.meter(fresh))
            fresh = dataclasses.replace(fresh, devices=fleet.start(interval))
            network = self.scenario.network
            return fresh if network is None else dataclasses.replace(fresh, feeder_flow=network.no_flow(num_markets))
        row, profile = previous.row.copy(), previous.profile.copy()
        row[mask], profile[mask] = draw.row, draw.profile
        keep = ~mask
        error = previous.forecast_error
        if error is not None and draw.forecast_error is not None:
            error = join_episodes(error, draw.forecast_error, np.flatnonzero(mask))
        book = previous.book
        if book is not None:
            book = np.where(mask[:, None], empty_book(len(mask)), book)
        following = self._read(
            row,
            previous.elapsed * keep,
            profile,
            previous.published_price * keep,
            previous.published_position * keep,
            previous.traded * keep,
            {},
            fleet.join_draws(previous.device_draws, draw.devices, mask),
            book,
            error,
        )
        interval = self.scenario.describe_interval(self.scenario.meter(following))
        following = dataclasses.replace(following, devices=fleet.restart(previous.devices, mask, interval))
        if previous.feeder_flow is None:
            return following
        return dataclasses.replace(following, feeder_flow=previous.feeder_flow * keep[:, None])

    def move_devices(
        self, state: MarketState, requests: Requests, ends: BoolArray
    ) -> tuple[MarketState, Dispatch | None]:
        """Move the devices: the state in which households then bid, and what the devices did.

        Parameters
        ----------
        state
            State before the interval.
        requests
            What is asked of the devices, by kind, ``(B, N)`` each.
        ends
            ``(B,)`` markets whose episode ends with this interval.

        Returns
        -------
        tuple
            The state with the devices in the net load, which feeder limits have cut where there is a network, and the
            dispatch; on a street without devices and network the state as it is, and ``None``.
        """
        fleet, network = self.scenario.fleet, self.scenario.network
        if not fleet:
            return (state if network is None else _limit(state, network)), None
        metered = self.scenario.meter(state)
        dispatch = fleet.move(state.devices, requests, self.scenario.describe_interval(metered), ends)
        net_load = dispatch.net_load
        if metered is not state:
            net_load = state.net_load + (net_load - metered.net_load)
        moved = dataclasses.replace(state, net_load=net_load)
        return (moved if network is None else _limit(moved, network)), dispatch

    def run_auction(
        self,
        state: MarketState,
        learned: LearnedBids | None,
        scripted: Sequence[ScriptedBids] = (),
        draws: FloatArray | None = None,
        dispatch: Dispatch | None = None,
    ) -> tuple[MarketState, Transition]:
        """Play one interval: collect bids, clear, settle, and move on.

        Parameters
        ----------
        state
            State in which households bid, see `move_devices`.
        learned, scripted
            Bids that together cover every household.
        draws
            ``(B, N)`` random numbers for rules that draw lots, ``(B, R * N)`` with ``R`` bidding rounds.
        dispatch
            What the devices did, where there are any.

        Returns
        -------
        tuple
            State before the next interval, and what happened in this one.
        """
        operator = self.operator
        context = operator.open_auction(state.price_low, state.price_high, state.retail_price, state.feed_in_price)
        if operator.rules.rounds == 1:
            orders = operator.get_actions(context, state.net_load, learned, scripted)
            context = context.with_orders(orders, draws)
        else:
            rounds = operator.get_rounds(context, state.net_load, learned, scripted)
            orders = orders_of_households(rounds)
            context = context.with_orders(orders, draws, quotes=join_rounds(rounds))
        clearing = context.clearing
        before = self.scenario.meter(state)
        if before is not state and dispatch is not None:
            before = dataclasses.replace(before, net_load=dispatch.net_load)
        network, outcome = self.scenario.network, None
        if network is not None and before is not state:  # what was announced was limited, and what is metered is too
            before = _limit(before, network)
        settlement = operator.settle(context, before.net_load, clearing)
        if network is not None and before.limited is not None:
            outcome = network.settle(before.limited, clearing.filled, state.retail_price)
            settlement = dataclasses.replace(
                settlement,
                bill=settlement.bill + outcome.payment,
                grid_only_bill=settlement.grid_only_bill + outcome.limited.scarcity_payment,
            )
        has_price = clearing.traded > 0.0
        mean_price = _mean_price(clearing, has_price)
        transition = Transition(
            before, context, orders, clearing, settlement, mean_price, state.net_load, dispatch, outcome
        )

        price = np.where(has_price, mean_price, 0.0)
        position = _position_in_band(price, state.price_low, state.price_high, has_price)
        devices = state.devices if dispatch is None else dispatch.states
        book = None
        if self.scenario.keeps_book:  # a pool asks for no limit prices, so its book stays empty
            is_pool = operator.rules.is_pool
            book = empty_book(len(state.row)) if is_pool else published_book(orders, state.price_low, state.price_high)
        following = self._read(
            state.row + 1,
            state.elapsed + 1,
            state.profile,
            price,
            position,
            clearing.traded,
            devices,
            state.device_draws,
            book,
            state.forecast_error,
        )
        if outcome is not None:
            following = dataclasses.replace(following, feeder_flow=outcome.limited.flow)
        return following, transition

    def get_state(self, state: MarketState) -> Float32Array:
        """Global state ``(B, S)`` for centralised critics, see `AuctionScenario.get_state`."""
        observations, _ = self.scenario.observe(state)
        return self.scenario.get_state(observations)

    def _read(
        self,
        row: IntArray,
        elapsed: IntArray,
        profile: IntArray,
        published_price: FloatArray,
        published_position: FloatArray,
        traded: FloatArray,
        devices: FleetState,
        device_draws: FleetDraw,
        book: FloatArray | None,
        forecast_error: FloatArray | None,
    ) -> MarketState:
        demand, pv, net_load = self.scenario.read_meters(row, profile)
        retail_price, feed_in_price, price_low, price_high = self.scenario.read_tariffs(row)
        state = MarketState(
            row=row,
            elapsed=elapsed,
            profile=profile,
            demand=demand,
            pv=pv,
            net_load=net_load,
            retail_price=retail_price,
            feed_in_price=feed_in_price,
            price_low=price_low,
            price_high=price_high,
            published_price=published_price,
            published_position=published_position,
            traded=traded,
            devices=devices,
            device_draws=device_draws,
            forecast_error=forecast_error,
            book=book,
        )
        return self.scenario.announce(state)


def _limit(state: MarketState, network: Network) -> MarketState:
    limited = network.limit(state.net_load)
    return dataclasses.replace(state, net_load=limited.net_load, limited=limited)


def _mean_price(clearing: Clearing, has_price: BoolArray) -> FloatArray:
    """Mean price of the traded energy before fees [$/kWh]; nan without trade.

    Where a mechanism has no single price it is the middle between what buyers pay and what sellers get on average.
    """
    many_prices = np.isnan(clearing.clearing_price) & has_price
    if not np.count_nonzero(many_prices):
        return clearing.clearing_price
    turnover = 0.5 * np.abs(np.where(clearing.filled != 0.0, clearing.filled * clearing.unit_price, 0.0)).sum(axis=1)
    return np.where(many_prices, turnover / np.where(has_price, clearing.traded, 1.0), clearing.clearing_price)


def _position_in_band(price: FloatArray, low: FloatArray, high: FloatArray, has_price: BoolArray) -> FloatArray:
    """Prices ``(B,)`` as positions -1 ... 1 in the band, as an action states them; 0 without a price or a width."""
    width = high - low
    is_wide = width > 0.0
    position = 2.0 * (price - low) / np.where(is_wide, width, 1.0) - 1.0
    return np.where(has_price & is_wide, position.clip(-1.0, 1.0), 0.0)
