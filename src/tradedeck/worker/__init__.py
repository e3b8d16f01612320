"""Bounded jobs, and the backtest that a person runs on the host. Holds no trading credential."""
