"""DataContainer: validated, immutable series of households, with their clock and their quality."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from p2p_market.data.calendar import Calendar, TimeLike
from p2p_market.data.gaps import Gap, GapReport, Quality
from p2p_market.data.selection import Customers, Months, select_customers, select_intervals
from p2p_market.errors import DataError
from p2p_market.types import AnyArray, Float32Array, FloatArray

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["DataContainer", "Gap", "GapReport", "HouseholdArrays", "Quality", "QualityArray"]

QualityArray = npt.NDArray[np.uint8]

_INFINITY_BITS = np.float32(np.inf).view(np.uint32)


class HouseholdArrays(NamedTuple):
    """What the market core reads of a data set; T intervals, H households."""

    demand: Float32Array
    """(T, H) [kWh per interval], >= 0."""
    pv: Float32Array
    """(T, H) [kWh per interval], >= 0."""
    calendar: Calendar
    """T intervals."""
    pv_capacity: FloatArray
    """(H,) [kW], 0 for a home without PV."""
    quality: QualityArray
    """(T, H) flags of `Quality`."""


@dataclass(frozen=True, eq=False)
class DataContainer:
    """Demand and generation of H households over T intervals.

    The container is checked when it is made and cannot change afterwards: its arrays are read-only. Use
    `from_arrays` for arrays of your own, which it copies; the constructor itself keeps arrays of the right
    type without a copy, so that loaders do not pay for one.

    Parameters
    ----------
    demand
        (T, H) [kWh per interval], >= 0: general consumption, with the controlled load where it was asked for.
    pv
        (T, H) [kWh per interval], >= 0: gross generation.
    calendar
        The T interval starts.
    customer_ids
        H distinct names.
    pv_capacity
        (H,) [kW], 0 for a home without PV.
    quality
        (T, H) uint8, flags of `Quality`.
    controlled_load
        (T, H) [kWh per interval]: the controlled load (hot water on its own circuit) that is part of
        ``demand``, kept apart too, or None if it was not asked for. General consumption is
        ``demand - controlled_load``.
    data_path
        The files that the data came from; empty when there are none.
    source
        Where the data came from, in a word: ``"ausgrid"``, ``"table"``, ``"synthetic"``, ``"arrays"``.
    gaps
        What was missing and what was done about it; None if nobody looked.

    Raises
    ------
    DataError
        If shapes disagree, a reading is negative or not a number, a name appears twice, or a capacity is
        negative. The message names the customer and the interval.
    """

    demand: Float32Array
    pv: Float32Array
    calendar: Calendar
    customer_ids: tuple[str, ...]
    pv_capacity: FloatArray
    quality: QualityArray
    controlled_load: Float32Array | None = None
    data_path: tuple[Path, ...] = ()
    source: str = "arrays"
    gaps: GapReport | None = None

    def __post_init__(self) -> None:
        ids = tuple(str(name) for name in self.customer_ids)
        _check_ids(ids)
        object.__setattr__(self, "customer_ids", ids)
        shape = (len(self.calendar), len(ids))
        if not shape[0]:
            raise DataError("the data has no interval; select at least one")
        for name in ("demand", "pv", "controlled_load"):
            if name == "controlled_load" and self.controlled_load is None:
                continue
            energy = _read_only(getattr(self, name), np.float32, shape, name)
            _check_energy(energy, name, self.calendar, ids)
            object.__setattr__(self, name, energy)
        capacity = _read_only(self.pv_capacity, np.float64, shape[1:], "pv_capacity")
        _check_capacity(capacity, ids)
        object.__setattr__(self, "pv_capacity", capacity)
        quality = _read_only(self.quality, np.uint8, shape, "quality")
        if quality.max(initial=0) >= Quality.MISSING and (quality & Quality.MISSING).any():
            row, column = np.argwhere(quality & Quality.MISSING)[0]
            raise DataError(
                f"the reading of customer {ids[column]} at {self.calendar.start[row]} is marked missing; "
                "fill it, or leave the household or the day out, before building a container"
            )
        object.__setattr__(self, "quality", quality)
        object.__setattr__(self, "data_path", tuple(Path(path) for path in self.data_path))

    @classmethod
    def from_arrays(
        cls,
        demand: npt.ArrayLike,
        pv: npt.ArrayLike | None = None,
        *,
        calendar: Calendar,
        customer_ids: Iterable[str | int] | None = None,
        pv_capacity: npt.ArrayLike | None = None,
        quality: npt.ArrayLike | None = None,
        controlled_load: npt.ArrayLike | None = None,
        source: str = "arrays",
    ) -> DataContainer:
        """Build a container from copies of your own arrays.

        Parameters
        ----------
        demand, pv, controlled_load
            (T, H) [kWh per interval]; no ``pv`` means homes without PV.
        calendar
            The T interval starts.
        customer_ids
            H names; "0", "1", … by default.
        pv_capacity
            (H,) [kW]; by default the largest power that each home's ``pv`` shows.
        quality
            (T, H) flags of `Quality`; all measured by default.
        source
            A word on where the data came from.

        Raises
        ------
        DataError
            As the class says.
        """
        demand_array = _as_float32(demand, "demand")
        if demand_array.ndim != 2:
            raise DataError(f"demand has the shape {demand_array.shape}; expected (T, H): intervals by households")
        shape = demand_array.shape
        pv_array = np.zeros(shape, np.float32) if pv is None else _as_float32(pv, "pv")
        if pv_capacity is None:
            pv_capacity = pv_array.max(axis=0, initial=0.0).astype(np.float64) / calendar.interval_hours
        return cls(
            demand=demand_array,
            pv=pv_array,
            calendar=calendar,
            customer_ids=tuple(map(str, range(shape[1]) if customer_ids is None else customer_ids)),
            pv_capacity=np.array(pv_capacity, np.float64),
            quality=np.zeros(shape, np.uint8) if quality is None else np.array(quality, np.uint8),
            controlled_load=None if controlled_load is None else _as_float32(controlled_load, "controlled_load"),
            source=source,
        )

    @property
    def num_intervals(self) -> int:
        """T, the number of intervals."""
        return len(self.calendar)

    @property
    def num_households(self) -> int:
        """H, the number of households."""
        return len(self.customer_ids)

    @property
    def interval_minutes(self) -> int:
        """Length of an interval [min]."""
        return self.calendar.interval_minutes

    def __repr__(self) -> str:
        return (
            f"DataContainer({self.num_intervals} intervals of {self.interval_minutes} min from "
            f"{self.calendar.start[0]}, {self.num_households} households, source {self.source!r})"
        )

    def get_size(self) -> tuple[int, int]:
        """Return (number of intervals T, number of households H)."""
        return self.num_intervals, self.num_households

    def get_customer_ids(self) -> tuple[str, ...]:
        """Return the names of the households, in the order of the arrays' columns."""
        return self.customer_ids

    def arrays(self) -> HouseholdArrays:
        """Return the read-only arrays that the market core works on."""
        return HouseholdArrays(self.demand, self.pv, self.calendar, self.pv_capacity, self.quality)

    def select(
        self,
        customers: Customers | None = None,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        months: Months | None = None,
    ) -> DataContainer:
        """Return a part of the data.

        Parameters
        ----------
        customers
            One name or several, in the order wanted; all by default.
        start, end
            First interval, and the time before which the last one starts (``end`` is exclusive).
        months
            Months of the year to keep, 1 .. 12.

        Raises
        ------
        DataError
            If a customer is unknown, a time lies outside the data, or nothing is left.
        """
        columns = select_customers(self.customer_ids, customers)
        rows = select_intervals(self.calendar, start, end, months)
        load = self.controlled_load
        return dataclasses.replace(
            self,
            demand=self.demand[rows][:, columns],
            pv=self.pv[rows][:, columns],
            calendar=self.calendar.select(rows),
            customer_ids=tuple(self.customer_ids[column] for column in columns),
            pv_capacity=self.pv_capacity[columns],
            quality=self.quality[rows][:, columns],
            controlled_load=None if load is None else load[rows][:, columns],
        )

    @property
    def dataset(self) -> pl.DataFrame:
        """The data as a tidy polars frame, one row a household and interval, built at every call.

        Columns: ``customer`` (categorical), ``start``, ``month`` (1 .. 12), ``demand_kwh``, ``pv_kwh``,
        ``controlled_load_kwh`` (if there is one), ``pv_capacity_kw``, ``quality``. Rows go by household, then
        by time.
        """
        import polars as pl  # noqa: PLC0415 - loaded only when a frame is asked for

        names = pl.Series("customer", self.customer_ids, dtype=pl.Categorical)
        columns = {"customer": names.gather(self._household_of_row()), **self._long_columns()}
        return self._add_month(pl.DataFrame(columns))

    @staticmethod
    def _add_month(frame: pl.DataFrame) -> pl.DataFrame:
        """Add the month of the year (1 .. 12) behind ``start``."""
        import polars as pl  # noqa: PLC0415 - loaded only when a frame is asked for

        month = frame["start"].dt.month().cast(pl.Int8).alias("month")
        return frame.insert_column(frame.columns.index("start") + 1, month)

    def to_pandas(self) -> pd.DataFrame:
        """Return `dataset` as a pandas frame. It is built from arrays, so pyarrow is not needed."""
        import pandas as pd  # noqa: PLC0415 - loaded only when a frame is asked for

        categories = pd.CategoricalDtype(list(self.customer_ids))
        customer = pd.Categorical.from_codes(self._household_of_row(), dtype=categories)
        frame = pd.DataFrame({"customer": customer, **self._long_columns()}, copy=False)
        frame.insert(2, "month", frame["start"].dt.month.astype("int8"))
        return frame

    def _household_of_row(self) -> npt.NDArray[np.int32]:
        return np.repeat(np.arange(self.num_households, dtype=np.int32), self.num_intervals)

    def _long_columns(self) -> dict[str, AnyArray]:
        """Return the columns of the tidy frame but customer and month, each (H·T,), by household."""
        columns: dict[str, AnyArray] = {
            "start": np.tile(self.calendar.start.astype("datetime64[us]"), self.num_households),
            "demand_kwh": self.demand.T.ravel(),
            "pv_kwh": self.pv.T.ravel(),
        }
        if self.controlled_load is not None:
            columns["controlled_load_kwh"] = self.controlled_load.T.ravel()
        columns["pv_capacity_kw"] = np.repeat(self.pv_capacity, self.num_intervals)
        columns["quality"] = self.quality.T.ravel()
        return columns


