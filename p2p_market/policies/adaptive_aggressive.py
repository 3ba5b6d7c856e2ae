"""Adaptive-aggressive bidding: how far from an estimate of the equilibrium price to bid, learned on two time scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.policies.base import BidView, Memory, Outcome, Policy
from p2p_market.policies.options import check_count, check_number, check_range
from p2p_market.policies.roles import of_role, put_role
from p2p_market.types import FloatArray

_THETA_STEP = 1e-6  # below, the curve is straight to rounding


@dataclass(frozen=True)
class AdaptiveAggressive(Policy):
    r"""Bid around an estimate of the equilibrium price, by an aggressiveness that learns from the last price (AA).

    The estimate :math:`p^*` is the mean of the last published prices, the newest weighted 1 and each older one
    :math:`\rho` times the next. With the own value :math:`\ell`, the band's far end :math:`e` and the aggressiveness
    :math:`r` from -1 to 1, a household bids

    .. math::
       p = b + (e - b)\, h(-r) \quad (r < 0), \qquad p = b + (\ell - b)\, h(r) \quad (r \ge 0), \qquad
       h(x) = \frac{e^{x \theta} - 1}{e^\theta - 1},

    where :math:`b` is :math:`p^*`, or :math:`\ell` where the household cannot afford :math:`p^*` (is extra-marginal):
    at -1 it insists on the far end, at 0 it bids the estimate, at 1 its value. After an interval with the published
    price :math:`q`, the aggressiveness that would have bid :math:`q` is :math:`r_q`, and

    .. math:: r \leftarrow r + \beta_1 (r_q \pm (\lambda_r |r_q| + \lambda_a) - r),

    minus where the own price was better than :math:`q`, or was :math:`q` and the order was wholly filled; plus where it
    was not. The curve's :math:`\theta` follows the volatility of prices,

    .. math:: \theta \leftarrow \theta + \beta_2 (\theta^* - \theta), \quad
       \theta^* = \theta_{min} + (\theta_{max} - \theta_{min}) (1 - a e^{\gamma (a - 1)}),

    with :math:`a` the root mean square distance of the last prices from :math:`p^*`, as a place between the smallest
    and the largest so far.

    The published rule steps from the best quote of a continuous auction towards its target; a sealed bid is the target
    itself. One published price an interval stands for the transactions, and an interval without trade for the refusal
    of the own order: aggressiveness rises. The published aim is :math:`(1 \pm \lambda_r) r_q \pm \lambda_a`, by which a
    passive household that is to bid more would bid less; hence the absolute value. Prices are remembered as places in
    their own band, since the band moves with the tariffs; before any trade the estimate is the band's middle.
    Volatility is in shares of the band, where Smith's is in shares of :math:`p^*`, and one :math:`\theta` serves both
    sides of :math:`r = 0`.

    Parameters
    ----------
    num_prices
        How many published prices the estimate and the volatility are made of.
    decay
        :math:`\rho`.
    short_rate, long_rate
        Ranges of :math:`\beta_1` and :math:`\beta_2`. Every household draws its own at the start of an episode.
    relative_step, absolute_step
        :math:`\lambda_r` and :math:`\lambda_a`.
    theta, theta_range
        Where :math:`\theta` starts, and its range.
    gamma
        :math:`\gamma`.

    References
    ----------
    .. [1] Vytelingum, P. (2006). The structure and behaviour of the continuous double auction. PhD thesis, University
       of Southampton, chapter 5.
    .. [2] Vytelingum, P., Cliff, D., Jennings, N. R. (2008). Strategic bidding in continuous double auctions.
       Artificial Intelligence 172(14).
    """

    num_prices: int = 5
    decay: float = 0.9
    short_rate: tuple[float, float] = (0.2, 0.6)
    long_rate: tuple[float, float] = (0.2, 0.6)
    relative_step: float = 0.02
    absolute_step: float = 0.01
    theta: float = -4.0
    theta_range: tuple[float, float] = (-8.0, 2.0)
    gamma: float = 2.0

    num_start_draws = 2
    knows = "own meter, tariff and fills; the last price, and whether anything was traded"

    def __post_init__(self) -> None:
        check_count("num_prices", self.num_prices, 1, 1000)
        check_number("decay", self.decay, 0.0, 1.0)
        check_range("short_rate", self.short_rate, 0.0, 1.0)
        check_range("long_rate", self.long_rate, 0.0, 1.0)
        check_number("relative_step", self.relative_step, 0.0, 1.0)
        check_number("absolute_step", self.absolute_step, 0.0, 1.0)
        check_range("theta_range", self.theta_range, -50.0, 50.0)
        check_number("gamma", self.gamma, 0.0, 50.0)
        low, high = self.theta_range
        check_number("theta", self.theta, low, high)

    def start(self, draws: FloatArray, num_households: int) -> Memory:  # noqa: ARG002 (others need it)
        """Know no price yet, bid the estimate, and draw the learning rates."""
        num_markets, num_followers = draws.shape[0], draws.shape[2]
        rates = np.array([self.short_rate, self.long_rate])
        return {
            "place": np.full((num_markets, self.num_prices), np.nan),  # of the last prices in their bands, newest first
            "volatility_low": np.full(num_markets, np.inf),
            "volatility_high": np.full(num_markets, -np.inf),
            "aggressiveness": np.zeros((num_markets, 2, num_followers)),
            "theta": np.full((num_markets, num_followers), self.theta),
            "rate": rates[:, :1] + (rates[:, 1:] - rates[:, :1]) * draws,
        }

    def bid(self, view: BidView, memory: Memory) -> tuple[FloatArray, FloatArray]:
        """Bid the price that the aggressiveness stands for, for the whole net load."""
        aggressiveness, theta = of_role(memory["aggressiveness"], view), memory["theta"]
        value, base = _value_and_base(view, self._estimate(memory["place"]))
        towards = np.where(aggressiveness < 0.0, 0.0, value)
        place = base + (towards - base) * _curve(np.abs(aggressiveness), theta)
        return _to_price(view, place), view.net_load

    def learn(self, view: BidView, outcome: Outcome, memory: Memory) -> Memory:
        """Learn the price, then the aggressiveness of the side that the household was on, then the curve."""
        has_traded = outcome.published_volume > 0.0  # (B, 1)
        newest = _share_of_band(view, outcome.published_price)
        places = np.where(has_traded, np.concatenate([newest, memory["place"][:, :-1]], axis=1), memory["place"])
        estimate = self._estimate(places)

        theta = memory["theta"]
        value, base = _value_and_base(view, estimate)
        own = _mirrored(view, _share_of_band(view, outcome.price))
        last = np.where(has_traded, _mirrored(view, newest), own)
        better = (own > last) | ((own == last) & has_traded & (np.abs(outcome.filled) >= np.abs(outcome.quantity)))
        sign = np.where(better, -1.0, 1.0)
        below = last < base
        reach = np.where(below, base, value - base)
        distance = np.abs(last - base) / np.where(reach > 0.0, reach, 1.0)
        needed = _inverse_curve(np.where(reach > 0.0, np.minimum(distance, 1.0), 0.0), theta)
        needed = np.where(below, -needed, needed)
        aim = needed + sign * (self.relative_step * np.abs(needed) + self.absolute_step)
        present = of_role(memory["aggressiveness"], view)
        aggressiveness = np.clip(present + memory["rate"][:, 0] * (aim - present), -1.0, 1.0)

        volatility = self._volatility(places, estimate)[:, None]
        low = np.where(has_traded, np.minimum(memory["volatility_low"][:, None], volatility), np.inf)
        high = np.where(has_traded, np.maximum(memory["volatility_high"][:, None], volatility), -np.inf)
        spread = high - low
        scaled = np.where(spread > 0.0, (volatility - low) / np.where(spread > 0.0, spread, 1.0), 0.5)
        theta_low, theta_high = self.theta_range
        aim_theta = theta_low + (theta_high - theta_low) * (1.0 - scaled * np.exp(self.gamma * (scaled - 1.0)))
        return {
            **memory,
            "place": places,
            "volatility_low": np.where(has_traded[:, 0], low[:, 0], memory["volatility_low"]),
            "volatility_high": np.where(has_traded[:, 0], high[:, 0], memory["volatility_high"]),
            "aggressiveness": put_role(memory["aggressiveness"], aggressiveness, outcome.quantity != 0.0, view),
            "theta": np.where(has_traded, theta + memory["rate"][:, 1] * (aim_theta - theta), theta),
        }

    def _estimate(self, places: FloatArray) -> FloatArray:
        """Weighted mean of the last prices ``(B, 1)``, as a place in the band; its middle where there are none."""
        known = ~np.isnan(places)
        weight = np.where(known, np.float64(self.decay) ** np.arange(self.num_prices), 0.0)
        total = weight.sum(axis=1, keepdims=True)
        mean = np.where(known, weight * np.where(known, places, 0.0), 0.0).sum(axis=1, keepdims=True)
        return np.where(total > 0.0, mean / np.where(total > 0.0, total, 1.0), 0.5)

    def _volatility(self, places: FloatArray, estimate: FloatArray) -> FloatArray:
        """Root mean square distance of the last prices from the estimate ``(B,)``, in shares of the band."""
        known = ~np.isnan(places)
        squares = np.where(known, (np.where(known, places, 0.0) - estimate) ** 2, 0.0)
        mean: FloatArray = squares.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        return np.sqrt(mean)


def _share_of_band(view: BidView, price: FloatArray) -> FloatArray:
    """Prices as places in the band, 0 at its low end and 1 at its high end."""
    width = view.price_high - view.price_low
    return np.where(width > 0.0, np.clip((price - view.price_low) / np.where(width > 0.0, width, 1.0), 0.0, 1.0), 0.0)


def _mirrored(view: BidView, place: FloatArray) -> FloatArray:
    """Places as seen from the household's far end, so that sellers and buyers follow one formula ``(B, L)``."""
    return np.where(view.net_load > 0.0, place, 1.0 - place)


def _to_price(view: BidView, place: FloatArray) -> FloatArray:
    """Prices of places as seen from the far end, never worse than the own value."""
    price = view.price_low + np.where(view.net_load > 0.0, place, 1.0 - place) * (view.price_high - view.price_low)
    return np.where(view.net_load > 0.0, np.minimum(price, view.retail_price), np.maximum(price, view.feed_in_price))


def _value_and_base(view: BidView, estimate: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The own value, and what an aggressiveness of 0 bids, as places seen from the far end ``(B, L)``."""
    value = _mirrored(view, _share_of_band(view, view.limit_price))
    return value, np.minimum(_mirrored(view, estimate), value)


def _curve(share: FloatArray, theta: FloatArray) -> FloatArray:
    straight = np.abs(theta) < _THETA_STEP
    safe = np.where(straight, 1.0, theta)
    return np.where(straight, share, np.expm1(share * safe) / np.expm1(safe))


def _inverse_curve(height: FloatArray, theta: FloatArray) -> FloatArray:
    straight = np.abs(theta) < _THETA_STEP
    safe = np.where(straight, 1.0, theta)
    return np.where(straight, height, np.log1p(height * np.expm1(safe)) / safe)
