"""What admins do with accounts: one way for the API and for the host's own socket.

Each act is one transaction with its record, and what memory knows of the account is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tradedeck.api.context import Context
from tradedeck.api.signing import instant
from tradedeck.api.wire_people import InvitationView, IssuedInvitation, PersonView
from tradedeck.audit.types import Who
from tradedeck.identity import invitations, people, people_store, service
from tradedeck.identity.plans import Feature
from tradedeck.identity.types import Kind, Role
from tradedeck.kernel.clock import format_ns
from tradedeck.store.sessions import ReadSession, WriteSession

Row = Mapping[str, Any]


async def everybody(context: Context, tenant: str) -> list[PersonView]:
    """The accounts of a tenant."""

    def work(read: ReadSession) -> tuple[list[Row], dict[str, int]]:
        return people_store.list_users(read, tenant), people_store.count_passkeys(read, tenant)

    rows, keys = await context.store.read(work)
    now = context.clock.now_ns()
    return [_view(row, keys.get(row["id"], 0), now) for row in rows]


def _view(row: Row, keys: int, now_ns: int) -> PersonView:
    locked = row["failed"] >= people.LOCKED_AT
    waits = people.locked(row, now_ns) and not locked
    return PersonView(
        id=row["id"],
        name=row["name"],
        display_name=row["display_name"],
        kind=Kind(row["kind"]),
        role=Role(row["role"]),
        disabled=row["disabled_at_ns"] is not None,
        has_password=row["password_hash"] is not None,
        has_totp=row["totp"] is not None,
        passkeys=keys,
        enrolled=row["enrolled_at_ns"] is not None,
        failed=row["failed"],
        locked=locked,
        waiting_until=instant(row["locked_until_ns"]) if waits else None,
        seen_at=instant(row["seen_at_ns"]),
        created_at=format_ns(row["created_at_ns"]),
        created_by=row["created_by"],
    )


async def act(
    context: Context,
    tenant: str,
    identifier: str,
    work: Callable[[WriteSession, Row, int], object],
) -> PersonView:
    """Do `work(write, account, now_ns)` on an account; how it is then. NOT_FOUND."""
    now = context.clock.now_ns()

    def whole(write: WriteSession) -> tuple[Row, int]:
        row = people.wanted(write, identifier, tenant)
        work(write, row, now)
        after = people.wanted(write, identifier, tenant)
        return after, len(people_store.passkeys(write, identifier))

    row, keys = await context.store.write(whole)
    context.authenticator.forget_user(identifier)
    return _view(row, keys, now)


async def named(context: Context, tenant: str, name: str) -> str:
    """The id of the account `name`. NOT_FOUND."""
    row = await context.store.read(lambda read: people.wanted_named(read, name, tenant))
    return str(row["id"])


async def add_service(
    context: Context, *, tenant: str, name: str, display_name: str, role: Role, who: Who
) -> PersonView:
    """A service account."""
    now = context.clock.now_ns()
    row = await context.store.write(
        lambda w: people.create(
            w, tenant=tenant, name=name, role=role, who=who, now_ns=now, kind=Kind.SERVICE,
            display_name=display_name,
        )
    )  # fmt: skip
    return _view(row, 0, now)


async def end_sessions(context: Context, *, tenant: str, identifier: str, who: Who) -> PersonView:
    """End every session of an account."""
    return await act(
        context,
        tenant,
        identifier,
        lambda w, row, now: service.close_sessions_of(w, row, who=who, now_ns=now),
    )


async def invite(
    context: Context, *, tenant: str, name: str, role: Role, days: float, who: Who
) -> IssuedInvitation:
    """A link for one person, shown once."""
    context.demand(Feature.PEOPLE)
    now = context.clock.now_ns()
    issued = await context.store.write(
        lambda w: invitations.invite(
            w, tenant=tenant, name=name, role=role, days=days, who=who, now_ns=now
        )
    )
    return IssuedInvitation(
        id=issued.id,
        name=issued.name,
        role=issued.role,
        token=issued.secret,
        path=f"/sign-in?invitation={issued.secret}",
        expires_at=format_ns(issued.expires_at_ns),
    )


async def invited(context: Context, tenant: str) -> list[InvitationView]:
    """The invitations of a tenant, newest first."""
    rows = await context.store.read(lambda read: people_store.list_invitations(read, tenant))
    now = context.clock.now_ns()
    return [_invitation(row, now) for row in rows]


def _invitation(row: Row, now_ns: int) -> InvitationView:
    if row["used_at_ns"] is not None:
        state = "accepted"
    elif row["revoked_at_ns"] is not None:
        state = "revoked"
    else:
        state = "open" if now_ns < row["expires_at_ns"] else "expired"
    return InvitationView(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        state=state,
        created_at=format_ns(row["created_at_ns"]),
        created_by=row["created_by"],
        expires_at=format_ns(row["expires_at_ns"]),
    )
