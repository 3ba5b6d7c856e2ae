"""Who trades how much when neighbours share what they can at the least cost to the street."""

from __future__ import annotations

import numpy as np

from p2p_market.types import FloatArray


def match_efficiently(
    net_load: FloatArray, retail_price: FloatArray, feed_in_price: FloatArray, network_fee: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    r"""Match spare energy with need in every interval, so that the payments to grid and network are least.

    A kWh that a household with feed-in price :math:`\lambda_s` sells to one with retail price :math:`\lambda_b` saves
    the street :math:`\lambda_b - \lambda_s - f`. The sum is greatest at the price where demand, from the highest
    :math:`\lambda_b - f` down, meets supply, from the lowest :math:`\lambda_s` up: by linear programming duality the
    least of :math:`\sum_b q_b (\lambda_b - f - p)^+ + \sum_s q_s (p - \lambda_s)^+` over prices :math:`p`, a convex
    function with its breakpoints at the :math:`\lambda`. Of equal matches the largest is taken; those who are
    indifferent share pro rata. O(N log N) an interval.

    Parameters
    ----------
    net_load
        ``(T, N)`` [kWh] with the devices, > 0 needs energy; nobody trades more.
    retail_price, feed_in_price
        ``(T, N)`` [$/kWh].
    network_fee
        [$/kWh] on what is traded.

    Returns
    -------
    tuple of arrays
        What each buys and what each sells, ``(T, N)`` [kWh] each, both 0 or more.
    """
    need, spare = np.maximum(net_load, 0.0), np.maximum(-net_load, 0.0)
    worth = retail_price - network_fee
    price = _price_that_clears(need, spare, worth, feed_in_price)
    bought, sold = need * (worth > price), spare * (feed_in_price < price)
    more_bought, more_sold = need * (worth == price), spare * (feed_in_price == price)
    surely, perhaps = bought.sum(axis=1, keepdims=True), more_bought.sum(axis=1, keepdims=True)
    surely_sold, perhaps_sold = sold.sum(axis=1, keepdims=True), more_sold.sum(axis=1, keepdims=True)
    volume = np.minimum(surely + perhaps, surely_sold + perhaps_sold)
    bought = bought * _part(volume, surely) + more_bought * _part(volume - surely, perhaps)
    sold = sold * _part(volume, surely_sold) + more_sold * _part(volume - surely_sold, perhaps_sold)
    return bought, sold


def _price_that_clears(need: FloatArray, spare: FloatArray, worth: FloatArray, feed_in_price: FloatArray) -> FloatArray:
    """``(T, 1)`` [$/kWh] where the sum of gains, a convex function of the price, has its least value."""
    prices, quantities = np.concatenate([worth, feed_in_price], axis=1), np.concatenate([need, spare], axis=1)
    order = prices.argsort(axis=1)
    covered = np.take_along_axis(quantities, order, axis=1).cumsum(axis=1)
    demand = need.sum(axis=1, keepdims=True)
    # a sum in another order may fall short by its rounding, and without supply only the last place covers all demand
    first = np.minimum((covered < demand).sum(axis=1, keepdims=True), prices.shape[1] - 1)
    price: FloatArray = np.take_along_axis(np.take_along_axis(prices, order, axis=1), first, axis=1)
    return price


def _part(wanted: FloatArray, available: FloatArray) -> FloatArray:
    """Share 0 ... 1 of what is available that is wanted."""
    share: FloatArray = np.clip(wanted / np.where(available > 0.0, available, 1.0), 0.0, 1.0)
    return share
