"""Every query on the audit record, and the chain's arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import or_, select

from tradedeck.audit.entries import FIELDS
from tradedeck.audit.tables import audit
from tradedeck.kernel import canonical
from tradedeck.store.scope import MAIN, Door
from tradedeck.store.sessions import ReadSession, WriteSession

Row = Mapping[str, Any]
GENESIS = "0" * 64
_CHAINED = tuple(name for name in FIELDS if name != "hash")


def link(row: Mapping[str, Any]) -> str:
    """The hash of a row: SHA-256 over the canonical JSON of everything else in it."""
    return canonical.digest(canonical.encode({name: row[name] for name in _CHAINED}))


def head(session: ReadSession) -> tuple[int, str]:
    """Sequence and hash of the newest record; (0, GENESIS) when there is none."""
    chain = session.beyond(Door.AUDIT)
    row = chain.first(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1))
    return (0, GENESIS) if row is None else (int(row["seq"]), str(row["hash"]))


def chained(row: dict[str, Any], seq: int, previous: str) -> dict[str, Any]:
    """`row` as it stands at `seq`, after the record with the hash `previous`."""
    kept = row | {"seq": seq, "previous": previous}
    return kept | {"hash": link(kept)}


def has_since(session: ReadSession, of: str, at_ns: int) -> bool:
    """Whether the credential `of` left a record at `at_ns` or later."""
    found = select(audit.c.seq).where(audit.c.at_ns >= at_ns, audit.c.session == of).limit(1)
    return session.beyond(Door.AUDIT).first(found) is not None


def add(session: WriteSession, rows: Sequence[Row]) -> None:
    """Append rows that `chained` made."""
    session.beyond(Door.AUDIT).insert(audit, rows)


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
    """Records of the session's tenant, newest first, below `before_seq`.

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
    """Of every tenant, oldest first, above `after_seq`."""
    statement = select(audit).where(audit.c.seq > after_seq).order_by(audit.c.seq).limit(limit)
    return list(session.beyond(Door.AUDIT).all(statement))


def walk(session: ReadSession, *, after_seq: int, limit: int) -> list[tuple[Any, ...]]:
    """`batch`, as values: the tenant, then the columns of `FIELDS`."""
    columns = (audit.c.tenant, *(audit.c[name] for name in FIELDS))
    statement = select(*columns).where(audit.c.seq > after_seq).order_by(audit.c.seq).limit(limit)
    return session.beyond(Door.AUDIT).values(statement)


def owned(session: ReadSession, seq: int) -> bool:
    """Whether the record is of the session's tenant."""
    return session.scalar(select(audit.c.seq).where(audit.c.seq == seq)) is not None


def told(tenant: str, session: str) -> str:
    """The session of a record as the chain has it: with the tenant before it, but for the first."""
    return session if tenant == MAIN else f"{tenant}/{session}"


def tenant_of(session: str) -> str:
    """The tenant that `told` put before a session."""
    before, slash, _ = session.partition("/")
    return before if slash else MAIN
