"""A page of a journal → rows, in the caller's one transaction, together with the mark.

Owns the order: judge the page, give each entry its place in the event stream, project, write,
move the mark. Applied twice, the second time changes nothing. Never commits and never asks
anybody for anything: the caller's transaction and the caller's wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Table, and_, bindparam, func, select

from tradedeck.journal.chain import genesis, link
from tradedeck.kernel import canonical
from tradedeck.projections import tables as t
from tradedeck.projections.alerts import Draft
from tradedeck.projections.book import Book, Key, key_of
from tradedeck.projections.check import check
from tradedeck.projections.rows import project, raise_alert
from tradedeck.projections.types import (
    OWN_SOURCE,
    Applied,
    Checked,
    Event,
    Mark,
    Page,
    Row,
    Verdict,
)
from tradedeck.store.scope import TENANT
from tradedeck.store.sessions import ReadSession, WriteSession

_UNREADABLE = (KeyError, TypeError, ValueError, ArithmeticError, AttributeError)


def read_mark(session: ReadSession, source: str) -> Mark | None:
    """The newest mark of a source."""
    row = session.first(
        select(t.watermarks)
        .where(t.watermarks.c.source == source)
        .order_by(t.watermarks.c.ordinal.desc())
        .limit(1)
    )
    return (
        None
        if row is None
        else Mark(source, row["epoch"], row["seq"], row["hash"], row["ordinal"], row["stopped"])
    )


def last_event(session: ReadSession) -> int:
    """The newest sequence of the event stream; 0 when there is none."""
    return int(session.scalar(select(func.max(t.entries.c.id))) or 0)


def read_events(session: ReadSession, after: int, limit: int) -> list[Event]:
    """Events above `after`, oldest first."""
    columns = t.entries.c
    rows = session.all(
        select(
            columns.id,
            columns.source,
            columns.epoch,
            columns.seq,
            columns.at_ns,
            columns.kind,
            columns.body,
        )
        .where(columns.id > after)
        .order_by(columns.id)
        .limit(limit)
    )
    return [Event(**row) for row in rows]


def apply(session: WriteSession, page: Page, now_ns: int) -> Applied:
    """Take over what `page` adds to what is held; see `Applied` for what came of it."""
    mark = read_mark(session, page.source)
    checked = check(mark, page, _held(session, mark, page))
    if checked.verdict is Verdict.FORGED:
        return _stop(session, mark, page, checked, now_ns)
    if checked.verdict is Verdict.NEW_EPOCH:
        return _begin_epoch(session, mark, page, checked, now_ns)
    fresh = checked.entries
    if mark is None:
        mark = Mark(page.source, page.epoch, 0, genesis(page.epoch))
        _insert_mark(session, mark, page.head, now_ns)
    first = _next_id(session)
    events = [
        Event(first + offset, page.source, page.epoch, e.seq, e.at_ns, e.kind, e.body)
        for offset, e in enumerate(fresh)
    ]
    session.insert(
        t.entries,
        [
            {**event._asdict(), "hash": entry.hash}
            for event, entry in zip(events, fresh, strict=True)
        ],
    )
    events = _project(session, events)
    mark = Mark(
        page.source,
        page.epoch,
        fresh[-1].seq if fresh else mark.seq,
        checked.hash if fresh else mark.hash,
        mark.ordinal,
    )
    _move_mark(session, mark, page.head, now_ns)
    return Applied(checked.verdict, mark, events, page.head, checked.detail)


def append_own(session: WriteSession, kind: str, body: dict[str, Any], now_ns: int) -> Event:
    """A fact of the api itself, with its place in the event stream and in its own chain."""
    mark = read_mark(session, OWN_SOURCE)
    if mark is None:
        mark = Mark(OWN_SOURCE, "store", 0, genesis("store"))
        _insert_mark(session, mark, 0, now_ns)
    text = canonical.encode(body).decode()
    seq = mark.seq + 1
    digest = link(mark.hash, seq, now_ns, kind, text)
    event = Event(_next_id(session), OWN_SOURCE, mark.epoch, seq, now_ns, kind, text)
    session.insert(t.entries, [{**event._asdict(), "hash": digest}])
    _project(session, [event])
    _move_mark(session, Mark(OWN_SOURCE, mark.epoch, seq, digest, mark.ordinal), seq, now_ns)
    return event


def _held(session: ReadSession, mark: Mark | None, page: Page) -> dict[int, str]:
    """Hashes of those entries of the page that we already have."""
    repeated = [e.seq for e in page.entries if mark is not None and e.seq <= mark.seq]
    if not repeated:
        return {}
    columns = t.entries.c
    rows = session.all(
        select(columns.seq, columns.hash).where(
            and_(
                columns.source == page.source,
                columns.epoch == page.epoch,
                columns.seq >= min(repeated),
                columns.seq <= max(repeated),
            )
        )
    )
    return {row["seq"]: row["hash"] for row in rows}


def _next_id(session: ReadSession) -> int:
    # One writer at a time, so the next number is free; a hole in the stream would look like loss.
    return last_event(session) + 1


def _stop(
    session: WriteSession, mark: Mark | None, page: Page, checked: Checked, now_ns: int
) -> Applied:
    if mark is None:
        mark = Mark(page.source, page.epoch, 0, genesis(page.epoch))
        _insert_mark(session, mark, page.head, now_ns)
    stopped = Mark(mark.source, mark.epoch, mark.seq, mark.hash, mark.ordinal, checked.detail)
    _move_mark(session, stopped, page.head, now_ns)
    event = append_own(
        session,
        "alarm",
        {
            "code": "JOURNAL_FORGED",
            "severity": "critical",
            "subject": f"journal/{page.source}",
            "detail": f"The journal of {page.source} does not continue what is held after entry "
            f"{mark.seq}: {checked.detail}. Nothing more is taken from it.",
        },
        now_ns,
    )
    return Applied(Verdict.FORGED, stopped, [event], page.head, checked.detail)


def _begin_epoch(
    session: WriteSession, mark: Mark | None, page: Page, checked: Checked, now_ns: int
) -> Applied:
    """Both journals stay on record; the new one is read from its beginning, or where it was."""
    assert mark is not None
    columns = t.watermarks.c
    known = session.first(
        select(t.watermarks).where(and_(columns.source == page.source, columns.epoch == page.epoch))
    )
    ordinal = mark.ordinal + 1
    if known is None:
        fresh = Mark(page.source, page.epoch, 0, genesis(page.epoch), ordinal)
        _insert_mark(session, fresh, page.head, now_ns)
    else:
        fresh = Mark(page.source, page.epoch, known["seq"], known["hash"], ordinal)
        _move_mark(session, fresh, page.head, now_ns)
    event = append_own(
        session,
        "alarm",
        {
            "code": "JOURNAL_NEW_EPOCH",
            "severity": "critical",
            "subject": f"journal/{page.source}",
            "detail": f"The journal of {page.source} is another one than before: {checked.detail}. "
            f"The old one was taken over up to entry {mark.seq}.",
        },
        now_ns,
    )
    return Applied(Verdict.NEW_EPOCH, fresh, [event], page.head, checked.detail)


def _insert_mark(session: WriteSession, mark: Mark, head: int, now_ns: int) -> None:
    session.insert(
        t.watermarks,
        [
            {
                "source": mark.source,
                "epoch": mark.epoch,
                "ordinal": mark.ordinal,
                "seq": mark.seq,
                "hash": mark.hash,
                "head": head,
                "updated_ns": now_ns,
                "stopped": mark.stopped,
            }
        ],
    )


def _move_mark(session: WriteSession, mark: Mark, head: int, now_ns: int) -> None:
    columns = t.watermarks.c
    done = session.execute(
        t.watermarks.update()
        .where(and_(columns.source == mark.source, columns.epoch == mark.epoch))
        .values(
            seq=mark.seq,
            hash=mark.hash,
            head=head,
            updated_ns=now_ns,
            ordinal=mark.ordinal,
            stopped=mark.stopped,
        )
    )
    assert done.rowcount == 1


def _project(session: WriteSession, events: Sequence[Event]) -> list[Event]:
    """Rows of `events`; returns them with bodies that a stream can carry."""
    book = Book(
        lambda table, key: _fetch(session, table, key),
        lambda code, subject: _find_alert(session, code, subject),
    )
    _prime_orders(session, book, events)
    sendable: list[Event] = []
    for event in events:
        try:
            project(book, event)
        except _UNREADABLE as error:
            # The entry is kept as it came; what it should have changed is missing, and said.
            raise_alert(
                book,
                event,
                Draft(
                    "PROJECTION_FAILED",
                    event.kind,
                    f"Entry {event.seq} of {event.source} ({event.kind}) could not be read: "
                    f"{type(error).__name__}: {error}.",
                    "critical",
                ),
            )
            sendable.append(event._replace(body=_json_or_null(event.body)))
        else:
            sendable.append(event)
    _write(session, book)
    return sendable


def _json_or_null(body: str) -> str:
    try:
        return orjson.dumps(orjson.loads(body)).decode()
    except ValueError:
        return "null"


def _prime_orders(session: ReadSession, book: Book, events: Iterable[Event]) -> None:
    """One SELECT for every order a batch names; one each would be the cost of the batch."""
    names = {
        name for event in events if event.kind.startswith("order.") for name in _named(event.body)
    }
    if len(names) > 1:
        rows = session.all(select(t.orders).where(t.orders.c.id.in_(names)))
        book.prime(t.orders, [(name,) for name in names], [dict(row) for row in rows])


def _named(body: str) -> list[str]:
    try:
        fields = orjson.loads(body)
        order = fields.get("order", fields.get("fill", {}).get("order"))
        return [order["id"] if isinstance(order, dict) else str(order)]
    except _UNREADABLE:
        return []  # `_project` meets the same body and says so


def _fetch(session: ReadSession, table: Table, key: Key) -> Row | None:
    row = session.first(select(table).where(_is(table, key)))
    return None if row is None else dict(row)


def _is(table: Table, key: Key) -> ColumnElement[bool]:
    parts = zip(key_of(table), key, strict=True)
    return and_(*(table.c[name] == part for name, part in parts))


def _find_alert(session: ReadSession, code: str, subject: str) -> Row | None:
    columns = t.alerts.c
    row = session.first(
        select(t.alerts)
        .where(
            and_(
                columns.code == code, columns.subject == subject, columns.acknowledged_ns.is_(None)
            )
        )
        .limit(1)
    )
    return None if row is None else dict(row)


def _write(session: WriteSession, book: Book) -> None:
    for table, rows in book.added.items():
        session.insert(table, _whole(table, rows))
    for table in book.touched():
        inserts, updates, deletes = book.changes(table)
        session.insert(table, _whole(table, inserts))
        _update(session, table, updates)
        for key in deletes:
            session.execute(table.delete().where(_is(table, key)))
    new, changed = book.changed_alerts()
    session.insert(t.alerts, new)
    _update(session, t.alerts, changed)


def _whole(table: Table, rows: Sequence[Row]) -> list[Row]:
    """Rows with every column, as executemany wants them."""
    names = [column.name for column in table.columns if column.name != TENANT]
    return [{name: row.get(name) for name in names} for row in rows]


def _update(session: WriteSession, table: Table, rows: Sequence[Row]) -> None:
    if not rows:
        return
    keys = key_of(table)
    others = [column.name for column in table.columns if column.name not in (*keys, TENANT)]
    statement = (
        table.update()
        .where(and_(*(table.c[name] == bindparam(f"key_{name}") for name in keys)))
        .values({name: bindparam(f"to_{name}") for name in others})
    )
    session.many(
        statement,
        [
            {f"key_{name}": row[name] for name in keys}
            | {f"to_{name}": row[name] for name in others}
            for row in rows
        ],
    )
