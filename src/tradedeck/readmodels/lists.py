"""Lists that grow: newest first in pages, oldest first in exports. SELECT only, always bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Select, Table, select

from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as t
from tradedeck.readmodels.status import decision_view, instant
from tradedeck.store.sessions import ReadSession

Row = dict[str, Any]
LINES_PER_EVENT: Final = 1_000  # a cursor is event x 1000 + line
EXPORT_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: where it comes from, how a row is shown, what it can be filtered by."""

    table: Table
    view: Callable[[Mapping[str, Any]], Row]
    filters: frozenset[str]
    time: str = "at_ns"  # the column that `from` and `to` mean
    line: str | None = None  # a second key, where an event has several rows
    key: str = "event"

    def cursor(self, row: Mapping[str, Any]) -> int:
        """The place of a row in the list."""
        event = int(row[self.key])
        return event if self.line is None else event * LINES_PER_EVENT + int(row[self.line])


@dataclass(frozen=True, slots=True)
class Query:
    """What of a list is asked for."""

    equal: Mapping[str, object] = field(default_factory=dict[str, object])
    one_of: Mapping[str, Sequence[object]] = field(default_factory=dict[str, Sequence[object]])
    missing: Sequence[str] = ()  # columns that must be null
    from_ns: int | None = None
    to_ns: int | None = None


def page(
    session: ReadSession, listing: Listing, query: Query, *, before: int | None, limit: int
) -> tuple[list[Row], int | None]:
    """Rows newest first, and the cursor of the next page."""
    statement = _where(listing, query)
    key, line = listing.table.c[listing.key], listing.line
    if before is not None:
        statement = statement.where(_below(listing, before))
    ordering = [key.desc()] if line is None else [key.desc(), listing.table.c[line].desc()]
    rows = session.all(statement.order_by(*ordering).limit(limit + 1))
    shown = rows[:limit]
    following = listing.cursor(shown[-1]) if len(rows) > limit else None
    return [listing.view(row) for row in shown], following


def oldest_first(
    session: ReadSession, listing: Listing, query: Query, after: int
) -> tuple[list[Row], int | None]:
    """A page of an export: rows above `after`, and where the next begins."""
    key, line = listing.table.c[listing.key], listing.line
    statement = _where(listing, query).where(_above(listing, after))
    ordering = [key.asc()] if line is None else [key.asc(), listing.table.c[line].asc()]
    rows = session.all(statement.order_by(*ordering).limit(EXPORT_PAGE))
    following = listing.cursor(rows[-1]) if len(rows) == EXPORT_PAGE else None
    return [listing.view(row) for row in rows], following


def _where(listing: Listing, query: Query) -> Select[Any]:
    statement = select(listing.table)
    columns = listing.table.c
    for name, value in query.equal.items():
        assert name in listing.filters
        statement = statement.where(columns[name] == value)
    for name, values in query.one_of.items():
        assert name in listing.filters
        statement = statement.where(columns[name].in_(list(values)))
    for name in query.missing:
        statement = statement.where(columns[name].is_(None))
    if query.from_ns is not None:
        statement = statement.where(columns[listing.time] >= query.from_ns)
    if query.to_ns is not None:
        statement = statement.where(columns[listing.time] < query.to_ns)
    return statement


def _below(listing: Listing, before: int) -> ColumnElement[bool]:
    key = listing.table.c[listing.key]
    if listing.line is None:
        return key < before
    event, line = divmod(before, LINES_PER_EVENT)
    return (key < event) | ((key == event) & (listing.table.c[listing.line] < line))


def _above(listing: Listing, after: int) -> ColumnElement[bool]:
    key = listing.table.c[listing.key]
    if listing.line is None:
        return key > after
    event, line = divmod(after, LINES_PER_EVENT)
    return (key > event) | ((key == event) & (listing.table.c[listing.line] > line))


def _plain(row: Mapping[str, Any], *names: str) -> Iterator[tuple[str, Any]]:
    return ((name, row[name]) for name in names)


