"""The auction house: orders, the sorted book, mechanisms, the context of one auction, the market operator."""
