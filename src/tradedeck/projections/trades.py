"""Round trips out of fills: from flat to flat, or through zero to the other side.

Formulas
    entry price = Σ(quantity x price) / Σ quantity over the fills that increased
    exit price  = the same over the fills that reduced
    pnl         = Σ postings of its fills (realised P&L and fees, as the ledger has them)
    R           = |entry price - planned stop| x quantity x multiplier, the risk taken at entry
    r_multiple  = pnl / R; none where no stop was planned
    outcome     = win | loss | flat by the sign of pnl
A fill through zero closes one trip and opens the next; its fee is split by quantity.

Pure; amounts are Decimals.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from tradedeck.kernel.canonical import decimal_text
from tradedeck.trading.money import ONE, ZERO, ledger_round

_PRICE = Decimal("0.00000001")
_RATIO = Decimal("0.0001")


@dataclass(slots=True)
class OpenTrade:
    """What is known of a round trip that has not ended. `held` is signed."""

    account: str
    trader: str
    strategy: str
    instrument: str
    opened_ns: int
    held: Decimal = ZERO
    entered: Decimal = ZERO
    entry_value: Decimal = ZERO
    left: Decimal = ZERO
    exit_value: Decimal = ZERO
    net: Decimal = ZERO
    fees: Decimal = ZERO
    stop: Decimal | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-able form; the encoder writes Decimals as text."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> OpenTrade:
        """The inverse of `to_json`."""
        values: dict[str, Any] = dict(fields)
        for name in ("held", "entered", "entry_value", "left", "exit_value", "net", "fees", "stop"):
            values[name] = None if fields[name] is None else Decimal(fields[name])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Execution:
    """The part of a fill that a round trip needs. `realised` excludes `fee` (positive: paid)."""

    account: str
    trader: str
    strategy: str
    instrument: str
    signed: Decimal
    price: Decimal
    realised: Decimal
    fee: Decimal
    time_ns: int
    balance: Decimal
    stop: Decimal | None = None
    multiplier: Decimal = ONE


def book(trip: OpenTrade | None, fill: Execution) -> tuple[OpenTrade | None, dict[str, Any] | None]:
    """Book one fill; returns the trip that is open now and the row of the one it ended."""
    if trip is None or not trip.held:
        return _opened(fill, fill.signed, fill.realised - fill.fee, fill.fee), None
    if (trip.held > 0) == (fill.signed > 0):
        _enter(trip, fill, abs(fill.signed))
        trip.held += fill.signed
        trip.net += fill.realised - fill.fee
        trip.fees += fill.fee
        return trip, None
    closing = min(abs(fill.signed), abs(trip.held))
    beyond = abs(fill.signed) - closing
    fee_beyond = ledger_round(fill.fee * beyond / abs(fill.signed)) if beyond else ZERO
    trip.left += closing
    trip.exit_value += closing * fill.price
    trip.held += closing if fill.signed > 0 else -closing
    trip.net += fill.realised - (fill.fee - fee_beyond)
    trip.fees += fill.fee - fee_beyond
    if trip.held:
        return trip, None
    row = _row(trip, fill)
    if not beyond:
        return None, row
    rest = beyond if fill.signed > 0 else -beyond
    return _opened(fill, rest, -fee_beyond, fee_beyond), row


def _opened(fill: Execution, signed: Decimal, net: Decimal, fee: Decimal) -> OpenTrade:
    trip = OpenTrade(
        fill.account,
        fill.trader,
        fill.strategy,
        fill.instrument,
        fill.time_ns,
        held=signed,
        net=net,
        fees=fee,
        stop=fill.stop,
    )
    _enter(trip, fill, abs(signed))
    return trip


def _enter(trip: OpenTrade, fill: Execution, quantity: Decimal) -> None:
    trip.entered += quantity
    trip.entry_value += quantity * fill.price
    if trip.stop is None:
        trip.stop = fill.stop


def _row(trip: OpenTrade, fill: Execution) -> dict[str, Any]:
    entry, left = trip.entry_value / trip.entered, trip.exit_value / trip.left
    risk = ZERO
    if trip.stop is not None:
        risk = abs(entry - trip.stop) * trip.entered * fill.multiplier
    pnl = trip.net
    outcome = "win" if pnl > 0 else "loss" if pnl < 0 else "flat"
    return {
        "account": trip.account,
        "trader": trip.trader,
        "strategy": trip.strategy,
        "instrument": trip.instrument,
        "side": "SELL" if fill.signed > 0 else "BUY",  # what opened it: the other one closed it
        "quantity": decimal_text(trip.entered),
        "opened_ns": trip.opened_ns,
        "closed_ns": fill.time_ns,
        "entry_price": _price(entry),
        "exit_price": _price(left),
        "pnl": decimal_text(pnl),
        "fees": decimal_text(trip.fees),
        "outcome": outcome,
        "r_multiple": decimal_text((pnl / risk).quantize(_RATIO)) if risk else None,
        "equity": decimal_text(fill.balance),
    }


def _price(value: Decimal) -> str:
    text = decimal_text(value.quantize(_PRICE))
    return text.rstrip("0").rstrip(".") if "." in text else text
