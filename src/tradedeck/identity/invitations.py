"""Invitations: an admin names somebody and their role; whoever has the link sets the password.

The secret is kept as its hash, works once and for days, and makes one account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Who
from tradedeck.identity import people, people_store
from tradedeck.identity.service import DAY_NS, Visit, add_session, hashed, new_secret
from tradedeck.identity.tables_people import invitations
from tradedeck.identity.types import Issued, Method, Role
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.store.sessions import ReadSession, WriteSession

PREFIX: Final = "tdi_"
DAYS_MAX: Final = 30


def invite(
    write: WriteSession,
    *,
    tenant: str,
    name: str,
    role: Role,
    days: float,
    who: Who,
    now_ns: int,
) -> Issued:
    """A link by which one person makes the account `name`.

    Raises:
        TradedeckError: INVALID for a name that is none; CONFLICT where it is taken.
    """
    if people.NAME.fullmatch(name) is None:
        raise people.bad_name(name)
    if people_store.user_named(write, tenant, name) is not None:
        raise TradedeckError(Code.CONFLICT, f"There is an account {name} already.")
    issued = Issued(
        new_id("inv", now_ns), new_secret(PREFIX), role, name, now_ns + int(days * DAY_NS)
    )
    people_store.add(
        write,
        invitations,
        {
            "id": issued.id,
            "tenant": tenant,
            "hash": hashed(issued.secret),
            "name": name,
            "role": role.value,
            "created_at_ns": now_ns,
            "expires_at_ns": issued.expires_at_ns,
            "created_by": who.actor,
            "used_at_ns": None,
            "revoked_at_ns": None,
        },
    )
    after = {"name": name, "role": role.value, "days": days}
    act = Act(Action.INVITATION_CREATE, who, issued.id, after=after)
    audit.append(write, act, now_ns=now_ns)
    return issued


def find(read: ReadSession, secret: str, now_ns: int) -> Mapping[str, Any]:
    """The open invitation of that secret. UNAUTHENTICATED where there is none."""
    row = people_store.open_invitation(read, hashed(secret), now_ns)
    if row is None:
        raise TradedeckError(
            Code.UNAUTHENTICATED,
            "The invitation was not valid: it was used or revoked, or its days have passed.",
            hint="Ask whoever sent it for another.",
        )
    return row


def accept(
    write: WriteSession,
    secret: str,
    *,
    display_name: str,
    password_hash: str,
    visit: Visit,
    now_ns: int,
) -> Issued:
    """Make the account of an invitation, and its first session."""
    row = find(write, secret, now_ns)
    write = write.of(str(row["tenant"]))
    if not people_store.use_invitation(write, str(row["id"]), now_ns):
        raise TradedeckError(Code.UNAUTHENTICATED, "The invitation was used at this moment.")
    who = Who(str(row["name"]), str(row["role"]), "", visit.address)
    user = people.create(
        write,
        tenant=str(row["tenant"]),
        name=str(row["name"]),
        role=Role(row["role"]),
        who=Who(str(row["created_by"]), "", f"invitation:{row['id']}"),
        now_ns=now_ns,
        display_name=display_name,
        password_hash=password_hash,
    )
    audit.append(write, Act(Action.INVITATION_ACCEPT, who, str(row["id"])), now_ns=now_ns)
    return add_session(write, user, method=Method.INVITATION, mfa=False, visit=visit, now_ns=now_ns)


def revoke(write: WriteSession, identifier: str, *, tenant: str, who: Who, now_ns: int) -> None:
    """Make an invitation useless. NOT_FOUND where there is no open one of that id."""
    if not people_store.revoke_invitation(write, tenant, identifier, now_ns):
        raise TradedeckError(Code.NOT_FOUND, f"There is no open invitation {identifier}.")
    audit.append(write, Act(Action.INVITATION_REVOKE, who, identifier), now_ns=now_ns)
