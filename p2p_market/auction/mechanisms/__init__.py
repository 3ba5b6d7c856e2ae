"""Market mechanisms, a module a family and a function a mechanism; `MECHANISMS` finds them by name."""

from p2p_market.auction.mechanisms.alone import uniform_price_alone
from p2p_market.auction.mechanisms.base import Mechanism, Promises
from p2p_market.auction.mechanisms.clarke import vcg
from p2p_market.auction.mechanisms.continuous import continuous, continuous_pairs
from p2p_market.auction.mechanisms.double_auction import pairwise_midpoint, pay_as_bid, uniform_price
from p2p_market.auction.mechanisms.multi_unit import huang, muda
from p2p_market.auction.mechanisms.pool import bill_sharing, grid_only, mid_market_rate, supply_demand_ratio
from p2p_market.auction.mechanisms.unit import mcafee, sbba, trade_reduction
from p2p_market.registry import Registry

MECHANISMS: Registry[Mechanism] = Registry(
    "mechanism",
    {
        "uniform_price": Mechanism(
            uniform_price,
            Promises(individually_rational=True, budget="strong", efficient=True),
            alone=uniform_price_alone,
        ),
        "pay_as_bid": Mechanism(pay_as_bid, Promises(individually_rational=True, budget="weak", efficient=True)),
        "pairwise_midpoint": Mechanism(
            pairwise_midpoint, Promises(individually_rational=True, budget="strong", efficient=True)
        ),
        "trade_reduction": Mechanism(
            trade_reduction,
            Promises(
                individually_rational=True,
                budget="weak",
                truthful_in_price=True,
                truthful_in_quantity=True,
                split_independent=False,
                unit_lots=True,
            ),
        ),
        "mcafee": Mechanism(
            mcafee,
            Promises(
                individually_rational=True,
                budget="weak",
                truthful_in_price=True,
                truthful_in_quantity=True,
                split_independent=False,
                unit_lots=True,
            ),
        ),
        "sbba": Mechanism(
            sbba,
            Promises(
                individually_rational=True,
                budget="strong",
                truthful_in_price=True,
                truthful_in_quantity=True,
                split_independent=False,
                unit_lots=True,
                uses_random_numbers=True,
            ),
        ),
        "huang": Mechanism(
            huang,
            Promises(individually_rational=True, budget="weak", truthful_in_price=True, split_independent=False),
            takes_lots=True,
        ),
        "muda": Mechanism(
            muda,
            Promises(
                individually_rational=True,
                budget="weak",
                truthful_in_price=True,
                truthful_in_quantity=True,
                split_independent=False,
                uses_random_numbers=True,
            ),
        ),
        "vcg": Mechanism(
            vcg,
            Promises(
                individually_rational=True,
                budget="deficit",
                efficient=True,
                truthful_in_price=True,
                truthful_in_quantity=True,
                split_independent=False,
            ),
        ),
        "continuous": Mechanism(
            continuous,
            Promises(
                individually_rational=True,
                budget="strong",
                truthful_in_quantity=True,
                order_independent=False,
                split_independent=False,
            ),
            takes_lots=True,
            pairs=continuous_pairs,
            is_sequential=True,
        ),
        "mid_market_rate": Mechanism(
            mid_market_rate,
            Promises(individually_rational=True, budget="grid", truthful_in_price=True, truthful_in_quantity=True),
            is_pool=True,
        ),
        "supply_demand_ratio": Mechanism(
            supply_demand_ratio,
            Promises(individually_rational=True, budget="grid", truthful_in_price=True),
            is_pool=True,
        ),
        "bill_sharing": Mechanism(
            bill_sharing,
            Promises(individually_rational=False, budget="grid", truthful_in_price=True),
            is_pool=True,
        ),
        "grid_only": Mechanism(
            grid_only,
            Promises(individually_rational=True, budget="grid", truthful_in_price=True, truthful_in_quantity=True),
            is_pool=True,
        ),
    },
)

__all__ = ["MECHANISMS", "Mechanism", "Promises"]
