"""Missing intervals: what each policy does, and the fill against a slow reading of its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2p_market.data.calendar import Calendar
from p2p_market.data.gaps import Quality
from p2p_market.data.missing import NUM_DONORS, POLICIES, Series, settle_missing
from p2p_market.errors import DataError, UnknownNameError


def make(missing: np.ndarray, interval_minutes: int = 60, seed: int = 0) -> Series:
    """Homes "a", "b", … with random demand; ``missing`` (T, H) readings are gone."""
    rng = np.random.default_rng(seed)
    energy = rng.integers(1, 100, missing.shape).astype(np.float32)
    energy[missing] = 0
    return Series(
        calendar=Calendar.regular("2012-07-01", len(missing), interval_minutes),
        customer_ids=tuple("abcdefgh"[: missing.shape[1]]),
        energy={"GC": energy, "GG": energy / 2},
        missing={"GC": missing.copy()} if missing.any() else {},
        capacity=np.arange(missing.shape[1], dtype=float),
        quality=np.zeros(missing.shape, np.uint8),
    )


def fill_by_definition(values: np.ndarray, missing: np.ndarray, slots: int) -> np.ndarray:
    """The documented fill, one reading after the other."""
    result = values.astype(float)
    for row in np.flatnonzero(missing):
        for period in (7 * slots, slots):
            donors = []
            for step in range(1, len(values) // period + 1):
                for other in (row - step * period, row + step * period):
                    if 0 <= other < len(values) and not missing[other] and len(donors) < NUM_DONORS:
                        donors.append(values[other])
            if donors:
                result[row] = np.median(donors)
                break
    return result


@settings(max_examples=25, deadline=None)
@given(days=st.integers(8, 40), seed=st.integers(0, 10_000), share=st.floats(0.02, 0.8), extra=st.integers(0, 23))
def test_fill_is_the_median_of_the_nearest_weeks(days: int, seed: int, share: float, extra: int) -> None:
    rng = np.random.default_rng(seed)
    num_intervals = days * 24 + extra
    missing = rng.random((num_intervals, 2)) < share
    # whole days missing in a row, as the real gaps are
    missing[24 * 2 : 24 * int(rng.integers(3, days))] |= rng.random(2) < 0.5
    missing[:24] = False
    series = make(missing, seed=seed)
    before = {name: values.copy() for name, values in series.energy.items()}
    filled, report = settle_missing(series, "fill", slice(0, num_intervals))
    for column in range(2):
        expected = fill_by_definition(before["GC"][:, column], missing[:, column], 24)
        np.testing.assert_allclose(filled.energy["GC"][:, column], expected, rtol=1e-6)
    np.testing.assert_array_equal(filled.quality == Quality.FILLED, missing)
    np.testing.assert_array_equal(filled.energy["GG"], before["GG"])
    assert report.num_intervals == missing.sum()
    assert not any(mask.any() for mask in filled.missing.values())


def one_missing_day() -> np.ndarray:
    missing = np.zeros((24 * 21, 3), bool)
    missing[24 * 4 : 24 * 5, 1] = True
    return missing


def test_error_tells_what_is_missing_and_what_to_do() -> None:
    with pytest.raises(DataError) as caught:
        settle_missing(make(one_missing_day()), "error", slice(None))
    message = str(caught.value)
    assert "24 readings are missing in 1 gap(s), 1 customer(s)" in message
    assert "customer b: GC from 2012-07-05T00:00 to 2012-07-06T00:00 (24 intervals)" in message
    assert "set missing to 'drop'" in message


def test_only_the_chosen_intervals_count_and_the_others_help_to_fill() -> None:
    before = settle_missing(make(one_missing_day()), "error", slice(0, 24 * 4))
    assert not before[1]
    inside = slice(24 * 4, 24 * 5)
    filled, report = settle_missing(make(one_missing_day()), "fill", inside)
    assert report.num_intervals == 24
    assert (filled.energy["GC"][:, 1] > 0).all()


def test_drop_leaves_the_household_out() -> None:
    series = make(one_missing_day())
    kept, report = settle_missing(series, "drop", slice(None))
    assert kept.customer_ids == ("a", "c")
    assert kept.capacity.tolist() == [0, 2]
    assert report.customers == ("b",)
    assert report.policy == "drop"
    np.testing.assert_array_equal(kept.energy["GC"], series.energy["GC"][:, [0, 2]])


def test_skip_days_leaves_the_day_out_for_everybody() -> None:
    series = make(one_missing_day())
    kept, report = settle_missing(series, "skip_days", slice(None))
    assert len(kept.calendar) == 24 * 20
    assert "2012-07-05" not in set(kept.calendar.day.astype(str))
    assert kept.customer_ids == ("a", "b", "c")
    assert len(report) == 1


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("drop", "every household lacks intervals, so dropping leaves none: 3 readings"),
        ("skip_days", "on every day some household lacks intervals.* drop or fill instead"),
        ("fill", r"customer a has no reading of GC from which 3 missing intervals could be filled; drop"),
    ],
)
def test_a_policy_that_leaves_nothing_is_an_error(policy: str, message: str) -> None:
    missing = np.zeros((72, 1), bool)
    missing[[5, 29, 53]] = True
    with pytest.raises(DataError, match=message):
        settle_missing(make(missing), policy, slice(None))


@pytest.mark.parametrize("policy", POLICIES)
def test_complete_data_passes_every_policy_unchanged(policy: str) -> None:
    series = make(np.zeros((48, 2), bool))
    settled, report = settle_missing(series, policy, slice(24, 48))
    assert not report
    np.testing.assert_array_equal(settled.energy["GC"], series.energy["GC"][24:48])


def test_an_unknown_policy_is_named() -> None:
    with pytest.raises(UnknownNameError, match="known: drop, error, fill, skip_days"):
        settle_missing(make(one_missing_day()), "interpolate", slice(None))
