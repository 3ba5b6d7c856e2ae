"""The market's definitions as slow, obvious loops over exact fractions: what the fast code is compared with."""
