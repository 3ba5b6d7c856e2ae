"""The linear program of a street: what each row says, and why it holds for all that the street can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from p2p_market.bounds.device_columns import DeviceColumns, DevicePlan, HouseholdColumns, join_by_household
from p2p_market.bounds.episode import Episode
from p2p_market.bounds.sparse_program import SparseProgram
from p2p_market.devices.base import Device
from p2p_market.devices.linear import Plannable
from p2p_market.types import AnyArray, BoolArray, FloatArray, IntArray

NOISE = 1e-9  # [kWh] below what the solver can tell from nothing
_LARGE = 20_000  # variables
_BOTH = 1e-6  # [kWh] of either that make two things at once


@dataclass(frozen=True, eq=False)
class DispatchSolution:
    """An optimum of the program."""

    plans: Mapping[str, DevicePlan]  # by kind of device
    cost: float  # [$]
    status: str  # what the solver says of it
    energy: FloatArray  # (T, N) [kWh] that all devices of a household take together, < 0 give
    is_definite: BoolArray  # (T, N) whether devices and meter have one direction


def kinds_left_out(devices: Mapping[str, Device]) -> list[str]:
    """Kinds of devices that do not describe themselves to a plan, so that no program knows what they could save."""
    return [kind for kind, device in devices.items() if not isinstance(device, Plannable)]


class DispatchProgram:
    """The program of an episode, written down when it is made; it can be narrowed before it is solved.

    Intervals in which only the sum of net loads counts (one tariff, free trade) get one variable, the street's import;
    in the others each household's direction counts.

    Parameters
    ----------
    episode
        Net load, tariffs and devices.
    trade
        Whether neighbours trade.
    """

    def __init__(self, episode: Episode, *, trade: bool) -> None:
        self._episode, self._trade, self._program = episode, trade, SparseProgram()
        self._devices = {kind: DeviceColumns.add(self._program, device) for kind, device in episode.devices.items()}
        devices, pooled = list(self._devices.values()), episode.has_one_price & trade
        _add_pooled_intervals(self._program, episode, devices, np.flatnonzero(pooled))
        apart = np.flatnonzero(~pooled)
        households = join_by_household(self._program, devices, episode.shape[1], apart)
        self._flows = _add_flows(self._program, episode, households, apart)
        if trade:
            _limit_reverse_flow(self._program, self._flows)
            _add_trade(self._program, episode, self._flows)
            _add_feeders(self._program, episode, devices)

    def fix_directions(self, energy: FloatArray) -> None:
        """Give each household's devices the part of their range in which its meter is linear, so that this is exact.

        Parameters
        ----------
        energy
            ``(T, N)`` [kWh] taken, < 0 given: along the meter's flow, against it, or against it and turned round.
        """
        flows, program, along = self._flows, self._program, self._flows.along_meter(energy)
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
            ``(T, N)`` where devices keep to the sign of it.
        cost
            [$/kWh] of what goes the other way.
        """
        flows, program, along = self._flows, self._program, self._flows.along_meter(energy)
        is_along, turns = along >= 0.0, along < -flows.size
        keeps = is_definite[flows.intervals][:, flows.owners]
        for columns, wrong in ((flows.along, ~is_along), (flows.against, is_along)):
            program.add_cost(columns, np.where(wrong, cost, 0.0))
            nothing = np.zeros(int((keeps & wrong).sum()))
            program.limit(columns[keeps & wrong], nothing, nothing)
        program.add_cost(flows.reverse[flows.can_turn], np.where(turns, 0.0, cost)[flows.can_turn])

    @property
    def _is_wide(self) -> bool:
        """Whether many households of several tariffs trade in few intervals, where the simplex method can take long.

        A day of 300 on three plans: 7 s by interior point, 14 s by simplex; elsewhere it is mostly the other way round.
        """
        num_intervals, num_households = self._episode.shape
        is_large = self._program.num_variables > _LARGE
        has_classes = self._trade and not self._episode.has_one_price.all()
        return is_large and num_households > num_intervals and has_classes

    def solve(self) -> DispatchSolution:
        """Solve; raises what `SparseProgram.solve` does."""
        episode, flows = self._episode, self._flows
        solution = self._program.solve(by_interior_point=self._is_wide)
        plans = {kind: columns.plan(solution) for kind, columns in self._devices.items()}
        energy = np.zeros(episode.shape)
        for plan in plans.values():
            energy[:, plan.device.owners] += plan.energy
        along, against = solution.values[flows.along], solution.values[flows.against]
        reverse = np.where(flows.can_turn, solution.values[flows.reverse], 0.0)
        forward = flows.size + along - against + reverse
        both = (np.minimum(along, against) > _BOTH) | (np.minimum(forward, reverse) > _BOTH)
        is_definite = np.ones(episode.shape, dtype=bool)
        is_definite[np.ix_(flows.intervals, flows.owners)] = ~both
        return DispatchSolution(plans, solution.cost, solution.status, energy, is_definite)


