"""From a wanted exposure to units. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradedeck.trading.instrument import Instrument
from tradedeck.trading.money import ZERO


class SizingKind(StrEnum):
    """How a full target becomes units."""

    UNITS = "units"
    EQUITY_FRACTION = "equity_fraction"
    RISK = "risk"


UNITS = SizingKind.UNITS


@dataclass(frozen=True, slots=True)
class Sizing:
    """`value` is units, a share of equity, or the share of equity lost at the stop."""

    kind: SizingKind
    value: Decimal


def units(
    sizing: Sizing,
    instrument: Instrument,
    target: float,
    price: Decimal,
    equity: Decimal,
    stop: Decimal | None,
) -> Decimal:
    """Signed units for a target in [-1, 1], on the quantity grid, towards zero.

    units: value · equity_fraction: equity x value / (price x multiplier) ·
    risk: equity x value / (|price - stop| x multiplier). Without what the formula needs: zero.
    """
    if sizing.kind is UNITS:
        full = sizing.value
    elif sizing.kind is SizingKind.EQUITY_FRACTION:
        full = equity * sizing.value / (price * instrument.multiplier) if price > 0 else ZERO
    else:
        distance = abs(price - stop) if stop is not None else ZERO
        full = equity * sizing.value / (distance * instrument.multiplier) if distance else ZERO
    whole = target in (1.0, -1.0)
    share = full if whole else full * Decimal(repr(min(1.0, abs(target))))
    wanted = instrument.quantity(share) if share > ZERO else ZERO
    return wanted if target > 0 else -wanted
