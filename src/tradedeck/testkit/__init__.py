"""Fakes that keep the promises of the real parts: for tests, simulations and demonstrations."""
