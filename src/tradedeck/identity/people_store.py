"""Every query on accounts, their factors, invitations and challenges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, delete, func, select, update

from tradedeck.identity.tables_people import (
    challenges,
    credentials,
    invitations,
    recovery_codes,
    users,
)
from tradedeck.store.sessions import ReadSession, WriteSession

LIST_MAX = 1_000
Row = Mapping[str, Any]


def user(read: ReadSession, identifier: str) -> Row | None:
    """The account of that id."""
    return read.first(select(users).where(users.c.id == identifier))


def user_named(read: ReadSession, tenant: str, name: str) -> Row | None:
    """The account of that name in its tenant."""
    return read.first(select(users).where(users.c.tenant == tenant, users.c.name == name))


def list_users(read: ReadSession, tenant: str) -> list[Row]:
    """The accounts of a tenant by name."""
    query = select(users).where(users.c.tenant == tenant).order_by(users.c.name).limit(LIST_MAX)
    return list(read.all(query))


def enabled_with_role(read: ReadSession, tenant: str, roles: list[str]) -> int:
    """How many people of these roles can sign in."""
    return int(
        read.scalar(
            select(func.count())
            .select_from(users)
            .where(
                users.c.tenant == tenant,
                users.c.kind == "person",
                users.c.disabled_at_ns.is_(None),
                users.c.role.in_(roles),
            )
        )
    )


def add(write: WriteSession, table: Table, row: Row) -> None:
    """A new row of any of the tables here."""
    write.execute(table.insert().values(row))


def change_user(write: WriteSession, identifier: str, **values: Any) -> None:
    """Set columns of one account."""
    write.execute(update(users).where(users.c.id == identifier).values(values))


def use_totp_step(write: WriteSession, identifier: str, step: int) -> bool:
    """Whether no code of this step or a later one was used before. One statement decides."""
    changed = write.execute(
        update(users)
        .where(users.c.id == identifier, users.c.totp_step < step)
        .values(totp_step=step)
    )
    return changed.rowcount == 1


def passkeys(read: ReadSession, user_id: str) -> list[Row]:
    """The passkeys of an account, oldest first."""
    query = select(credentials).where(credentials.c.user == user_id)
    return list(read.all(query.order_by(credentials.c.created_at_ns).limit(LIST_MAX)))


def recovery_left(read: ReadSession, user_id: str) -> int:
    """How many recovery codes were not used."""
    query = select(func.count()).select_from(recovery_codes)
    unused = recovery_codes.c.used_at_ns.is_(None)
    return int(read.scalar(query.where(recovery_codes.c.user == user_id, unused)))


def use_recovery(write: WriteSession, user_id: str, digest: str, now_ns: int) -> bool:
    """Consume a recovery code. One statement decides."""
    used = write.execute(
        update(recovery_codes)
        .where(
            recovery_codes.c.user == user_id,
            recovery_codes.c.hash == digest,
            recovery_codes.c.used_at_ns.is_(None),
        )
        .values(used_at_ns=now_ns)
    )
    return used.rowcount == 1


def drop_recovery(write: WriteSession, user_id: str) -> None:
    """Forget every recovery code of an account."""
    write.execute(delete(recovery_codes).where(recovery_codes.c.user == user_id))


def open_challenge(read: ReadSession, digest: str, purpose: str, now_ns: int) -> Row | None:
    """A challenge that can still be answered."""
    return read.first(
        select(challenges).where(
            challenges.c.hash == digest,
            challenges.c.purpose == purpose,
            challenges.c.used_at_ns.is_(None),
            challenges.c.expires_at_ns > now_ns,
        )
    )


def use_challenge(write: WriteSession, identifier: str, now_ns: int) -> bool:
    """Whether it was still unanswered. One statement decides."""
    used = write.execute(
        update(challenges)
        .where(challenges.c.id == identifier, challenges.c.used_at_ns.is_(None))
        .values(used_at_ns=now_ns)
    )
    return used.rowcount == 1


def forget_challenges(write: WriteSession, now_ns: int) -> None:
    """Drop those that can no longer be answered."""
    write.execute(delete(challenges).where(challenges.c.expires_at_ns <= now_ns))


def open_invitation(read: ReadSession, digest: str, now_ns: int) -> Row | None:
    """An invitation that can still be accepted."""
    return read.first(
        select(invitations).where(
            invitations.c.hash == digest,
            invitations.c.used_at_ns.is_(None),
            invitations.c.revoked_at_ns.is_(None),
            invitations.c.expires_at_ns > now_ns,
        )
    )


def use_invitation(write: WriteSession, identifier: str, now_ns: int) -> bool:
    """Whether it was still open. One statement decides."""
    used = write.execute(
        update(invitations)
        .where(
            invitations.c.id == identifier,
            invitations.c.used_at_ns.is_(None),
            invitations.c.revoked_at_ns.is_(None),
        )
        .values(used_at_ns=now_ns)
    )
    return used.rowcount == 1


def revoke_invitation(write: WriteSession, tenant: str, identifier: str, now_ns: int) -> bool:
    """Whether there was an open one of that tenant to revoke."""
    revoked = write.execute(
        update(invitations)
        .where(
            invitations.c.tenant == tenant,
            invitations.c.id == identifier,
            invitations.c.used_at_ns.is_(None),
            invitations.c.revoked_at_ns.is_(None),
        )
        .values(revoked_at_ns=now_ns)
    )
    return revoked.rowcount == 1


def list_invitations(read: ReadSession, tenant: str) -> list[Row]:
    """Those of a tenant, newest first."""
    query = select(invitations).where(invitations.c.tenant == tenant)
    return list(read.all(query.order_by(invitations.c.created_at_ns.desc()).limit(LIST_MAX)))


def count_passkeys(read: ReadSession, tenant: str) -> dict[str, int]:
    """How many passkeys each account of a tenant has."""
    rows = read.all(
        select(credentials.c.user, func.count().label("count"))
        .where(credentials.c.tenant == tenant)
        .group_by(credentials.c.user)
    )
    return {str(row["user"]): int(row["count"]) for row in rows}


def drop_passkeys(write: WriteSession, user_id: str) -> None:
    """Forget every passkey of an account."""
    write.execute(delete(credentials).where(credentials.c.user == user_id))


def passkey(read: ReadSession, credential_id: str) -> Row | None:
    """The passkey that its authenticator calls so, in hexadecimal."""
    return read.first(select(credentials).where(credentials.c.credential_id == credential_id))


def passkey_known(read: ReadSession, credential_id: str) -> bool:
    """Whether there is one of that id, anybody's."""
    return passkey(read, credential_id) is not None


def passkey_used(write: WriteSession, identifier: str, count: int, now_ns: int) -> None:
    """Remember its count and when it was used."""
    change_passkey(write, identifier, sign_count=count, used_at_ns=now_ns)


def change_passkey(write: WriteSession, identifier: str, **values: Any) -> None:
    """Set columns of one passkey."""
    write.execute(update(credentials).where(credentials.c.id == identifier).values(values))


def drop_passkey(write: WriteSession, identifier: str) -> None:
    """Forget one passkey."""
    write.execute(delete(credentials).where(credentials.c.id == identifier))


def user_of_subject(read: ReadSession, tenant: str, subject: str) -> Row | None:
    """The account that a provider's person was linked to."""
    return read.first(
        select(users).where(users.c.tenant == tenant, users.c.oidc_subject == subject)
    )