def _as_float32(values: npt.ArrayLike, name: str) -> Float32Array:
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite and is reported with its place
            return np.array(values, np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} is not a table of numbers: {error}") from None


def _read_only(values: AnyArray, dtype: npt.DTypeLike, shape: tuple[int, ...], name: str) -> AnyArray:
    with np.errstate(over="ignore"):
        array: AnyArray = np.ascontiguousarray(values, dtype).view()
    if array.shape != shape:
        raise DataError(f"{name} has the shape {np.shape(values)}; expected {shape}: intervals by households")
    array.flags.writeable = False
    return array


def _check_ids(ids: Sequence[str]) -> None:
    if not ids:
        raise DataError("the data has no household; select at least one")
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise DataError(f"customer {twice!r} appears twice; give every household its own name")


def _check_energy(energy: Float32Array, name: str, calendar: Calendar, ids: Sequence[str]) -> None:
    # read as whole numbers, float32 that are finite and not negative are those below infinity: one fast pass
    if energy.view(np.uint32).max() < _INFINITY_BITS:
        return
    faults = np.argwhere(~((energy >= 0) & (energy < np.inf)))
    if not len(faults):  # a negative zero
        return
    row, column = faults[0]
    raise DataError(
        f"{name} of customer {ids[column]} at {calendar.start[row]} is {energy[row, column]} kWh; "
        "expected a finite number >= 0"
    )


def _check_capacity(capacity: FloatArray, ids: Sequence[str]) -> None:
    wrong = ~((capacity >= 0) & (capacity < np.inf))
    if wrong.any():
        column = int(wrong.argmax())
        raise DataError(
            f"the PV capacity of customer {ids[column]} is {capacity[column]:g} kW; "
            "expected a finite number >= 0 (0 for a home without PV)"
        )
