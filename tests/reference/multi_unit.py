"""huang, muda and vcg by their definitions, every counterfactual market solved again; exact.

What a draw d in [0, 1) decides in muda: d < 1/2 puts the household into the left half, and the fraction of 2 d is its
ticket in the queue of the longer side, lowest first. A household's draw is that of its first order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from reference.double_auction import Decision, Mechanism
from reference.efficient import Orders, Ties, fill, largest_volume, margins

ZERO = Fraction(0)
Draws = Mapping[int, Fraction]
Households = Mapping[int, int]  # order -> household


def efficient_fill(bids: Orders, asks: Orders, ties: Ties = "prorata") -> dict[int, Fraction]:
    volume = largest_volume(bids, asks)
    if volume == 0:
        return dict.fromkeys((*bids, *asks), ZERO)
    return fill(bids, "bid", volume, ties) | fill(asks, "ask", volume, ties)


def equal_burden(sizes: dict[int, Fraction], surplus: Fraction) -> dict[int, Fraction]:
    """Everybody gives up the same; who has less than that gives up all, and the others share what is missing."""
    left = dict(sizes)
    giving = [i for i in left if left[i] > 0]
    while surplus > 0:
        share = surplus / len(giving)
        poor = [i for i in giving if left[i] <= share]
        for i in poor or giving:
            given = min(left[i], share)
            left[i] -= given
            surplus -= given
        if not poor:
            break
        giving = [i for i in giving if left[i] > 0]
    return left


def huang(drop: str = "level", draw: Draws | None = None) -> Mechanism:
    """Without the marginal bid and ask, which set the prices; the longer side bears its surplus equally."""

    def before_last(orders: Orders, side: str, volume: Fraction) -> tuple[dict[int, Fraction], Fraction]:
        sign = -1 if side == "bid" else 1
        queue = sorted(orders, key=lambda i: (sign * orders[i][0], 0 if draw is None else draw[i]))
        passed, last = ZERO, 0
        while passed < volume:
            passed += orders[queue[last]][1]
            last += 1
        marginal = orders[queue[last - 1]][0]
        if drop == "level":
            return {i: orders[i][1] for i in queue[:last] if orders[i][0] != marginal}, marginal
        return {i: orders[i][1] for i in queue[: last - 1]}, marginal

    def decide(bids: Orders, asks: Orders) -> Decision:
        volume = largest_volume(bids, asks)
        if volume == 0:
            return Decision({}, {})
        buyers, high = before_last(bids, "bid", volume)
        sellers, low = before_last(asks, "ask", volume)
        demand, supply = sum(buyers.values(), ZERO), sum(sellers.values(), ZERO)
        reduced = min(demand, supply)
        filled = equal_burden(buyers, demand - reduced) | equal_burden(sellers, supply - reduced)
        return Decision(filled, dict.fromkeys(bids, high) | dict.fromkeys(asks, low))

    return decide


def vcg(household: Households | None = None, ties: Ties = "prorata") -> Mechanism:
    """The efficient trades; pay_i = W(without i) - (W - v_i), by solving the market again without each household."""

    def welfare(bids: Orders, asks: Orders) -> Fraction:
        filled = efficient_fill(bids, asks)
        return sum((p * filled[i] for i, (p, _) in bids.items()), ZERO) - sum(
            (p * filled[i] for i, (p, _) in asks.items()), ZERO
        )

    def decide(bids: Orders, asks: Orders) -> Decision:
        owner = {i: i if household is None else household[i] for i in (*bids, *asks)}
        filled = efficient_fill(bids, asks, ties)
        prices: dict[int, Fraction] = {}
        for trader in set(owner.values()):
            own = [i for i in owner if owner[i] == trader]
            traded = sum((filled[i] for i in own), ZERO)
            if traded == 0:
                continue
            value = sum(((bids[i][0] if i in bids else -asks[i][0]) * filled[i] for i in own), ZERO)
            others = [{i: order for i, order in side.items() if owner[i] != trader} for side in (bids, asks)]
            pays = welfare(*others) - (welfare(bids, asks) - value)
            for i in own:
                prices[i] = pays / traded if i in bids else -pays / traded
        return Decision({i: filled[i] for i in filled if filled[i] > 0}, prices)

    return decide


def muda(long_side: str, draw: Draws, household: Households | None = None) -> Mechanism:
    """Each half trades at the price of the other half."""

    def decide(bids: Orders, asks: Orders) -> Decision:
        everybody = (*bids, *asks)
        owner = {i: i if household is None else household[i] for i in everybody}
        first = {h: min(i for i in draw if (i if household is None else household[i]) == h) for h in owner.values()}
        lot = {i: draw[first[owner[i]]] for i in everybody}
        halves = []
        for is_left in (True, False):
            own = [{i: side[i] for i in side if (lot[i] < Fraction(1, 2)) == is_left} for side in (bids, asks)]
            halves.append((own[0], own[1]))
        ticket = {i: 2 * lot[i] % 1 for i in everybody}
        decision = Decision({}, {})
        for here, there in (halves, halves[::-1]):
            posted = middle_price(*there)
            if posted is None:
                continue
            buyers = {i: order for i, order in here[0].items() if order[0] >= posted}
            sellers = {i: order for i, order in here[1].items() if order[0] <= posted}
            volume = min(sum((q for _, q in side.values()), ZERO) for side in (buyers, sellers))
            for side, members in (("bid", buyers), ("ask", sellers)):
                serve = _lottery(ticket) if long_side == "lottery" else _vickrey(owner)
                filled, price = serve(members, side, volume, posted)
                decision.filled |= filled
                decision.price |= price
        return decision

    return decide


def middle_price(bids: Orders, asks: Orders) -> Fraction | None:
    """Middle of the prices at which a half clears, with or without trade; its only end; or none."""
    filled = efficient_fill(bids, asks)
    if any(filled.values()):
        (p_b, n_b), (p_a, n_a) = margins(bids, "bid", filled), margins(asks, "ask", filled)
    else:
        p_b, p_a = None, None
        n_b, n_a = max((p for p, _ in bids.values()), default=None), min((p for p, _ in asks.values()), default=None)
    low = max((p for p in (p_a, n_b) if p is not None), default=None)
    high = min((p for p in (p_b, n_a) if p is not None), default=None)
    if low is None or high is None:
        return high if low is None else low
    return (low + high) / 2


Serve = Callable[[Orders, str, Fraction, Fraction], tuple[dict[int, Fraction], dict[int, Fraction]]]


def _lottery(ticket: Mapping[int, Fraction]) -> Serve:
    def serve(members, side, volume, posted):
        sign = -1 if side == "bid" else 1
        filled = {}
        for i in sorted(members, key=lambda i: (ticket[i], sign * members[i][0])):
            filled[i] = min(members[i][1], volume)
            volume -= filled[i]
        return filled, dict.fromkeys(members, posted)

    return serve


def _vickrey(owner: Mapping[int, int]) -> Serve:
    """Serve the best; what nobody wants is worth the posted price; all pay what they take from the others."""

    def worth(members, side, volume, posted):
        served = min(volume, sum((q for _, q in members.values()), ZERO))
        filled = fill(members, side, served, "prorata") if served > 0 else dict.fromkeys(members, ZERO)
        return filled, sum((members[i][0] * filled[i] for i in members), ZERO) + posted * (volume - served)

    def serve(members, side, volume, posted):
        filled, total = worth(members, side, volume, posted)
        price = {}
        for trader in {owner[i] for i in members}:
            own = [i for i in members if owner[i] == trader]
            traded = sum((filled[i] for i in own), ZERO)
            without = {i: order for i, order in members.items() if owner[i] != trader}
            own_worth = sum((members[i][0] * filled[i] for i in own), ZERO)
            for i in own if traded > 0 else []:
                price[i] = (worth(without, side, volume, posted)[1] - (total - own_worth)) / traded
        return filled, price

    return serve
