"""The limits of an account or a trader: values only.

A limit that is None does not bind. Shares are of the account's equity; amounts in its currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast


class Action(StrEnum):
    """What the breach of a running limit does, mildest first."""

    ALARM = "alarm"
    PAUSE = "pause"
    REDUCE_ONLY = "reduce_only"
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True)
class RunningLimit:
    """A bound that is watched on every mark, and what its breach does."""

    bound: Decimal
    action: Action


@dataclass(frozen=True, slots=True)
class Limits:
    """Pre-trade and running limits (RSK-1, RSK-2). A trader's count what is its own, an account's
    all that is in it.

    Args:
        order_quantity_max: units of one order.
        order_value_max: absolute notional of one order.
        price_collar: greatest distance of a limit or stop price from the market, as a share of it.
        orders_per_minute: increasing orders in any 60 s of the trading clock.
        duplicate_window_s: seconds in which the same order again is a duplicate.
        open_orders_max: orders that can still change the position.
        position_quantity_max, position_value_max: of one instrument, at worst case.
        gross_exposure_max: sum of absolute positions at worst case, x equity.
        concentration_max: one instrument at worst case, x equity.
        margin_use_max: margin at worst case, x equity.
        risk_per_trade_max: loss at the stop, x equity; an entry without a stop is refused.
        drawdown_max: peak to trough of equity, share of the peak.
        day_loss_max: loss since the day boundary, amount.
        loss_max: a trader's loss since it was started, amount (account: since it was opened).
        stale_checks_max: consecutive stale checks of the feed that pause entries.
    """

    order_quantity_max: Decimal | None = None
    order_value_max: Decimal | None = None
    price_collar: Decimal | None = None
    orders_per_minute: int | None = None
    duplicate_window_s: Decimal | None = None
    open_orders_max: int | None = None
    position_quantity_max: Decimal | None = None
    position_value_max: Decimal | None = None
    gross_exposure_max: Decimal | None = None
    concentration_max: Decimal | None = None
    margin_use_max: Decimal | None = None
    risk_per_trade_max: Decimal | None = None
    drawdown_max: RunningLimit | None = None
    day_loss_max: RunningLimit | None = None
    loss_max: RunningLimit | None = None
    stale_checks_max: int | None = None

    @property
    def watched(self) -> bool:
        """Whether any running limit binds."""
        return any(getattr(self, name) is not None for name in RUNNING)

    def changed(self, new: Limits) -> set[str]:
        """Running limits that `new` sets otherwise: a changed one has not been crossed yet."""
        return {name for name in RUNNING if getattr(self, name) != getattr(new, name)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Limits:
        """From the limits of a validated desired document; absent or null: no limit."""
        values: dict[str, Any] = {}
        for spec in fields(cls):
            value = document.get(spec.name)
            if value is None:
                continue
            if isinstance(value, Mapping):
                running = cast("Mapping[str, Any]", value)
                bound = Decimal(str(running["bound"]))
                values[spec.name] = RunningLimit(bound, Action(running["action"]))
            elif spec.name in _COUNTS:
                values[spec.name] = int(value)
            else:
                values[spec.name] = Decimal(str(value))
        return cls(**values)


RUNNING = ("drawdown_max", "day_loss_max", "loss_max")
STALE_CHECKS_DEFAULT = 3
"""Consecutive stale checks of a feed that open its breaker where no limit says otherwise."""
_COUNTS = frozenset({"orders_per_minute", "open_orders_max", "stale_checks_max"})
NAMES = tuple(spec.name for spec in fields(Limits))
"""Every limit's name, in the order people read them."""
