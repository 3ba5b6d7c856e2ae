"""Key figures of how a market works: its price, its liquidity, the street's load, fairness, and market power.

Formulas over recorded columns ``(T, B, N)`` and ``(T, B)``; each figure is worked out by market, and the mean over
those markets is given in which it has a meaning.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from p2p_market.types import FloatArray

_NOISE = 1e-9  # [kWh] or [$]: what is not more is nothing


def price_figures(price: FloatArray, traded: FloatArray, low: FloatArray, high: FloatArray) -> dict[str, float]:
    r"""Volatility of the price, and Smith's alpha.

    Parameters
    ----------
    price, traded
        ``(T, B)`` [$/kWh] and [kWh] of every interval; price nan without trade.
    low, high
        ``(T, B)`` [$/kWh] reference price: ends of what is a competitive price, nan where there is none.

    Returns
    -------
    dict
        ``price_volatility_dollars_per_kwh``: standard deviation over intervals with trade, weighted by volume.
        ``smiths_alpha``: :math:`\sqrt{\sum q_t (p_t - p^*_t)^2 / \sum q_t} / (\sum q_t p^*_t / \sum q_t)`, with the
        competitive price :math:`p^*` nearest to the price [1]_; 0 where all trade is at competitive prices.

    References
    ----------
    .. [1] V. L. Smith, "An experimental study of competitive market behavior", Journal of Political Economy 70(2),
       1962, 111-137.
    """
    weight = np.where((traded > _NOISE) & np.isfinite(price), traded, 0.0)
    paid = np.where(weight > 0.0, price, 0.0)
    mean = _over((weight * paid).sum(axis=0), weight.sum(axis=0))
    spread = np.sqrt(_over((weight * (paid - mean) ** 2).sum(axis=0), weight.sum(axis=0)))
    compared = np.where(np.isfinite(low) & np.isfinite(high), weight, 0.0)
    nearest = np.where(compared > 0.0, np.clip(paid, low, high), 0.0)
    squared = _over((compared * (paid - nearest) ** 2).sum(axis=0), compared.sum(axis=0))
    alpha = _over(np.sqrt(squared), _over((compared * nearest).sum(axis=0), compared.sum(axis=0)))
    return {"price_volatility_dollars_per_kwh": _mean(spread), "smiths_alpha": _mean(alpha)}


def liquidity(net_load: FloatArray, filled: FloatArray) -> dict[str, float]:
    """``liquidity``: energy traded over the smaller of all needs and all surplus, interval by interval."""
    needed, spare = np.maximum(net_load, 0.0).sum(axis=2), np.maximum(-net_load, 0.0).sum(axis=2)
    tradable = np.minimum(needed, spare).sum(axis=0)
    return {"liquidity": _mean(_over(np.maximum(filled, 0.0).sum(axis=(0, 2)), tradable))}


def load_figures(net_load: FloatArray, interval_hours: float) -> dict[str, float]:
    """What the street's feeder sees, neighbours' trades cancelled.

    Parameters
    ----------
    net_load
        ``(T, B, N)`` [kWh] devices included.
    interval_hours
        Length of an interval [h].

    Returns
    -------
    dict
        ``peak_to_average``: largest over mean import power of the feeder; nan without import. ``ramping_kw``: mean
        change of its power, up or down, from an interval to the next.
    """
    power = net_load.sum(axis=2) / interval_hours
    drawn = np.maximum(power, 0.0)
    ramp = np.abs(np.diff(power, axis=0)).mean(axis=0) if len(power) > 1 else np.full(power.shape[1], np.nan)
    return {"peak_to_average": _mean(_over(drawn.max(axis=0), drawn.mean(axis=0))), "ramping_kw": _mean(ramp)}


def fairness(saving: FloatArray) -> dict[str, float]:
    r"""How evenly savings are spread over households.

    Parameters
    ----------
    saving
        ``(B, N)`` [$] of every household; losses count as 0 in all but the quality of experience.

    Returns
    -------
    dict
        With savings :math:`x_i \ge 0` of mean :math:`\bar x`: ``gini``
        :math:`\sum_i \sum_j |x_i - x_j| / (2 N^2 \bar x)`, 0 where all are equal; ``jain``
        :math:`(\sum_i x_i)^2 / (N \sum_i x_i^2)` [1]_, 1 where all are equal; ``max_min_share`` the smallest over the
        mean. ``quality_of_experience`` is :math:`1 - 2 \sigma / (\max_i x_i - \min_i x_i)` [2]_ of savings and losses,
        1 where all are equal. nan where nobody saves, and 1 for the last where all have the same.

    References
    ----------
    .. [1] R. Jain, D. Chiu and W. Hawe, "A quantitative measure of fairness and discrimination for resource allocation
       in shared computer systems", DEC Research Report TR-301, 1984.
    .. [2] T. Hossfeld, L. Skorin-Kapov, P. E. Heegaard and M. Varela, "Definition of QoE fairness in shared systems",
       IEEE Communications Letters 21(1), 2017, 184-187; here with the spread of the savings as the scale.
    """
    gain, num = np.where(saving > _NOISE, saving, 0.0), saving.shape[1]
    total = gain.sum(axis=1)
    rank = 2.0 * np.arange(1, num + 1) - num - 1.0
    width = saving.max(axis=1) - saving.min(axis=1)
    quality = np.where(width > _NOISE, 1.0 - 2.0 * _over(saving.std(axis=1), width), 1.0)
    return {
        "gini": _mean(_over((rank * np.sort(gain, axis=1)).sum(axis=1), num * total)),
        "jain": _mean(_over(total**2, num * (gain**2).sum(axis=1))),
        "max_min_share": _mean(_over(num * gain.min(axis=1), total)),
        "quality_of_experience": _mean(quality),
    }


def market_power(columns: Mapping[str, FloatArray], price: FloatArray) -> dict[str, float]:
    r"""What sellers hold back, what they get above their value, and how few they are.

    Parameters
    ----------
    columns
        Recorded ``(T, B, N)``: net load, order and fill [kWh], and feed-in price [$/kWh].
    price
        ``(T, B)`` [$/kWh] nan without trade.

    Returns
    -------
    dict
        ``withheld_share``: surplus that is not offered over all surplus. ``price_cost_margin``: the Lerner index
        :math:`(p - c) / p` of the energy sold, ``c`` being the seller's own feed-in price, sums over the run.
        ``seller_concentration``: Herfindahl index :math:`\sum_i s_i^2` of the sellers' shares in all energy sold, 1
        for a single seller.
    """
    net_load, order, filled = (columns[name] for name in ("net_load_kwh", "order_kwh", "filled_kwh"))
    spare, offered, sold = (np.maximum(-values, 0.0) for values in (net_load, order, filled))
    withheld = np.maximum(spare - offered, 0.0).sum(axis=(0, 2))
    by_seller = sold.sum(axis=0)
    revenue = (np.nan_to_num(price) * sold.sum(axis=2)).sum(axis=0)
    value = (columns["feed_in_price_dollars_per_kwh"] * sold).sum(axis=(0, 2))
    return {
        "withheld_share": _mean(_over(withheld, spare.sum(axis=(0, 2)))),
        "price_cost_margin": _mean(_over(revenue - value, revenue)),
        "seller_concentration": _mean(_over((by_seller**2).sum(axis=1), by_seller.sum(axis=1) ** 2)),
    }


def _over(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part over whole, nan where the whole is nothing."""
    has_whole = whole > 0.0
    return np.where(has_whole, part / np.where(has_whole, whole, 1.0), np.nan)


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
