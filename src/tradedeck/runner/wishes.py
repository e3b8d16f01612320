"""What a strategy's process wishes, read from the wire. The process is not trusted. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradedeck.trading.order import OrderType, Side, TimeInForce
from tradedeck.trading.signal import CancelRequest, OrderRequest, Signal, Wish

REASON_CHARS_MAX = 200
DIGITS_MAX = 15  # as in desired documents: more than any account holds


def wish_of(body: dict[str, Any]) -> Wish:
    """A strategy's wish from its wire form; the host is not trusted to be well formed."""
    reason = str(body.get("reason", ""))[:REASON_CHARS_MAX]
    if "target" in body:
        target = float(body["target"])
        if not abs(target) <= 1:
            msg = f"target {target} is outside -1 to 1"
            raise ValueError(msg)
        stop = body.get("stop")
        return Signal(target, reason, None if stop is None else float(_amount("stop", stop)))
    if "cancel" in body:
        wanted = body["cancel"]
        return CancelRequest(None if wanted is None else str(wanted), reason)
    limit, stop = body["limit_price"], body["stop_price"]
    return OrderRequest(
        Side(body["side"]),
        _amount("quantity", body["quantity"]),
        OrderType(body["type"]),
        None if limit is None else _amount("limit price", limit),
        None if stop is None else _amount("stop price", stop),
        TimeInForce(body["tif"]),
        bool(body["reduce_only"]),
        reason,
    )


def _amount(what: str, given: Any) -> Decimal:
    """An exact number that is finite, not below zero and of a size that can be computed with."""
    amount = Decimal(str(given))
    if not amount.is_finite() or amount < 0 or amount.adjusted() > DIGITS_MAX:
        msg = f"{what} was {str(given)[:40]}"
        raise ValueError(msg)
    return amount
