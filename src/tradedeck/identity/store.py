"""Every query on sessions, tokens and one-time links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, Table, select, update

from tradedeck.identity.tables import one_time_links, sessions, tokens
from tradedeck.identity.tables_people import users
from tradedeck.store.sessions import ReadSession, WriteSession

LIST_MAX = 500


def _with_user(table: Table) -> Select[Any]:
    """Rows of `sessions` or `tokens` with what their account is now."""
    return select(
        table,
        users.c.name.label("user_name"),
        users.c.role.label("user_role"),
        users.c.kind.label("user_kind"),
        users.c.disabled_at_ns.label("user_disabled_at_ns"),
        users.c.enrolled_at_ns.label("user_enrolled_at_ns"),
    ).select_from(table.outerjoin(users, users.c.id == table.c.user))


def session_by_hash(read: ReadSession, digest: str) -> Mapping[str, Any] | None:
    """The session of a cookie, with its account."""
    return read.first(_with_user(sessions).where(sessions.c.hash == digest))


def token_by_hash(read: ReadSession, digest: str) -> Mapping[str, Any] | None:
    """The bearer token, with its account."""
    return read.first(_with_user(tokens).where(tokens.c.hash == digest))


def by_id(read: ReadSession, table: Table, identifier: str) -> Mapping[str, Any] | None:
    """A row of `sessions` or `tokens` by its public id, with its account."""
    return read.first(_with_user(table).where(table.c.id == identifier))


def add(write: WriteSession, table: Table, row: Mapping[str, Any]) -> None:
    """A new session, token or link."""
    write.execute(table.insert().values(row))


def list_tokens(read: ReadSession, tenant: str) -> list[Mapping[str, Any]]:
    """Those of a tenant, newest first, revoked and expired ones too."""
    query = _with_user(tokens).where(tokens.c.tenant == tenant)
    return list(read.all(query.order_by(tokens.c.created_at_ns.desc()).limit(LIST_MAX)))


def list_sessions(
    read: ReadSession, tenant: str, *, now_ns: int, idle_ns: int, user: str | None = None
) -> list[Mapping[str, Any]]:
    """Sessions of a tenant (of one account, where named) that may still be used, newest first."""
    query = _with_user(sessions).where(
        sessions.c.tenant == tenant,
        sessions.c.ended_at_ns.is_(None),
        sessions.c.expires_at_ns > now_ns,
        sessions.c.seen_at_ns >= now_ns - idle_ns,
    )
    if user is not None:
        query = query.where(sessions.c.user == user)
    return list(read.all(query.order_by(sessions.c.created_at_ns.desc()).limit(LIST_MAX)))


def step_up_session(write: WriteSession, identifier: str, now_ns: int) -> None:
    """A second factor was shown in this session."""
    write.execute(
        update(sessions).where(sessions.c.id == identifier).values(mfa=True, step_up_at_ns=now_ns)
    )


def end_sessions_of(write: WriteSession, user: str, now_ns: int, *, but: str = "") -> int:
    """End the open sessions of an account, except one; returns how many there were."""
    return write.execute(
        update(sessions)
        .where(sessions.c.user == user, sessions.c.id != but, sessions.c.ended_at_ns.is_(None))
        .values(ended_at_ns=now_ns)
    ).rowcount


def revoke_tokens_of(write: WriteSession, user: str, now_ns: int) -> int:
    """Make every token of an account useless; returns how many there were."""
    return write.execute(
        update(tokens)
        .where(tokens.c.user == user, tokens.c.revoked_at_ns.is_(None))
        .values(revoked_at_ns=now_ns)
    ).rowcount


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


def revoke_token(write: WriteSession, tenant: str, identifier: str, now_ns: int) -> bool:
    """Whether there was a valid one to revoke."""
    return (
        write.execute(
            update(tokens)
            .where(
                tokens.c.tenant == tenant,
                tokens.c.id == identifier,
                tokens.c.revoked_at_ns.is_(None),
            )
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
