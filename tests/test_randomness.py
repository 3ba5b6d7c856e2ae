"""Random numbers of episodes, market by market."""

from __future__ import annotations

import numpy as np
import pytest

from p2p_market.randomness import STREAMS, join_episodes


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        ([[7, 8, 9], [4, 5, 6]], [[7, 8, 9], [1, 1, 0], [4, 5, 6]]),  # longer episodes than before
        ([[7], [4]], [[7, 0], [1, 1], [4, 0]]),  # shorter ones leave nothing of the old behind
    ],
)
def test_markets_that_start_anew_get_their_own_numbers_and_the_others_keep_theirs(
    drawn: list[list[int]], expected: list[list[int]]
) -> None:
    previous = np.array([[3, 3], [1, 1], [2, 2]])
    joined = join_episodes(previous, np.array(drawn), np.array([0, 2]))
    assert joined.tolist() == expected
    assert joined.dtype == previous.dtype
    assert previous.tolist() == [[3, 3], [1, 1], [2, 2]]


def test_streams_keep_their_places() -> None:
    """A stream's place seeds it, so that moving one would change every trajectory."""
    assert STREAMS[:5] == ("episode", "policy", "lots", "temperament", "devices")
