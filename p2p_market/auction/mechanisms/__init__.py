"""Market mechanisms, a module a family and a function a mechanism; `MECHANISMS` finds them by name."""

from p2p_market.auction.mechanisms.base import Mechanism, Promises
from p2p_market.auction.mechanisms.double_auction import pairwise_midpoint, pay_as_bid, uniform_price
from p2p_market.auction.mechanisms.pool import grid_only
from p2p_market.registry import Registry

MECHANISMS: Registry[Mechanism] = Registry(
    "mechanism",
    {
        "uniform_price": Mechanism(
            uniform_price,
            Promises(
                individually_rational=True,
                budget="strong",
                efficient=True,
                truthful_in_price=False,
                truthful_in_quantity=False,
            ),
        ),
        "pay_as_bid": Mechanism(
            pay_as_bid,
            Promises(
                individually_rational=True,
                budget="weak",
                efficient=True,
                truthful_in_price=False,
                truthful_in_quantity=False,
            ),
        ),
        "pairwise_midpoint": Mechanism(
            pairwise_midpoint,
            Promises(
                individually_rational=True,
                budget="strong",
                efficient=True,
                truthful_in_price=False,
                truthful_in_quantity=False,
            ),
        ),
        "grid_only": Mechanism(
            grid_only,
            Promises(
                individually_rational=True,
                budget="grid",
                efficient=False,
                truthful_in_price=True,
                truthful_in_quantity=True,
            ),
            is_pool=True,
        ),
    },
)

__all__ = ["MECHANISMS", "Mechanism", "Promises"]
