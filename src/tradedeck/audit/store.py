"""Every query on the audit record, and the chain's arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import or_, select

from tradedeck.audit.tables import audit
from tradedeck.kernel import canonical
from tradedeck.store.sessions import ReadSession, WriteSession

Row = Mapping[str, Any]
GENESIS = "0" * 64
_CHAINED = tuple(column.name for column in audit.columns if column.name != "hash")


def link(row: Mapping[str, Any]) -> str:
    """The hash of a row: SHA-256 over the canonical JSON of everything else in it."""
    return canonical.digest(canonical.encode({name: row[name] for name in _CHAINED}))


def head(session: ReadSession) -> tuple[int, str]:
    """Sequence and hash of the newest record; (0, GENESIS) when there is none."""
    row = session.first(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1))
    return (0, GENESIS) if row is None else (int(row["seq"]), str(row["hash"]))


def chained(row: dict[str, Any], seq: int, previous: str) -> dict[str, Any]:
    """`row` as it stands at `seq`, after the record with the hash `previous`."""
    kept = row | {"seq": seq, "previous": previous}
    return kept | {"hash": link(kept)}


def has_since(session: ReadSession, of: str, at_ns: int) -> bool:
    """Whether the credential `of` left a record at `at_ns` or later."""
    found = select(audit.c.seq).where(audit.c.at_ns >= at_ns, audit.c.session == of).limit(1)
    return session.first(found) is not None


def add(session: WriteSession, rows: Sequence[Row]) -> None:
    """Append rows that `chained` made."""
    session.insert(audit, rows)


def page(
    session: ReadSession,
    *,
    before_seq: int | None,
    limit: int,
    filters: Mapping[str, str],
    text: str = "",
    from_ns: int | None = None,
    to_ns: int | None = None,
) -> list[Mapping[str, Any]]:
    """Newest first, below `before_seq`.

    Args:
        session: of the store.
        before_seq: the cursor.
        limit: at most so many.
        filters: equalities on columns.
        text: part of who, what, on what, why or the audit id, in any case.
        from_ns: not before it.
        to_ns: before it.
    """
    statement = select(audit).order_by(audit.c.seq.desc()).limit(limit)
    if before_seq is not None:
        statement = statement.where(audit.c.seq < before_seq)
    for name, value in filters.items():
        statement = statement.where(audit.c[name] == value)
    if text:
        searched = ("actor", "action", "target", "reason", "code", "correlation")
        statement = statement.where(
            or_(*(audit.c[name].icontains(text, autoescape=True) for name in searched))
        )
    if from_ns is not None:
        statement = statement.where(audit.c.at_ns >= from_ns)
    if to_ns is not None:
        statement = statement.where(audit.c.at_ns < to_ns)
    return list(session.all(statement))


def batch(session: ReadSession, *, after_seq: int, limit: int) -> list[Mapping[str, Any]]:
    """Oldest first, above `after_seq`."""
    return list(
        session.all(select(audit).where(audit.c.seq > after_seq).order_by(audit.c.seq).limit(limit))
    )
