"""Exact amounts. Decimals in, Decimals out; a float never becomes money silently."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
LEDGER_QUANTUM = Decimal("0.00000001")  # finest part of a currency unit that a posting may hold

_MINOR = {"JPY": Decimal(1), "KRW": Decimal(1), "BTC": Decimal("0.00000001")}
_CENT = Decimal("0.01")


def minor_unit(currency: str) -> Decimal:
    """The smallest amount people are shown: 0.01, or as the currency has it (ISO 4217)."""
    return _MINOR.get(currency, _CENT)


def ledger_round(amount: Decimal) -> Decimal:
    """An amount as the ledger keeps it: eight decimals, half to even."""
    return amount.quantize(LEDGER_QUANTUM, ROUND_HALF_EVEN)


def round_down(amount: Decimal, step: Decimal) -> Decimal:
    """The greatest multiple of `step` that is not further from zero than `amount`."""
    return (amount / step).to_integral_value(ROUND_DOWN) * step
