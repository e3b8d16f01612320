"""Bars, where they are read from, and how old they may be. Never trades, never asks a network."""
