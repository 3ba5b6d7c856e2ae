"""Household time series: containers, readers, and a synthetic community."""
