"""Zero-intelligence-plus: a profit margin that learns from the last price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.policies.base import BidView, Memory, Outcome, Policy
from p2p_market.policies.options import check_number, check_range
from p2p_market.policies.roles import of_role, put_role
from p2p_market.types import FloatArray


@dataclass(frozen=True)
class Zip(Policy):
    r"""Keep a profit margin and move it towards the last published price: up after success, down after failure (ZIP).

    The limit price is :math:`p = \ell + \mu (e - \ell)` with the own value :math:`\ell` and the band's far end
    :math:`e`. After an interval with the published price :math:`q`, a seller

    * raises its margin if its price was below :math:`q`, or was :math:`q` and its order was wholly filled;
    * lowers it if its order was not wholly filled and its price was :math:`q` or more;

    and a buyer the other way round. Without trade nothing is published: the own order, refused, is the last shout that
    the household knows, and the margin falls. The margin moves by the rule of Widrow and Hoff with momentum,

    .. math:: \tau = R q + A w, \quad \Gamma \leftarrow \gamma \Gamma + (1 - \gamma) \beta (\tau - p), \quad
       p \leftarrow p + \Gamma,

    with :math:`w` the width of the band, :math:`R` drawn from :math:`[1, 1 + r]` and :math:`A` from :math:`[0, a]`
    where the price is to rise, :math:`R` from :math:`[1 - r, 1]` and :math:`A` from :math:`[-a, 0]` where it is to
    fall; the price stays between value and far end.

    Cliff's traders hear every shout of a continuous auction and whether it was accepted. A call auction publishes one
    price, which here stands for the last transaction, and tells each household its own fill, which stands for
    acceptance. Cliff measures margins in shares of the limit price, which is no measure where feed-in earns nothing;
    here it is shares of the distance to the band's far end, which is the same rule for prices while the tariff stays,
    and his constant ``A``, up to 5 cents in a market whose limits are 2.50 dollars apart, is a share of the band. A
    household that buys at one time and sells at another has a margin for each side.

    Parameters
    ----------
    margin
        Range of the first margin, in shares of the distance from the value to the band's far end.
    learning_rate, momentum
        Ranges of :math:`\beta` and :math:`\gamma`. Every household draws its own at the start of an episode.
    relative_step, absolute_step
        :math:`r`, and :math:`a` in shares of the band's width.

    References
    ----------
    .. [1] Cliff, D. (1997). Minimal-intelligence agents for bargaining behaviors in market-based environments.
       Technical report HPL-97-91, Hewlett-Packard Laboratories, section 4.
    .. [2] Cliff, D., Bruten, J. (1997). Zero not enough: on the lower limit of agent intelligence for continuous double
       auction markets. Technical report HPL-97-141, Hewlett-Packard Laboratories.
    """

    margin: tuple[float, float] = (0.05, 0.35)
    learning_rate: tuple[float, float] = (0.1, 0.5)
    momentum: tuple[float, float] = (0.0, 0.1)
    relative_step: float = 0.05
    absolute_step: float = 0.02

    num_draws = 2
    num_start_draws = 4
    knows = "own meter, tariff and fills; the last price, and whether anything was traded"

    def __post_init__(self) -> None:
        check_range("margin", self.margin, 0.0, 1.0)
        check_range("learning_rate", self.learning_rate, 0.0, 1.0)
        check_range("momentum", self.momentum, 0.0, 1.0)
        check_number("relative_step", self.relative_step, 0.0, 1.0)
        check_number("absolute_step", self.absolute_step, 0.0, 1.0)

    def start(self, draws: FloatArray, num_households: int) -> Memory:  # noqa: ARG002 (others need it)
        """Draw margins for both sides, learning rate and momentum."""
        return {
            "margin": _between(self.margin, draws[:, :2]),
            "change": np.zeros_like(draws[:, :2]),
            "learning_rate": _between(self.learning_rate, draws[:, 2]),
            "momentum": _between(self.momentum, draws[:, 3]),
        }

    def bid(self, view: BidView, memory: Memory) -> tuple[FloatArray, FloatArray]:
        """Bid the value with the margin on it, for the whole net load."""
        value = view.limit_price
        return value + of_role(memory["margin"], view) * (view.far_price - value), view.net_load

    def learn(self, view: BidView, outcome: Outcome, memory: Memory) -> Memory:
        """Move the margin of the side that the household was on."""
        price, _ = self.bid(view, memory)
        buys = view.net_load > 0.0
        has_traded = outcome.published_volume > 0.0
        last_price = np.where(has_traded, outcome.published_price, outcome.price)
        # on the seller's scale: how far the own price was beyond the last one
        beyond = np.where(buys, last_price - outcome.price, outcome.price - last_price)
        is_filled = has_traded & (np.abs(outcome.filled) >= np.abs(outcome.quantity))
        has_order = outcome.quantity != 0.0
        gains = has_order & has_traded & ((beyond < 0.0) | ((beyond == 0.0) & is_filled))
        yields = has_order & ~is_filled & (beyond >= 0.0)

        rises = np.where(buys, yields, gains)
        sign = np.where(rises, 1.0, -1.0)
        relative, absolute = self.relative_step * view.draws[:, 0], self.absolute_step * view.draws[:, 1]
        target = last_price * (1.0 + sign * relative) + sign * absolute * (view.price_high - view.price_low)
        momentum = memory["momentum"]
        change = momentum * of_role(memory["change"], view) + (1.0 - momentum) * memory["learning_rate"] * (
            target - price
        )
        value, room = view.limit_price, view.far_price - view.limit_price
        moves = (gains | yields) & (room != 0.0)
        margin = np.clip((price + change - value) / np.where(room != 0.0, room, 1.0), 0.0, 1.0)
        return {
            **memory,
            "margin": put_role(memory["margin"], margin, moves, view),
            "change": put_role(memory["change"], change, moves, view),
        }


def _between(ends: tuple[float, float], draws: FloatArray) -> FloatArray:
    return ends[0] + (ends[1] - ends[0]) * draws
