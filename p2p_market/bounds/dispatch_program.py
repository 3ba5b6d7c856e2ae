"""The linear program of a street: what each row says, and why it holds for all that the street can do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from p2p_market.bounds.episode import Episode
from p2p_market.bounds.sparse_program import SparseProgram
from p2p_market.types import AnyArray, BoolArray, FloatArray, IntArray

NOISE = 1e-9  # [kWh] below what the solver can tell from nothing
_LARGE = 20_000  # variables
_BOTH = 1e-6  # [kWh] of either that make two things at once


@dataclass(frozen=True, eq=False)
class DispatchSolution:
    """An optimum of the program."""

    stored: FloatArray  # (T + 1, N) [kWh] before the first interval and after each
    value: FloatArray  # (T, N) [$/kWh] what a kWh more that comes into the battery in an interval saves; 0 without one
    cost: float  # [$]
    status: str  # what the solver says of it
    is_definite: BoolArray  # (T, N) whether battery and meter have one direction


def kinds_left_out(kinds: Iterable[str], *, has_network: bool) -> list[str]:
    """Kinds of devices that can lower a street's cost and are no part of the program.

    Batteries are its part. PV that is curtailed could have been sold at a feed-in price of 0 or more, and spares import
    where its household imports, so curtailment lowers no cost but beyond the feeder limits of a network.
    """
    known = {"battery"} if has_network else {"battery", "pv_curtailment"}
    return [kind for kind in kinds if kind not in known]


class DispatchProgram:
    """The program of an episode, written down when it is made; it can be narrowed before it is solved.

    Intervals in which only the sum of net loads counts (one tariff, free trade) get one variable, the street's import;
    in the others each household's direction counts.

    Parameters
    ----------
    episode
        Net load, tariffs and batteries.
    trade
        Whether neighbours trade.
    """

    def __init__(self, episode: Episode, *, trade: bool) -> None:
        self._episode, self._program = episode, SparseProgram()
        self._storage = _add_storage(self._program, episode, np.flatnonzero(episode.batteries.owners))
        pooled = episode.has_one_price & trade
        _add_pooled_intervals(self._program, episode, self._storage, np.flatnonzero(pooled))
        self._flows = _add_flows(self._program, episode, self._storage, np.flatnonzero(~pooled))
        if trade:
            _limit_reverse_flow(self._program, self._flows)
            _add_trade(self._program, episode, self._flows)
            _add_feeders(self._program, episode, self._storage)

    def fix_directions(self, energy: FloatArray) -> None:
        """Give each battery the part of its range in which its meter is linear, so that the program is exact.

        Parameters
        ----------
        energy
            ``(T, N)`` [kWh] taken, < 0 given: along the meter's flow, against it, or against it and turned round.
        """
        flows, program, along = self._flows, self._program, self._flows.of_batteries(energy)
        is_along, turns = along >= 0.0, flows.can_turn & (along < -flows.size - NOISE)
        program.limit(flows.along, np.zeros_like(along), np.where(is_along, flows.most_along, 0.0))
        most_against = np.where(turns, flows.most_against, np.minimum(flows.most_against, flows.size))
        program.limit(flows.against, np.where(turns, flows.size, 0.0), np.where(is_along, 0.0, most_against))
        can_turn, flag = flows.can_turn, turns[flows.can_turn].astype(np.float64)
        turned = program.at_most.new(-flag * flows.size[can_turn])  # reverse flow is what is beyond |n|, or nothing
        program.at_most.put(turned, flows.reverse[can_turn], 1.0)
        program.at_most.put(turned, flows.against[can_turn], -flag)

    def deter(self, energy: FloatArray, is_definite: BoolArray, cost: float) -> None:
        """Make it dear to go another way than ``energy`` (T, N) [kWh] does, and impossible where it is definite.

        Parameters
        ----------
        energy
            Taken, < 0 given.
        is_definite
            ``(T, N)`` where batteries keep to the sign of it.
        cost
            [$/kWh] of what goes the other way.
        """
        flows, program, along = self._flows, self._program, self._flows.of_batteries(energy)
        is_along, turns = along >= 0.0, along < -flows.size
        keeps = is_definite[flows.intervals][:, flows.owners]
        for columns, wrong in ((flows.along, ~is_along), (flows.against, is_along)):
            program.add_cost(columns, np.where(wrong, cost, 0.0))
            nothing = np.zeros(int((keeps & wrong).sum()))
            program.limit(columns[keeps & wrong], nothing, nothing)
        program.add_cost(flows.reverse[flows.can_turn], np.where(turns, 0.0, cost)[flows.can_turn])

    @property
    def _is_wide(self) -> bool:
        """Whether many households of several tariffs meet in few intervals, where the simplex method can take long.

        A day of 300 on three plans: 7 s by interior point, 14 s by simplex; elsewhere it is mostly the other way round.
        """
        num_intervals, num_households = self._episode.shape
        is_large = self._program.num_variables > _LARGE
        return is_large and num_households > num_intervals and not self._episode.has_one_price.all()

    def solve(self) -> DispatchSolution:
        """Solve; raises what `SparseProgram.solve` does."""
        episode, storage, flows = self._episode, self._storage, self._flows
        solution = self._program.solve(by_interior_point=self._is_wide)
        stored, value = np.zeros((episode.shape[0] + 1, episode.shape[1])), np.zeros(episode.shape)
        stored[0] = episode.stored_at_start
        stored[1:, storage.owners] = solution.values[storage.stored]
        value[:, storage.owners] = -solution.prices[storage.balance]
        along, against = solution.values[flows.along], solution.values[flows.against]
        reverse = np.where(flows.can_turn, solution.values[flows.reverse], 0.0)
        forward = flows.size + along - against + reverse
        both = (np.minimum(along, against) > _BOTH) | (np.minimum(forward, reverse) > _BOTH)
        is_definite = np.ones(episode.shape, dtype=bool)
        is_definite[np.ix_(flows.intervals, flows.owners)] = ~both
        return DispatchSolution(stored, value, solution.cost, solution.status, is_definite)


@dataclass(frozen=True, eq=False)
class _Storage:
    """The ``M`` owners of batteries, and the columns ``(T, M)`` of what their batteries do."""

    owners: IntArray  # (M,)
    charge: IntArray
    discharge: IntArray
    stored: IntArray  # after the interval
    balance: IntArray  # rows of what is stored
    largest_charge: FloatArray  # (M,) [kWh]
    largest_discharge: FloatArray  # (M,) [kWh]


@dataclass(frozen=True, eq=False)
class _Flows:
    """The intervals ``(L,)`` in which every household's direction counts, and their owners' columns ``(L, M)``.

    A household that needs energy without its battery flows *forward* when it buys, one that has some to spare when it
    sells. ``along`` is what its battery does to that flow, ``against`` what turns it round: with the net load ``n``
    without battery, forward flow - reverse flow = |n| + along - against.
    """

    intervals: IntArray
    owners: IntArray
    along: IntArray
    against: IntArray
    reverse: IntArray
    size: FloatArray  # [kWh] |n|
    needs: BoolArray  # forward is buying
    can_turn: BoolArray
    most_along: FloatArray  # [kWh]
    most_against: FloatArray  # [kWh]

    def of_batteries(self, energy: FloatArray) -> FloatArray:
        """``(L, M)`` of what batteries take ``(T, N)`` [kWh]: > 0 along the flow of the meter, < 0 against it."""
        taken = energy[self.intervals][:, self.owners]
        return np.where(self.needs, taken, -taken)


def _add_storage(program: SparseProgram, episode: Episode, owners: IntArray) -> _Storage:
    batteries, shape = episode.batteries, (episode.shape[0], owners.size)
    wear, retention = batteries.wear_cost[owners], batteries.retention[owners]
    largest_charge, largest_discharge = batteries.largest_charge[owners], batteries.largest_discharge[owners]
    charge = program.variables(shape, wear, highest=largest_charge)
    discharge = program.variables(shape, wear, highest=largest_discharge)
    # Discharging keeps the minimum, self-discharge does not: nothing leads lower than from the start, or from the
    # minimum, by self-discharge alone.
    start = episode.stored_at_start[owners]
    floor = np.minimum(start, batteries.minimum[owners]) * retention ** np.arange(1, shape[0] + 1)[:, None]
    stored = program.variables(shape, lowest=floor, highest=batteries.capacity[owners])

    carried = np.zeros(shape)
    carried[0] = start * retention
    balance = program.equal.new(carried)
    program.equal.put(balance, stored, 1.0)
    program.equal.put(balance[1:], stored[:-1], -retention)
    program.equal.put(balance, charge, -batteries.charge_efficiency[owners])
    program.equal.put(balance, discharge, 1.0 / batteries.discharge_efficiency[owners])

    price = episode.off_peak_price[owners] / batteries.round_trip_efficiency[owners]
    missing = program.variables((owners.size,), price)
    at_end = program.at_most.new(-batteries.initial[owners])
    program.at_most.put(at_end, missing, -1.0)
    program.at_most.put(at_end, stored[-1], -1.0)
    return _Storage(owners, charge, discharge, stored, balance, largest_charge, largest_discharge)


def _add_pooled_intervals(program: SparseProgram, episode: Episode, storage: _Storage, intervals: IntArray) -> None:
    """The street as one meter: the sum of loads at the feed-in price, and on what is imported the rest up to retail."""
    load = episode.net_load[intervals].sum(axis=1)
    retail, feed_in = episode.retail_price[intervals, 0], episode.feed_in_price[intervals, 0]
    grid_import = program.variables(load.shape, retail - feed_in)
    balance = program.at_most.new(-load)
    program.at_most.put(balance, grid_import, -1.0)
    for columns, sign in ((storage.charge[intervals], 1.0), (storage.discharge[intervals], -1.0)):
        program.at_most.put(balance[:, None], columns, sign)
        program.add_cost(columns, sign * feed_in[:, None])
    program.constant += float((feed_in * load).sum())


def _add_flows(program: SparseProgram, episode: Episode, storage: _Storage, intervals: IntArray) -> _Flows:
    """Every household at its own meter and tariff; what is traded comes off again in `_add_trade`."""
    load, retail, feed_in = (
        values[intervals] for values in (episode.net_load, episode.retail_price, episode.feed_in_price)
    )
    program.constant += float((np.where(load > 0.0, retail, feed_in) * load).sum())
    load, retail, feed_in = (values[:, storage.owners] for values in (load, retail, feed_in))
    needs = load >= 0.0
    charge, discharge = storage.charge[intervals], storage.discharge[intervals]
    along, against = np.where(needs, charge, discharge), np.where(needs, discharge, charge)
    most_along = np.where(needs, storage.largest_charge, storage.largest_discharge)
    most_against = np.where(needs, storage.largest_discharge, storage.largest_charge)
    can_turn = most_against > np.abs(load)
    # only where the battery is strong enough; the others' column is never read
    reverse = np.zeros(load.shape, dtype=np.int64)
    reverse[can_turn] = program.variables((int(can_turn.sum()),), (retail - feed_in)[can_turn])

    price = np.where(needs, retail, feed_in)
    program.add_cost(charge, price)
    program.add_cost(discharge, -price)
    forward = program.at_most.new(np.abs(load)[can_turn])
    program.at_most.put(forward, against[can_turn], 1.0)
    program.at_most.put(forward, along[can_turn], -1.0)
    program.at_most.put(forward, reverse[can_turn], -1.0)
    return _Flows(
        intervals, storage.owners, along, against, reverse, np.abs(load), needs, can_turn, most_along, most_against
    )


def _limit_reverse_flow(program: SparseProgram, flows: _Flows) -> None:
    """Keep those who trade from flowing both ways at once, as far as a linear row can.

    Reverse flow is max(0, against - |n|), as a meter has it, and a battery does not charge and discharge at once. Both
    sets are not convex; these are the sides of their convex hulls.
    """
    can_turn = flows.can_turn
    turned = program.at_most.new(np.zeros(int(can_turn.sum())))
    program.at_most.put(turned, flows.reverse[can_turn], 1.0)
    turned_share = 1.0 - flows.size[can_turn] / flows.most_against[can_turn]
    program.at_most.put(turned, flows.against[can_turn], -turned_share)
    both = can_turn & (flows.most_along > 0.0)
    one_way = program.at_most.new(np.ones(int(both.sum())))
    program.at_most.put(one_way, flows.along[both], 1.0 / flows.most_along[both])
    program.at_most.put(one_way, flows.against[both], 1.0 / flows.most_against[both])


def _add_trade(program: SparseProgram, episode: Episode, flows: _Flows) -> None:
    """What neighbours sell each other: households with one price in an interval are one buyer, or one seller.

    Within such a class any division of the class's trade costs the same, so classes lose nothing.
    """
    intervals = flows.intervals
    load = episode.net_load[intervals]
    traded = program.equal.new(np.zeros(intervals.size))
    for price, sells in ((episode.retail_price[intervals], False), (episode.feed_in_price[intervals], True)):
        label, price_of_class, interval_of_class = _classes(price)
        saved = price_of_class if sells else episode.network_fee - price_of_class
        columns = program.variables(price_of_class.shape, saved)
        program.equal.put(traded[interval_of_class], columns, -1.0 if sells else 1.0)

        fixed = np.maximum(-load, 0.0) if sells else np.maximum(load, 0.0)
        rows = program.at_most.new(np.bincount(label.ravel(), fixed.ravel(), price_of_class.size).astype(np.float64))
        program.at_most.put(rows, columns, 1.0)
        row = rows[label[:, flows.owners]]
        is_forward = flows.needs != sells
        program.at_most.put(row[is_forward], flows.along[is_forward], -1.0)
        program.at_most.put(row[is_forward], flows.against[is_forward], 1.0)
        program.at_most.put(row[flows.can_turn], flows.reverse[flows.can_turn], -1.0)


def _add_feeders(program: SparseProgram, episode: Episode, storage: _Storage) -> None:
    """What flows over the heads of feeders beyond their limits costs something, whether it is cut or charged.

    Who is shed a kWh saves its retail price at most, which leaves the rest of its value; who is curtailed one loses its
    feed-in price at least. Losses cost nothing here, which is less than they do.
    """
    if episode.network is None:
        return
    network, feeders = episode.network, episode.network.feeders
    flow = feeders.add_up(episode.net_load)
    for limit, sign in ((feeders.import_limit, 1.0), (feeders.export_limit, -1.0)):
        limited = np.flatnonzero(np.isfinite(limit))
        if network.rule.charges:
            cost = np.full((len(flow), limited.size), network.scarcity_price)
        elif sign > 0.0:
            dearest = [episode.retail_price[:, feeders.feeder == number].max(axis=1) for number in limited]
            cost = network.value_of_lost_load - _stacked(dearest, len(flow))
        else:
            lowest = [episode.feed_in_price[:, feeders.feeder == number].min(axis=1) for number in limited]
            cost = _stacked(lowest, len(flow))
        beyond = program.variables(cost.shape, cost)
        rows = program.at_most.new(limit[limited] / network.units_per_kwh - sign * flow[:, limited])
        program.at_most.put(rows, beyond, -1.0)
        place = np.full(feeders.num_feeders, -1)
        place[limited] = np.arange(limited.size)
        place_of_owner = place[feeders.feeder[storage.owners]]
        hangs_on_one = place_of_owner >= 0
        rows_of_owners = rows[:, place_of_owner[hangs_on_one]]
        program.at_most.put(rows_of_owners, storage.charge[:, hangs_on_one], sign)
        program.at_most.put(rows_of_owners, storage.discharge[:, hangs_on_one], -sign)


def _stacked(columns: list[FloatArray], length: int) -> FloatArray:
    return np.stack(columns, axis=1) if columns else np.zeros((length, 0))


def _classes(price: FloatArray) -> tuple[IntArray, FloatArray, AnyArray]:
    """Number the distinct prices of intervals ``(L, N)``: each entry's class, the classes' prices and intervals."""
    order = price.argsort(axis=1)
    ranked = np.take_along_axis(price, order, axis=1)
    is_new = np.ones(price.shape, dtype=np.bool_)
    is_new[:, 1:] = ranked[:, 1:] > ranked[:, :-1]
    number = np.cumsum(is_new.ravel()).reshape(price.shape) - 1
    label = np.empty_like(number)
    np.put_along_axis(label, order, number, axis=1)
    return label, ranked[is_new], np.nonzero(is_new)[0]
