"""Every query on sessions, tokens and one-time links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, select, update

from tradedeck.identity.tables import one_time_links, sessions, tokens
from tradedeck.store.sessions import ReadSession, WriteSession

LIST_MAX = 500


def session_by_hash(read: ReadSession, digest: str) -> Mapping[str, Any] | None:
    """The session of a cookie."""
    return read.first(select(sessions).where(sessions.c.hash == digest))


def token_by_hash(read: ReadSession, digest: str) -> Mapping[str, Any] | None:
    """The bearer token."""
    return read.first(select(tokens).where(tokens.c.hash == digest))


def by_id(read: ReadSession, table: Table, identifier: str) -> Mapping[str, Any] | None:
    """A row of `sessions` or `tokens` by its public id."""
    return read.first(select(table).where(table.c.id == identifier))


def add(write: WriteSession, table: Table, row: Mapping[str, Any]) -> None:
    """A new session, token or link."""
    write.execute(table.insert().values(row))


def list_tokens(read: ReadSession) -> list[Mapping[str, Any]]:
    """Newest first, revoked and expired ones too."""
    return list(read.all(select(tokens).order_by(tokens.c.created_at_ns.desc()).limit(LIST_MAX)))


def list_sessions(read: ReadSession, now_ns: int) -> list[Mapping[str, Any]]:
    """Sessions that may still be used, newest first."""
    return list(
        read.all(
            select(sessions)
            .where(sessions.c.ended_at_ns.is_(None), sessions.c.expires_at_ns > now_ns)
            .order_by(sessions.c.created_at_ns.desc())
            .limit(LIST_MAX)
        )
    )


def end_session(write: WriteSession, identifier: str, now_ns: int) -> bool:
    """Whether there was an open one to end."""
    return (
        write.execute(
            update(sessions)
            .where(sessions.c.id == identifier, sessions.c.ended_at_ns.is_(None))
            .values(ended_at_ns=now_ns)
        ).rowcount
        == 1
    )


def revoke_token(write: WriteSession, identifier: str, now_ns: int) -> bool:
    """Whether there was a valid one to revoke."""
    return (
        write.execute(
            update(tokens)
            .where(tokens.c.id == identifier, tokens.c.revoked_at_ns.is_(None))
            .values(revoked_at_ns=now_ns)
        ).rowcount
        == 1
    )


def touch(write: WriteSession, table: Table, identifier: str, now_ns: int) -> None:
    """Remember that a session or token was used."""
    write.execute(update(table).where(table.c.id == identifier).values(seen_at_ns=now_ns))


def use_link(
    write: WriteSession, digest: str, purpose: str, now_ns: int
) -> Mapping[str, Any] | None:
    """Consume a link: the row, or None when unknown, used or expired. One statement decides."""
    used = write.execute(
        update(one_time_links)
        .where(
            one_time_links.c.hash == digest,
            one_time_links.c.purpose == purpose,
            one_time_links.c.used_at_ns.is_(None),
            one_time_links.c.expires_at_ns > now_ns,
        )
        .values(used_at_ns=now_ns)
    )
    if used.rowcount != 1:
        return None
    return write.first(select(one_time_links).where(one_time_links.c.hash == digest))


def spoil_links(write: WriteSession, purpose: str, now_ns: int) -> int:
    """Make every open link of `purpose` useless; returns how many there were."""
    return write.execute(
        update(one_time_links)
        .where(one_time_links.c.purpose == purpose, one_time_links.c.used_at_ns.is_(None))
        .values(used_at_ns=now_ns)
    ).rowcount