@dataclass(frozen=True, eq=False)
class _Flows:
    """The intervals ``(L,)`` in which every household's direction counts, and columns ``(L, M)`` of owners of devices.

    A household that needs energy without its devices flows *forward* when it buys, one that has some to spare when it
    sells. ``along`` is what its devices do to that flow, ``against`` what turns it round: with the net load ``n``
    without devices, forward flow - reverse flow = |n| + along - against.
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

    def along_meter(self, energy: FloatArray) -> FloatArray:
        """``(L, M)`` of what devices take ``(T, N)`` [kWh]: > 0 along the flow of the meter, < 0 against it."""
        taken = energy[self.intervals][:, self.owners]
        return np.where(self.needs, taken, -taken)


def _add_pooled_intervals(
    program: SparseProgram, episode: Episode, devices: Sequence[DeviceColumns], intervals: IntArray
) -> None:
    """The street as one meter: the sum of loads at the feed-in price, and on what is imported the rest up to retail."""
    load = episode.fixed_load[intervals].sum(axis=1)
    retail, feed_in = episode.retail_price[intervals, 0], episode.feed_in_price[intervals, 0]
    grid_import = program.variables(load.shape, retail - feed_in)
    balance = program.at_most.new(-load)
    program.at_most.put(balance, grid_import, -1.0)
    for device in devices:
        for columns, sign in ((device.take[intervals], 1.0), (device.give[intervals], -1.0)):
            program.at_most.put(balance[:, None], columns, sign)
            program.add_cost(columns, sign * feed_in[:, None])
    program.constant += float((feed_in * load).sum())


def _add_flows(program: SparseProgram, episode: Episode, households: HouseholdColumns, intervals: IntArray) -> _Flows:
    """Every household at its own meter and tariff; what is traded comes off again in `_add_trade`."""
    load, retail, feed_in = (
        values[intervals] for values in (episode.fixed_load, episode.retail_price, episode.feed_in_price)
    )
    program.constant += float((np.where(load > 0.0, retail, feed_in) * load).sum())
    load, retail, feed_in = (values[:, households.owners] for values in (load, retail, feed_in))
    needs, take, give = load >= 0.0, households.take, households.give
    along, against = np.where(needs, take, give), np.where(needs, give, take)
    most_along = np.where(needs, households.most_taken, households.most_given)
    most_against = np.where(needs, households.most_given, households.most_taken)
    can_turn = most_against > np.abs(load)
    # only where the devices are strong enough; the others' column is never read
    reverse = np.zeros(load.shape, dtype=np.int64)
    reverse[can_turn] = program.variables((int(can_turn.sum()),), (retail - feed_in)[can_turn])

    price = np.where(needs, retail, feed_in)
    program.add_cost(take, price)
    program.add_cost(give, -price)
    forward = program.at_most.new(np.abs(load)[can_turn])
    program.at_most.put(forward, against[can_turn], 1.0)
    program.at_most.put(forward, along[can_turn], -1.0)
    program.at_most.put(forward, reverse[can_turn], -1.0)
    return _Flows(
        intervals, households.owners, along, against, reverse, np.abs(load), needs, can_turn, most_along, most_against
    )


def _limit_reverse_flow(program: SparseProgram, flows: _Flows) -> None:
    """Keep those who trade from flowing both ways at once, as far as a linear row can.

    Reverse flow is max(0, against - |n|), as a meter has it, and the devices of a household do not take and give on the
    whole at once. Both sets are not convex; these are the sides of their convex hulls.
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
    load = episode.fixed_load[intervals]
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


def _add_feeders(program: SparseProgram, episode: Episode, devices: Sequence[DeviceColumns]) -> None:
    """What flows over the heads of feeders beyond their limits costs something, whether it is cut or charged.

    Who is shed a kWh saves its retail price at most, which leaves the rest of its value; who is curtailed one loses its
    feed-in price at least. Losses cost nothing here, which is less than they do.
    """
    if episode.network is None:
        return
    network, feeders = episode.network, episode.network.feeders
    flow = feeders.add_up(episode.fixed_load)
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
        for columns in devices:
            place_of_owner = place[feeders.feeder[columns.device.owners]]
            hangs_on_one = place_of_owner >= 0
            rows_of_owners = rows[:, place_of_owner[hangs_on_one]]
            program.at_most.put(rows_of_owners, columns.take[:, hangs_on_one], sign)
            program.at_most.put(rows_of_owners, columns.give[:, hangs_on_one], -sign)


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
