"""Limits as pure functions of values. Knows no strategy: neither can special-case the other."""
