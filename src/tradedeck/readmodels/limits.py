"""Headroom: every limit that is set, how much of it is used, who set it, when it was last breached.

`used` and `bound` are in the limit's own unit. What a limit of a single order was last held
against comes from the newest decision that was checked; the rest from the account as observed.
What nobody reported is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import orjson
from sqlalchemy import func, select

from tradedeck.desired.tables import desired_versions
from tradedeck.execution.checks import FULL_MARGIN
from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as t
from tradedeck.readmodels.desired import by_id
from tradedeck.readmodels.parts import mapping, sequence
from tradedeck.readmodels.status import Facts, instant
from tradedeck.risk.limits import NAMES
from tradedeck.store.sessions import ReadSession
from tradedeck.trading.order import TERMINAL

VERSIONS_MAX: Final = 500  # how far back the author of a limit is looked for
_CHECKED_DECISIONS: Final = 50
_UNITS: Final = {
    "order_quantity_max": "units",
    "order_value_max": "currency",
    "price_collar": "ratio",
    "orders_per_minute": "orders",
    "duplicate_window_s": "seconds",
    "open_orders_max": "orders",
    "position_quantity_max": "units",
    "position_value_max": "currency",
    "gross_exposure_max": "ratio",
    "concentration_max": "ratio",
    "margin_use_max": "ratio",
    "risk_per_trade_max": "ratio",
    "drawdown_max": "ratio",
    "day_loss_max": "currency",
    "loss_max": "currency",
    "stale_checks_max": "checks",
}


def headroom(session: ReadSession, facts: Facts, account: str) -> list[dict[str, Any]]:
    """The limits of an account, then those of its traders."""
    spec = by_id(facts.document, "accounts").get(account, {})
    breached = {(row["scope"], row["limit"]): row for row in session.all(select(t.breaches))}
    setters = _Setters(session)
    rows = _scope(
        f"account/{account}", spec, _account_use(session, facts, account), breached, setters
    )
    for name, trader in by_id(facts.document, "traders").items():
        if trader.get("account") == account:
            use = _trader_use(session, facts, name, trader)
            rows += _scope(f"trader/{name}", trader, use, breached, setters)
    return rows


def _scope(
    scope: str,
    spec: Mapping[str, Any],
    use: Mapping[str, float | None],
    breached: Mapping[tuple[str, str], Mapping[str, Any]],
    setters: _Setters,
) -> list[dict[str, Any]]:
    limits = mapping(spec.get("limits"))
    rows: list[dict[str, Any]] = []
    for name in NAMES:
        value: Any = limits.get(name)
        own = value is not None
        if name == "margin_use_max" and not own and scope.startswith("account/"):
            value = FULL_MARGIN  # holds also where nobody set it
        if value is None:
            continue
        running = mapping(value)
        bound: Any = running.get("bound", value)
        breach = breached.get((scope, name), {})
        by, at_ns = setters.of(scope, name) if own else (None, None)
        rows.append(
            {
                "scope": scope,
                "limit": name,
                "label": name.removesuffix("_max").replace("_", " "),
                "used": use.get(name),
                "bound": float(bound),
                "unit": _UNITS.get(name, ""),
                "action": running.get("action"),
                "set_by": by,
                "set_at": instant(at_ns),
                "last_breach": instant(breach.get("at_ns")),
                "breaches": breach.get("count", 0),
            }
        )
    return rows


class _Setters:
    """Who last changed a limit: the newest version whose changes name it."""

    def __init__(self, session: ReadSession) -> None:
        columns = desired_versions.c
        self._versions = [
            (str(row["diff"]), str(row["author"]), int(row["created_at_ns"]))
            for row in session.all(
                select(columns.diff, columns.author, columns.created_at_ns)
                .order_by(columns.generation.desc())
                .limit(VERSIONS_MAX)
            )
        ]

    def of(self, scope: str, limit: str) -> tuple[str | None, int | None]:
        """Author and time; those of the oldest version where no change names it."""
        if not self._versions:
            return None, None
        name = scope.partition("/")[2]
        for diff, author, at_ns in self._versions:
            if limit in diff and any(_names(change, name, limit) for change in _changes(diff)):
                return author, at_ns
        _, author, at_ns = self._versions[-1]
        return author, at_ns


def _changes(diff: str) -> Iterable[Mapping[str, Any]]:
    return sequence(orjson.loads(diff))


def _names(change: Mapping[str, Any], name: str, limit: str) -> bool:
    path = str(change.get("path", ""))
    return limit in path and name in path


def _number(text: Any) -> float | None:
    return None if text is None else float(text)


def _last_checks(session: ReadSession, traders: Iterable[str], scope: str) -> dict[str, float]:
    """Per limit of the account, or of the trader, the use of the newest check."""
    columns = t.decisions.c
    rows = session.all(
        select(columns.body)
        .where(columns.trader.in_(list(traders)), columns.signalled.is_(True))
        .order_by(columns.event.desc())
        .limit(_CHECKED_DECISIONS)
    )
    found: dict[str, float] = {}
    for row in rows:
        for check in orjson.loads(row["body"]).get("checks") or ():
            value = check.get("after", check.get("used"))
            if value not in (None, "unknown") and check.get("scope") == scope:
                found.setdefault(str(check.get("limit")), float(value))
    return found


def _open_orders(session: ReadSession, column: Any, name: str) -> float:
    return float(
        session.scalar(
            select(func.count())
            .select_from(t.orders)
            .where(column == name, t.orders.c.status.not_in([status.value for status in TERMINAL]))
        )
        or 0
    )


def _values(facts: Facts, account: str) -> dict[str, tuple[float, float | None]]:
    """Per instrument of the account: units and value at the newest price a decision saw."""
    prices = {
        str(spec.get("instrument")): facts.decisions.get(name, {}).get("price")
        for name, spec in by_id(facts.document, "traders").items()
    }
    found: dict[str, tuple[float, float | None]] = {}
    for (holder, instrument), row in facts.positions.items():
        if holder == account:
            units = abs(float(row["quantity"]))
            price = prices.get(instrument) or row["average_price"]
            found[instrument] = units, None if price is None else units * float(price)
    return found


def _account_use(session: ReadSession, facts: Facts, account: str) -> dict[str, float | None]:
    row = facts.accounts.get(account, {})
    traders = [
        name
        for name, spec in by_id(facts.document, "traders").items()
        if spec.get("account") == account
    ]
    values = _values(facts, account)
    equity, exposure = _number(row.get("equity")), _number(row.get("exposure"))
    largest = max((value for _, value in values.values() if value is not None), default=0.0)
    day, opening = _number(row.get("day_pnl")), _number(row.get("opening_balance"))
    return {
        **_last_checks(session, traders, "account"),
        "open_orders_max": _open_orders(session, t.orders.c.account, account),
        "position_quantity_max": max((units for units, _ in values.values()), default=0.0),
        "position_value_max": largest,
        "gross_exposure_max": exposure / equity if exposure is not None and equity else None,
        "concentration_max": largest / equity if equity else None,
        "drawdown_max": _number(row.get("drawdown")),
        "day_loss_max": None if day is None else max(0.0, -day),
        "loss_max": None if equity is None or opening is None else max(0.0, opening - equity),
    }


def _trader_use(
    session: ReadSession, facts: Facts, name: str, spec: Mapping[str, Any]
) -> dict[str, float | None]:
    row = facts.traders.get(name, {})
    units, value = _values(facts, str(spec.get("account"))).get(
        str(spec.get("instrument")), (0.0, 0.0)
    )
    day = _number(row.get("day_pnl"))
    parts = (_number(row.get("realised")), _number(row.get("unrealised")))
    total = None if None in parts else sum(part for part in parts if part is not None)
    return {
        **_last_checks(session, [name], "trader"),
        "open_orders_max": _open_orders(session, t.orders.c.trader, name),
        "position_quantity_max": units,
        "position_value_max": value,
        "drawdown_max": _number(row.get("drawdown")),
        "day_loss_max": None if day is None else max(0.0, -day),
        "loss_max": None if total is None else max(0.0, -total),
    }


def observed_positions(facts: Facts, gauges: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Open positions with the newest price of the trader that trades them."""
    traders = {
        (str(spec.get("account")), str(spec.get("instrument"))): name
        for name, spec in by_id(facts.document, "traders").items()
    }
    marks = mapping(gauges.get("traders"))
    return [
        _position(row, facts, mapping(marks.get(traders.get(key, ""))), traders.get(key))
        for key, row in sorted(facts.positions.items())
        if Decimal(row["quantity"])
    ]


def _position(
    row: Mapping[str, Any], facts: Facts, gauges: Mapping[str, Any], trader: str | None
) -> dict[str, Any]:
    seen: Any = gauges.get("price")
    if seen is None:
        seen = facts.decisions.get(trader or row["trader"], {}).get("price")
    price = None if seen is None else Decimal(str(seen))
    quantity, cost = Decimal(row["quantity"]), Decimal(row["cost"])
    entry = None if row["average_price"] is None else Decimal(row["average_price"])
    # The multiplier is in the cost, which is quantity x price x multiplier.
    multiplier = cost / (quantity * entry) if entry else Decimal(1)
    value = None if price is None else quantity * price * multiplier
    cent = Decimal("0.01")
    return {
        "account": row["account"],
        "instrument": row["instrument"],
        "trader": trader or row["trader"],
        "quantity": row["quantity"],
        "average_price": row["average_price"],
        "realised": row["realised"],
        "opened": None if row["opened_ns"] is None else format_ns(row["opened_ns"]),
        "price": None if price is None else format(price, "f"),
        "unrealised": None if value is None else format((value - cost).quantize(cent), "f"),
        "value": None if value is None else format(value.quantize(cent), "f"),
    }
