"""The vocabulary everything shares: instruments, bars, orders, fills, positions. Pure values."""
