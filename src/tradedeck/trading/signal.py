"""What a strategy wants: an exposure, or an explicit order. It has no name for a broker."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradedeck.trading.order import OrderType, Side, TimeInForce


@dataclass(slots=True)
class Signal:
    """A wanted exposure of the trader in its instrument.

    Args:
        target: from -1 (fully short) through 0 (flat) to 1 (fully long), times the trader's size.
        reason: one clause that an operator reads, such as "fast EMA above slow".
        stop: price at which the idea is wrong; sizes `risk` sizing and places a protective stop.
    """

    target: float
    reason: str = ""
    stop: float | None = None


@dataclass(slots=True)
class OrderRequest:
    """An explicit order, for strategies that need limit or stop orders.

    Quantities and prices are Decimals or text; units of the instrument.
    """

    side: Side
    quantity: Decimal
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    reason: str = ""


@dataclass(slots=True)
class CancelRequest:
    """Withdraw working orders of this trader: one by id, or all."""

    order: str | None = None
    reason: str = ""


Wish = Signal | OrderRequest | CancelRequest
