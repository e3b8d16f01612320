"""Every query on versions and on acts that wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update

from tradedeck.desired.tables import desired_versions, pending_acts
from tradedeck.desired.types import OPEN, Kind, Pending, PendingKind, PendingStatus, Version
from tradedeck.kernel import canonical
from tradedeck.store.sessions import ReadSession, Row, WriteSession

PAGE = 50
_OPEN = tuple(status.value for status in OPEN)


def tenants_due(read: ReadSession, now_ns: int) -> list[str]:
    """Through the door: the tenants of acts that have waited long enough."""
    waiting = pending_acts.c.status == PendingStatus.WAITING.value
    query = select(pending_acts.c.tenant).distinct()
    rows = read.all(query.where(waiting, pending_acts.c.effective_at_ns <= now_ns))
    return [str(row["tenant"]) for row in rows]


def newest(read: ReadSession) -> Version | None:
    """The version in force; None in an empty store."""
    versions = desired_versions
    row = read.first(select(versions).order_by(versions.c.generation.desc()).limit(1))
    return None if row is None else _version(row)


def version(read: ReadSession, generation: int) -> Version | None:
    """One version."""
    row = read.first(select(desired_versions).where(desired_versions.c.generation == generation))
    return None if row is None else _version(row)


def history(read: ReadSession, *, before: int | None, limit: int) -> list[Version]:
    """Newest first, below `before`."""
    statement = select(desired_versions).order_by(desired_versions.c.generation.desc())
    if before is not None:
        statement = statement.where(desired_versions.c.generation < before)
    return [_version(row) for row in read.all(statement.limit(limit))]


def last_with(read: ReadSession, part: str, name: str) -> Any:
    """The account or trader (`part` is `accounts` or `traders`) of that name as the newest version
    that had one has it; None where there never was one.
    """
    versions = desired_versions.c
    named = canonical.encode({"id": name}).decode()[1:-1]
    statement = (
        select(versions.generation, versions.document)
        .where(versions.document.contains(named, autoescape=True))
        .order_by(versions.generation.desc())
        .limit(PAGE)
    )
    page = read.all(statement)
    while page:
        for row in page:
            items: list[dict[str, Any]] = canonical.decode(row["document"]).get(part) or []
            for item in items:
                if item["id"] == name:
                    return item
        page = read.all(statement.where(versions.generation < page[-1]["generation"]))
    return None


def overtaken(read: ReadSession, since_ns: int) -> list[Pending]:
    """What waited in vain because another version came first, newest first."""
    statement = (
        select(pending_acts)
        .where(
            pending_acts.c.status == PendingStatus.SUPERSEDED.value,
            pending_acts.c.decided_at_ns >= since_ns,
        )
        .order_by(pending_acts.c.decided_at_ns.desc())
        .limit(20)
    )
    return [_pending(row) for row in read.all(statement)]


def add_version(write: WriteSession, made: Version) -> None:
    """Keep a version; its generation is unique."""
    write.execute(
        desired_versions.insert().values(
            generation=made.generation,
            base_generation=made.base_generation,
            kind=made.kind.value,
            document=canonical.encode(made.document).decode(),
            digest=made.digest,
            diff=canonical.encode(list(made.changes)).decode(),
            author=made.author,
            role=made.role,
            reason=made.reason,
            created_at_ns=made.created_at_ns,
        )
    )


def _version(row: Row) -> Version:
    return Version(
        generation=row["generation"],
        base_generation=row["base_generation"],
        kind=Kind(row["kind"]),
        document=canonical.decode(row["document"]),
        digest=row["digest"],
        changes=tuple(canonical.decode(row["diff"])),
        author=row["author"],
        role=row["role"],
        reason=row["reason"],
        created_at_ns=row["created_at_ns"],
    )


def add_pending(write: WriteSession, made: Pending) -> None:
    """Keep an act that waits."""
    write.execute(
        pending_acts.insert().values(
            id=made.id,
            kind=made.kind.value,
            status=made.status.value,
            base_generation=made.base_generation,
            body=canonical.encode(made.body).decode(),
            diff=canonical.encode(list(made.changes)).decode(),
            author=made.author,
            role=made.role,
            session=made.session,
            address=made.address,
            reason=made.reason,
            created_at_ns=made.created_at_ns,
            effective_at_ns=made.effective_at_ns,
            decided_at_ns=None,
            decided_by="",
            detail="",
        )
    )


def pending(read: ReadSession, identifier: str) -> Pending | None:
    """One act."""
    row = read.first(select(pending_acts).where(pending_acts.c.id == identifier))
    return None if row is None else _pending(row)


def open_pending(read: ReadSession) -> list[Pending]:
    """What waits, oldest first."""
    statement = (
        select(pending_acts)
        .where(pending_acts.c.status.in_(_OPEN))
        .order_by(pending_acts.c.created_at_ns)
        .limit(100)
    )
    return [_pending(row) for row in read.all(statement)]


def due(read: ReadSession, now_ns: int) -> list[Pending]:
    """What waited long enough, oldest first."""
    statement = (
        select(pending_acts)
        .where(
            pending_acts.c.status == PendingStatus.WAITING.value,
            pending_acts.c.effective_at_ns <= now_ns,
        )
        .order_by(pending_acts.c.effective_at_ns)
        .limit(100)
    )
    return [_pending(row) for row in read.all(statement)]


def set_pending(
    write: WriteSession,
    identifier: str,
    *,
    expected: Sequence[PendingStatus],
    **values: Any,
) -> bool:
    """Change an act that is still in one of the `expected` states; whether it was."""
    statement = (
        update(pending_acts)
        .where(
            pending_acts.c.id == identifier,
            pending_acts.c.status.in_([status.value for status in expected]),
        )
        .values(**values)
    )
    return write.execute(statement).rowcount == 1


def _pending(row: Row) -> Pending:
    return Pending(
        id=row["id"],
        kind=PendingKind(row["kind"]),
        status=PendingStatus(row["status"]),
        base_generation=row["base_generation"],
        body=canonical.decode(row["body"]),
        changes=tuple(canonical.decode(row["diff"])),
        author=row["author"],
        role=row["role"],
        session=row["session"],
        address=row["address"],
        reason=row["reason"],
        created_at_ns=row["created_at_ns"],
        effective_at_ns=row["effective_at_ns"],
        decided_by=row["decided_by"],
        detail=row["detail"],
    )
