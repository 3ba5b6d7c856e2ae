"""Clear books with ASSUME: ``assume_clear.py BOOKS.npz`` prints seconds a book and what was traded [kWh]."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta

import numpy as np
from assume.common.market_objects import MarketConfig, MarketProduct
from assume.markets.clearing_algorithms import clearing_mechanisms
from dateutil.relativedelta import relativedelta
from dateutil.rrule import HOURLY, rrule

START = datetime(2013, 1, 1)
END = START + timedelta(minutes=30)


def main() -> None:
    """Both uniform and pay-as-bid clearing on every book; making the orders is not timed."""
    books = np.load(sys.argv[1])
    hours = rrule(HOURLY, dtstart=START, until=START + timedelta(days=1))
    half_hour = MarketProduct(duration=relativedelta(minutes=30), count=1)
    seconds, traded = {}, {}
    for mechanism in ("pay_as_clear", "pay_as_bid"):
        config = MarketConfig(opening_hours=hours, market_mechanism=mechanism, market_products=[half_hour])
        market = clearing_mechanisms[mechanism](config)
        times, volume = [], 0.0
        for prices, quantities in zip(books["price"].tolist(), books["quantity"].tolist(), strict=True):
            orders = [
                {
                    "start_time": START,
                    "end_time": END,
                    "only_hours": None,
                    "agent_addr": f"household_{i}",
                    "bid_id": f"household_{i}",
                    "price": price,
                    "volume": -quantity,
                }
                for i, (price, quantity) in enumerate(zip(prices, quantities, strict=True))
            ]
            start = time.process_time()
            _, _, meta, _ = market.clear(orders, [(START, END, None)])
            times.append(time.process_time() - start)
            volume += float(meta[0]["supply_volume"])
        seconds[mechanism], traded[mechanism] = float(np.median(times)), volume
    print(json.dumps({"seconds": seconds, "traded": traded}))


if __name__ == "__main__":
    main()