def order_view(row: Mapping[str, Any]) -> Row:
    """An order as people read it."""
    return {
        **dict(
            _plain(
                row,
                "id",
                "client_id",
                "venue_order",
                "account",
                "trader",
                "strategy",
                "instrument",
                "side",
                "type",
                "quantity",
                "limit_price",
                "stop_price",
                "tif",
                "reduce_only",
                "purpose",
                "decision_price",
                "status",
                "filled",
                "average_price",
                "by",
                "sent_at_ns",
                "acked_at_ns",
                "reason",
            )
        ),
        "expires": instant(row["expires_ns"]),
        "created": format_ns(row["created_ns"]),
        "updated_at": format_ns(row["updated_ns"]),
        "planned_stop": row["planned_stop"],
        "numbers": None if row["numbers"] is None else orjson.loads(row["numbers"]),
        "seq": row["event"],
    }


def fill_view(row: Mapping[str, Any]) -> Row:
    """An execution as people read it."""
    return {
        **dict(
            _plain(
                row,
                "id",
                "order",
                "client_id",
                "account",
                "trader",
                "instrument",
                "side",
                "quantity",
                "price",
                "fee",
                "currency",
                "venue_seq",
                "at_ns",
                "liquidity",
                "decision_price",
                "balance",
            )
        ),
        "time": format_ns(row["time_ns"]),
        "seq": row["event"],
    }


def ledger_view(row: Mapping[str, Any]) -> Row:
    """A posting as people read it."""
    return {
        "seq": row["event"],
        "line": row["line"],
        "at": format_ns(row["at_ns"]),
        "time": format_ns(row["time_ns"]),
        **dict(_plain(row, "account", "ledger", "amount", "currency", "ref", "balance")),
    }


def trade_view(row: Mapping[str, Any]) -> Row:
    """A round trip; the first seven columns are those that scripts read (RUN-9)."""
    return {
        "trade_time": format_ns(row["closed_ns"]),
        **dict(_plain(row, "entry_price", "exit_price", "pnl", "outcome", "r_multiple", "equity")),
        **dict(
            _plain(row, "account", "trader", "strategy", "instrument", "side", "quantity", "fees")
        ),
        "opened": format_ns(row["opened_ns"]),
        "seq": row["event"],
    }


def _decision(row: Mapping[str, Any]) -> Row:
    return {**decision_view(row["event"], row["body"]), "at": format_ns(row["at_ns"])}


def equity_view(row: Mapping[str, Any]) -> Row:
    """A sample of an account, exact."""
    return {
        "time": format_ns(row["time_ns"]),
        "at": format_ns(row["at_ns"]),
        **dict(_plain(row, "account", "equity", "balance", "drawdown")),
        "seq": row["event"],
    }


def alert_view(row: Mapping[str, Any]) -> Row:
    """An alert as people read it."""
    return {
        "id": str(row["id"]),
        "at": format_ns(row["at_ns"]),
        "last_at": format_ns(row["last_ns"]),
        **dict(
            _plain(row, "code", "subject", "detail", "severity", "count", "acknowledged_by", "note")
        ),
        "acknowledged_at": instant(row["acknowledged_ns"]),
    }


ORDERS = Listing(
    t.orders,
    order_view,
    frozenset({"trader", "account", "instrument", "status", "strategy", "purpose"}),
    "created_ns",
)
FILLS = Listing(
    t.fills,
    fill_view,
    frozenset({"trader", "account", "instrument", "order"}),
    "time_ns",
)
LEDGER = Listing(t.ledger, ledger_view, frozenset({"account", "ledger"}), "time_ns", line="line")
TRADES = Listing(
    t.trades,
    trade_view,
    frozenset({"trader", "account", "instrument", "strategy"}),
    "closed_ns",
)
DECISIONS = Listing(
    t.decisions,
    _decision,
    frozenset({"trader", "instrument", "verdict", "signalled"}),
    "time_ns",
)
EQUITY = Listing(t.equity, equity_view, frozenset({"account"}), "time_ns")
ALERTS = Listing(t.alerts, alert_view, frozenset({"severity", "code"}), "at_ns", key="id")
