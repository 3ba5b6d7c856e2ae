"""Feeder limits and losses in plain loops over fractions: slow, and easy to agree with."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor, inf


def share_out(amount: int, parts: Sequence[int]) -> list[int]:
    """Whole numbers in proportion to the parts that add up to the amount, by largest remainder."""
    if amount == 0:
        return [0] * len(parts)
    exact = [Fraction(amount * part, sum(parts)) for part in parts]
    given = [floor(share) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (given[i] - exact[i], i))
    for i in by_remainder[: amount - sum(given)]:
        given[i] += 1
    return given


def pro_rata(
    load: Sequence[int], feeder: Sequence[int], imports: Sequence[float], exports: Sequence[float]
) -> tuple[list[int], list[int]]:
    """What is curtailed and what is shed, in units, of one market."""
    curtailed, shed = [0] * len(load), [0] * len(load)
    for number, (most_in, most_out) in enumerate(zip(imports, exports, strict=True)):
        members = [i for i in range(len(load)) if feeder[i] == number]
        flow = sum(load[i] for i in members)
        if most_in != inf and flow > most_in:
            cuts = share_out(flow - int(most_in), [max(load[i], 0) for i in members])
            for i, cut in zip(members, cuts, strict=True):
                shed[i] = cut
        if most_out != inf and -flow > most_out:
            cuts = share_out(-flow - int(most_out), [max(-load[i], 0) for i in members])
            for i, cut in zip(members, cuts, strict=True):
                curtailed[i] = cut
    return curtailed, shed


def excess(
    load: Sequence[int], feeder: Sequence[int], imports: Sequence[float], exports: Sequence[float]
) -> list[Fraction]:
    """Each household's part in what flows beyond the limits, in units, of one market."""
    parts = [Fraction(0)] * len(load)
    for number, (most_in, most_out) in enumerate(zip(imports, exports, strict=True)):
        members = [i for i in range(len(load)) if feeder[i] == number]
        flow = sum(load[i] for i in members)
        for sign, most in ((1, most_in), (-1, most_out)):
            if most == inf or sign * flow <= most:
                continue
            causes = [i for i in members if sign * load[i] > 0]
            for i in causes:
                parts[i] = Fraction((sign * flow - int(most)) * sign * load[i], sum(sign * load[j] for j in causes))
    return parts


def lost(filled: Sequence[Fraction], feeder: Sequence[int], same: Fraction, other: Fraction) -> list[Fraction]:
    """What is lost of each household's trade: pairs are made on each feeder first, and what is left goes elsewhere."""
    inside = Fraction(0)
    for number in set(feeder):
        bought = sum((q for q, f in zip(filled, feeder, strict=True) if f == number and q > 0), Fraction(0))
        sold = sum((-q for q, f in zip(filled, feeder, strict=True) if f == number and q < 0), Fraction(0))
        inside += min(bought, sold)
    volume = sum((q for q in filled if q > 0), Fraction(0))
    if volume == 0:
        return [Fraction(0)] * len(filled)
    loss = same * inside + other * (volume - inside)
    return [loss * abs(q) / (2 * volume) for q in filled]
