"""The columns and rows of devices: each kind on its own, and what the devices of a household do together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2p_market.bounds.sparse_program import Solution, SparseProgram
from p2p_market.devices.linear import LinearDevice
from p2p_market.types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class DevicePlan:
    """What the devices of one kind are to do, ``(T, M)`` each."""

    device: LinearDevice
    energy: FloatArray  # [kWh] taken on the AC side, < 0 given
    stored: FloatArray  # [kWh] after the interval; 0 where there is no store
    value: FloatArray  # [$/kWh] what a kWh more that is stored in an interval saves; 0 where there is no store


@dataclass(frozen=True, eq=False)
class DeviceColumns:
    """What the ``M`` devices of one kind do over ``T`` intervals, as columns ``(T, M)`` of the program."""

    device: LinearDevice
    take: IntArray
    give: IntArray
    stored: IntArray | None = None  # after the interval
    balance: IntArray | None = None  # rows of what is stored

    @classmethod
    def add(cls, program: SparseProgram, device: LinearDevice) -> DeviceColumns:
        """Add columns and rows of devices to a program."""
        shape, store = device.most_taken.shape, device.store
        take = program.variables(shape, device.take_cost, highest=device.most_taken)
        give = program.variables(shape, device.give_cost, highest=device.most_given)
        if store is None:
            return cls(device, take, give)
        stored = program.variables(shape, lowest=store.lowest, highest=store.highest)
        carried = store.inflow.copy()
        carried[0] += store.retention[0] * store.start
        balance = program.equal.new(carried)
        program.equal.put(balance, stored, 1.0)
        program.equal.put(balance[1:], stored[:-1], -store.retention[1:])
        program.equal.put(balance, take, -store.taken_in)
        program.equal.put(balance, give, 1.0 / store.given_out)

        ends = store.ends if store.ends_at_least is None else store.ends_at_least
        kinks = [(target.level[-1], target.price[-1], stored[-1]) for target in ends]
        if store.deadlines is not None:
            counts = store.deadlines.price > 0.0
            kinks.append((store.deadlines.level[counts], store.deadlines.price[counts], stored[counts]))
        for level, price, after in kinks:
            below = program.variables(after.shape, price)
            rows = program.at_most.new(-level)
            program.at_most.put(rows, below, -1.0)
            program.at_most.put(rows, after, -1.0)
        return cls(device, take, give, stored, balance)

    def plan(self, solution: Solution) -> DevicePlan:
        """Read what a solution has them do; what would be taken and given at once is taken together."""
        if self.stored is None or self.balance is None:
            energy, nothing = solution.values[self.take], np.zeros(self.take.shape)
            return DevicePlan(self.device, energy, nothing, nothing)
        stored = solution.values[self.stored]
        return DevicePlan(self.device, self.device.energy_of(stored), stored, -solution.prices[self.balance])


@dataclass(frozen=True, eq=False)
class HouseholdColumns:
    """What the devices of each of the ``U`` households that have any do together, over ``L`` intervals ``(L, U)``."""

    owners: IntArray  # (U,)
    take: IntArray
    give: IntArray
    most_taken: FloatArray  # [kWh]
    most_given: FloatArray  # [kWh]


def join_by_household(
    program: SparseProgram, devices: Sequence[DeviceColumns], num_households: int, intervals: IntArray
) -> HouseholdColumns:
    """Columns of what all devices of a household take, and give, in the ``intervals`` (L,).

    Where there is one device they are its own. Several get columns for their sum, which is taken or given: no more is
    taken by the household than by its devices, the rest being what one of them gives to another.
    """
    count = np.zeros(num_households, dtype=np.int64)
    for columns in devices:
        count[columns.device.owners] += 1
    owners = np.flatnonzero(count)
    shape = (intervals.size, owners.size)
    most_taken, most_given = np.zeros(shape), np.zeros(shape)
    take, give = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for columns in devices:
        place = np.searchsorted(owners, columns.device.owners)
        most_taken[:, place] += columns.device.most_taken[intervals]
        most_given[:, place] += columns.device.most_given[intervals]
        take[:, place], give[:, place] = columns.take[intervals], columns.give[intervals]

    many = np.flatnonzero(count[owners] > 1)
    if many.size and intervals.size:
        joint = (intervals.size, many.size)
        take[:, many] = program.variables(joint, highest=most_taken[:, many])
        give[:, many] = program.variables(joint, highest=most_given[:, many])
        rows = np.zeros(shape, dtype=np.int64)
        rows[:, many] = program.equal.new(np.zeros(joint))
        program.equal.put(rows[:, many], take[:, many], 1.0)
        program.equal.put(rows[:, many], give[:, many], -1.0)
        taken = np.zeros(shape, dtype=np.int64)
        taken[:, many] = program.at_most.new(np.zeros(joint))
        program.at_most.put(taken[:, many], take[:, many], 1.0)
        for columns in devices:
            place = np.searchsorted(owners, columns.device.owners)
            joins = count[columns.device.owners] > 1
            of_device, place = rows[:, place[joins]], place[joins]
            program.equal.put(of_device, columns.take[intervals][:, joins], -1.0)
            program.equal.put(of_device, columns.give[intervals][:, joins], 1.0)
            program.at_most.put(taken[:, place], columns.take[intervals][:, joins], -1.0)
            most = columns.device.most_taken[intervals][:, joins], columns.device.most_given[intervals][:, joins]
            both = (most[0] > 0.0) & (most[1] > 0.0)
            one_way = program.at_most.new(np.ones(int(both.sum())))
            program.at_most.put(one_way, columns.take[intervals][:, joins][both], 1.0 / most[0][both])
            program.at_most.put(one_way, columns.give[intervals][:, joins][both], 1.0 / most[1][both])
    return HouseholdColumns(owners, take, give, most_taken, most_given)
