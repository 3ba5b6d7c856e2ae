"""Clear books with pymarket: ``pymarket_clear.py BOOKS.npz`` prints seconds a book and what was traded [kWh]."""

from __future__ import annotations

import json
import sys
import time
import warnings

import numpy as np
import pymarket


def main() -> None:
    """Every mechanism on every book; placing the bids is not timed."""
    warnings.simplefilter("ignore")  # of pandas, on calls that pymarket makes
    books = np.load(sys.argv[1])
    seconds, traded = {}, {}
    for mechanism in ("huang", "muda"):
        times, volume = [], 0.0
        for prices, quantities in zip(books["price"].tolist(), books["quantity"].tolist(), strict=True):
            market = pymarket.Market()
            for user, (price, quantity) in enumerate(zip(prices, quantities, strict=True)):
                market.accept_bid(abs(quantity), price, user, quantity > 0)
            start = time.process_time()
            transactions, _ = market.run(mechanism)
            times.append(time.process_time() - start)
            frame = transactions.get_df()
            volume += float(frame[frame.bid.isin([i for i, q in enumerate(quantities) if q > 0])].quantity.sum())
        seconds[mechanism], traded[mechanism] = float(np.median(times)), volume
    print(json.dumps({"seconds": seconds, "traded": traded}))


if __name__ == "__main__":
    main()
