"""How the paper exchange prices: spread, slippage, fees, volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradedeck.trading.instrument import Instrument
from tradedeck.trading.money import ONE, ZERO, ledger_round

_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class ExchangeModel:
    """The frictions of one paper account. Basis points are of price or notional.

    Args:
        spread_bps: full bid/ask spread where the data quotes no sides.
        slippage_bps: added against every market and stop fill.
        fee_bps: per fill, of notional.
        fee_min: least fee per fill, in account currency.
        volume_share_max: share of a bar's volume that may fill; None or a bar without volume: all.
    """

    spread_bps: Decimal = ZERO
    slippage_bps: Decimal = ZERO
    fee_bps: Decimal = ZERO
    fee_min: Decimal = ZERO
    volume_share_max: Decimal | None = None
    half_spread: Decimal = field(init=False, repr=False, compare=False)
    """Half the spread as a fraction of price."""
    slippage: Decimal = field(init=False, repr=False, compare=False)
    """Slippage as a fraction of price."""
    _fee_rate: Decimal = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "half_spread", self.spread_bps / (2 * _BPS))
        object.__setattr__(self, "slippage", self.slippage_bps / _BPS)
        object.__setattr__(self, "_fee_rate", self.fee_bps / _BPS)

    def fee(self, notional: Decimal) -> Decimal:
        """What a fill of that absolute notional costs."""
        if not self._fee_rate and not self.fee_min:
            return ZERO
        return max(ledger_round(notional * self._fee_rate), self.fee_min)

    def to_body(self) -> dict[str, Any]:
        """JSON-able form."""
        share = self.volume_share_max
        return {
            "spread_bps": str(self.spread_bps),
            "slippage_bps": str(self.slippage_bps),
            "fee_bps": str(self.fee_bps),
            "fee_min": str(self.fee_min),
            "volume_share_max": None if share is None else str(share),
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> ExchangeModel:
        """The inverse of `to_body`; absent keys are frictionless."""
        share = body.get("volume_share_max")
        return cls(
            Decimal(str(body.get("spread_bps") or 0)),
            Decimal(str(body.get("slippage_bps") or 0)),
            Decimal(str(body.get("fee_bps") or 0)),
            Decimal(str(body.get("fee_min") or 0)),
            None if share is None else Decimal(str(share)),
        )


def away(instrument: Instrument, price: Decimal, share: Decimal, *, buy: bool) -> Decimal:
    """A price worse by a share of itself, on the tick grid."""
    moved = price * (ONE + share if buy else ONE - share)
    return (moved / instrument.tick).to_integral_value() * instrument.tick
