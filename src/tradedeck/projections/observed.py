"""Entries that say how something stands now: runner, accounts, traders, feeds, limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradedeck.kernel import canonical
from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as t
from tradedeck.projections.book import Book
from tradedeck.projections.types import Event, Row
from tradedeck.trading.facts import Kind

Body = dict[str, Any]


def _json(value: object) -> str:
    return canonical.encode(value).decode()


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _runner(book: Book, event: Event, **values: Any) -> Row:
    row = book.put(t.runners_observed, (event.source,), at_ns=event.at_ns, **values)
    row["state"] = row.get("state") or "started"
    row["reasons"] = row.get("reasons") or "[]"
    return row


def _started(book: Book, event: Event, body: Body) -> None:
    _runner(
        book,
        event,
        state="started",
        mode=body.get("mode"),
        reasons=_json(body.get("reasons") or []),
        data_mode=body.get("data_mode"),
        execution_capable_accounts=body.get("execution_capable_accounts"),
        strict_live=body.get("strict_live"),
        build=body.get("build"),
        pid=body.get("pid"),
        started_ns=event.at_ns,
    )


def _stopped(book: Book, event: Event, _: Body) -> None:
    _runner(book, event, state="stopped")


def _verdict(book: Book, event: Event, body: Body) -> None:
    book.put(
        t.accounts_observed,
        (body["account"],),
        verdict=body["verdict"],
        reasons=_json(body.get("reasons") or []),
        at_ns=event.at_ns,
    )


def _opened(book: Book, event: Event, body: Body) -> None:
    row = book.put(
        t.accounts_observed,
        (body["account"],),
        currency=body["currency"],
        at_ns=event.at_ns,
        opening_balance=str(body["balance"]),
    )
    row["reasons"] = row.get("reasons") or "[]"
    row["balance"] = row.get("balance") or str(body["balance"])
    row["equity"] = row.get("equity") or str(body["balance"])


def _applied(book: Book, event: Event, body: Body) -> None:
    _runner(book, event, generation=body["generation"], generation_ns=event.at_ns)


def _config_refused(book: Book, event: Event, body: Body) -> None:
    _runner(book, event, refused_generation=body.get("generation"))


def _condition(book: Book, event: Event, body: Body) -> None:
    book.put(
        t.conditions,
        (body["subject"], body["type"]),
        status=str(body["status"]),
        reason=str(body.get("reason") or ""),
        detail=str(body.get("detail") or ""),
        at_ns=event.at_ns,
    )


def trader_row(book: Book, event: Event, trader: str) -> Row:
    """The row of a trader, made where it is the first fact about it."""
    row = book.edit(t.traders_observed, trader, new={"restarts": 0, "planned": "{}"})
    assert row is not None
    row["at_ns"] = event.at_ns
    return row


def _trader_state(book: Book, event: Event, body: Body) -> None:
    row = trader_row(book, event, body["trader"])
    row.update(state=body["new"], reason=_text(body.get("reason")), state_ns=event.at_ns)


def _swapped(book: Book, event: Event, body: Body) -> None:
    row = trader_row(book, event, body["trader"])
    row.update(
        strategy=body["new"],
        params=_json(body.get("params_new") or {}),
        generation=body.get("generation"),
    )


def _killed(book: Book, event: Event, body: Body) -> None:
    row = trader_row(book, event, body["trader"])
    row["restarts"] = body.get("restarts") or (row["restarts"] or 0) + 1


def _breached(book: Book, event: Event, body: Body) -> None:
    row = book.put(
        t.breaches,
        (body["scope"], body["limit"]),
        at_ns=event.at_ns,
        event=event.id,
        value=_text(body.get("value")),
        bound=_text(body.get("bound")),
        action=_text(body.get("action")),
    )
    row["count"] = (row.get("count") or 0) + 1


def _feed(book: Book, event: Event, body: Body) -> None:
    cursor = body.get("cursor", body.get("cursor_ns"))
    book.put(
        t.feeds_observed,
        (body["feed"],),
        state=body["state"],
        reason=_text(body.get("reason")),
        cursor=format_ns(cursor) if isinstance(cursor, int) else _text(cursor),
        source=_text(body.get("source")),
        data_mode=_text(body.get("data_mode")),
        at_ns=event.at_ns,
    )


OBSERVED: dict[str, Callable[[Book, Event, Body], None]] = {
    Kind.RUNNER_STARTED: _started,
    Kind.RUNNER_STOPPED: _stopped,
    Kind.MODE_VERDICT: _verdict,
    Kind.ACCOUNT_OPENED: _opened,
    Kind.CONFIG_APPLIED: _applied,
    Kind.CONFIG_REFUSED: _config_refused,
    Kind.CONDITION: _condition,
    Kind.TRADER_STATE: _trader_state,
    Kind.STRATEGY_SWAPPED: _swapped,
    Kind.HOST_KILLED: _killed,
    Kind.LIMIT_BREACHED: _breached,
    Kind.FEED_STATE: _feed,
}
