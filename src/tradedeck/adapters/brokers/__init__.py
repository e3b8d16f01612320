"""Brokers, one folder each. Nothing but a runner's or guard's wiring imports them."""
