"""A linear program that is written down in whole arrays of variables and rows, and solved by HiGHS."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from p2p_market.errors import SolverError, require_extra
from p2p_market.types import AnyArray, FloatArray, IntArray


class Rows:
    """Rows ``A x (<= or =) limit`` of a program, as triplets of row, column and value."""

    def __init__(self) -> None:
        self.limits: list[FloatArray] = []
        self.triplets: list[tuple[AnyArray, AnyArray, AnyArray]] = []
        self.count = 0

    def new(self, limit: FloatArray) -> IntArray:
        """Add a row for every entry of ``limit``; return the rows' numbers, in its shape."""
        numbers = np.arange(self.count, self.count + limit.size).reshape(limit.shape)
        self.limits.append(limit.ravel())
        self.count += limit.size
        return numbers

    def put(self, rows: IntArray, columns: IntArray, values: FloatArray | float) -> None:
        """Add ``values`` where ``rows`` and ``columns`` meet; the three broadcast, and what meets twice adds up."""
        triplet = np.broadcast_arrays(rows, columns, np.asarray(values, dtype=np.float64))
        self.triplets.append((triplet[0].ravel(), triplet[1].ravel(), triplet[2].ravel()))


class Solution(NamedTuple):
    """An optimum of a program."""

    values: FloatArray  # of the variables, by column
    cost: float
    status: str  # what the solver says of it
    prices: FloatArray  # of the equality rows: what the cost changes by for each unit more on a row's right side


class SparseProgram:
    """Minimise ``cost @ x + constant`` over variables that keep to their limits, and to the rows."""

    def __init__(self) -> None:
        self.at_most, self.equal = Rows(), Rows()
        self.constant = 0.0
        self._costs: list[FloatArray] = []
        self._lowest: list[FloatArray] = []
        self._highest: list[FloatArray] = []
        self._more_costs: list[tuple[IntArray, FloatArray]] = []
        self._new_limits: list[tuple[IntArray, FloatArray, FloatArray]] = []
        self._count = 0

    def variables(
        self,
        shape: tuple[int, ...],
        cost: FloatArray | float = 0.0,
        *,
        lowest: FloatArray | float = 0.0,
        highest: FloatArray | float = np.inf,
    ) -> IntArray:
        """Add variables; return their columns ``shape``. Cost and limits, at first 0 and none, broadcast to it."""
        columns = np.arange(self._count, self._count + int(np.prod(shape))).reshape(shape)
        self._count += columns.size
        for kept, values in ((self._costs, cost), (self._lowest, lowest), (self._highest, highest)):
            kept.append(np.broadcast_to(np.asarray(values, dtype=np.float64), shape).ravel())
        return columns

    def add_cost(self, columns: IntArray, cost: FloatArray) -> None:
        """Add ``cost`` to that of variables that there are already; the two broadcast."""
        self._more_costs.append((columns.ravel(), np.broadcast_to(cost, columns.shape).ravel()))

    def limit(self, columns: IntArray, lowest: FloatArray, highest: FloatArray) -> None:
        """Give variables that there are already other limits; the three have one shape."""
        self._new_limits.append((columns.ravel(), lowest.ravel(), highest.ravel()))

    @property
    def num_variables(self) -> int:
        """How many there are."""
        return self._count

    def solve(self, *, by_interior_point: bool = False) -> Solution:
        """Solve, by the solver's own choice of method or by interior point, with crossover to a vertex in either case.

        Raises
        ------
        MissingExtraError
            If scipy is not installed.
        SolverError
            If HiGHS ends without an optimum.
        """
        try:
            from scipy.optimize import linprog  # noqa: PLC0415 (scipy is optional)
            from scipy.sparse import coo_array  # noqa: PLC0415 (scipy is optional)
        except ImportError as error:
            raise require_extra("scipy", "bounds", "solving for the best dispatch") from error
        if not self._count:
            return Solution(np.zeros(0), self.constant, "nothing to decide", np.zeros(self.equal.count))

        def sparse(rows: Rows) -> AnyArray:
            row, column, value = (np.concatenate(part) for part in zip(*rows.triplets, strict=True))
            matrix: AnyArray = coo_array((value, (row, column)), shape=(rows.count, self._count)).tocsr()
            return matrix

        cost = np.concatenate(self._costs)
        for columns, more in self._more_costs:
            np.add.at(cost, columns, more)
        parts: dict[str, AnyArray] = {}
        for name, rows in (("ub", self.at_most), ("eq", self.equal)):
            if rows.count:
                parts |= {f"A_{name}": sparse(rows), f"b_{name}": np.concatenate(rows.limits)}
        bounds = np.stack([np.concatenate(self._lowest), np.concatenate(self._highest)], axis=1)
        for columns, lowest, highest in self._new_limits:
            bounds[columns] = np.stack([lowest, highest], axis=1)
        answer = linprog(cost, **parts, bounds=bounds, method="highs-ipm" if by_interior_point else "highs")
        if answer.status != 0:
            raise SolverError(f"the linear program of {self._count} variables was not solved: {answer.message}")
        prices = np.asarray(answer.eqlin.marginals) if self.equal.count else np.zeros(0)
        return Solution(answer.x, float(answer.fun) + self.constant, str(answer.message), prices)
