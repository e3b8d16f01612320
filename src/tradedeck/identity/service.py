"""Issues, exchanges and ends credentials; each act is audited in its own transaction.

Callers pass the write session and the time; the secret of what was issued is returned once.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Result, Who
from tradedeck.identity import people, people_store, store
from tradedeck.identity.tables import one_time_links, sessions, tokens
from tradedeck.identity.types import MAIN, Actor, Issued, Kind, Method, Role
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.store.sessions import WriteSession

SESSION_PREFIX = "tds_"
TOKEN_PREFIX = "tdt_"  # noqa: S105 - a prefix, by which secrets are found in logs
LINK_PREFIX = "tdl_"
LINK_TTL_NS = 15 * 60 * NS_PER_S
STEP_UP_TTL_NS = 10 * 60 * NS_PER_S
TOKEN_DAYS_MAX = 366
DAY_NS = 86_400 * NS_PER_S
STEP_UP_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"  # nothing that is misread aloud
STEP_UP_LETTERS = 10  # 30^10 ≈ 2^49, single use, ten minutes
HOST = Who("host", "host", "host")


def hashed(secret: str) -> str:
    """How a credential is kept. Plain SHA-256 suffices for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret(prefix: str) -> str:
    """A credential of 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def create_link(
    write: WriteSession, *, name: str, role: Role | None, who: Who, now_ns: int, tenant: str = MAIN
) -> Issued:
    """A one-time sign-in link, valid for 15 minutes, for the account `name`.

    Where there is no such account, the link makes it when it is used, with `role` (admin where
    none is given).

    Raises:
        TradedeckError: CONFLICT where the account has another role, is disabled or is a service.
    """
    row = people_store.user_named(write, tenant, name)
    if row is not None:
        _may_link(row, role)
        role = Role(row["role"])
    elif people.NAME.fullmatch(name) is None:
        raise people.bad_name(name)
    role = role or Role.ADMIN
    secret = new_secret(LINK_PREFIX)
    issued = Issued(new_id("lnk", now_ns), secret, role, name, now_ns + LINK_TTL_NS)
    _add_link(write, issued, "sign-in", tenant, now_ns)
    after = {"name": name, "role": role.value}
    audit.append(write, Act(Action.LINK_CREATE, who, issued.id, after=after), now_ns=now_ns)
    return issued


def _may_link(row: Mapping[str, Any], role: Role | None) -> None:
    name = row["name"]
    if row["kind"] != Kind.PERSON.value:
        raise TradedeckError(Code.CONFLICT, f"{name} is a service; it has tokens, not sessions.")
    if row["disabled_at_ns"] is not None:
        raise TradedeckError(
            Code.CONFLICT,
            f"The account {name} is disabled.",
            hint=f"Run `tradedeck user enable {name}` first.",
        )
    if role is not None and role.value != row["role"]:
        raise TradedeckError(
            Code.CONFLICT,
            f"The account {name} has the role {row['role']}.",
            hint="Name another account with --name, or leave --role out.",
        )


def create_step_up(write: WriteSession, *, who: Who, now_ns: int) -> Issued:
    """A one-time code that stands for presence on the host, valid for 10 minutes."""
    letters = [secrets.choice(STEP_UP_ALPHABET) for _ in range(STEP_UP_LETTERS)]
    code = "".join(letters[:5]) + "-" + "".join(letters[5:])
    issued = Issued(new_id("stp", now_ns), code, Role.ADMIN, "host", now_ns + STEP_UP_TTL_NS)
    _add_link(write, issued, "step-up", write.tenant, now_ns)
    audit.append(write, Act(Action.STEP_UP_CREATE, who, issued.id), now_ns=now_ns)
    return issued


def _add_link(write: WriteSession, issued: Issued, purpose: str, tenant: str, now_ns: int) -> None:
    store.add(
        write,
        one_time_links,
        {
            "id": issued.id,
            "hash": hashed(issued.secret),
            "purpose": purpose,
            "actor": issued.name,
            "role": issued.role.value,
            "created_at_ns": now_ns,
            "expires_at_ns": issued.expires_at_ns,
            "used_at_ns": None,
            "tenant": tenant,
        },
    )


def use_step_up(write: WriteSession, code: str, *, actor: Actor, now_ns: int) -> None:
    """Consume a step-up code.

    Raises:
        TradedeckError: STEP_UP_REQUIRED when it is unknown, used or expired.
    """
    row = store.use_link(write, hashed(code.strip().lower()), "step-up", now_ns)
    if row is None:
        raise TradedeckError(
            Code.STEP_UP_REQUIRED,
            "The step-up code was not valid.",
            hint="Run `tradedeck token step-up` on the host for a fresh one.",
        )
    audit.append(write, Act(Action.STEP_UP_USE, actor.who(), str(row["id"])), now_ns=now_ns)


@dataclass(frozen=True, slots=True)
class Visit:
    """From where somebody signs in, and how long the session may live, in ns."""

    address: str
    agent: str
    ttl_ns: int


def open_session(write: WriteSession, link: str, *, visit: Visit, now_ns: int) -> Issued:
    """Exchange a one-time link for a session of its account, which is made where there is none.

    Raises:
        TradedeckError: UNAUTHENTICATED when the link is unknown, used or expired, or its account
            was disabled meanwhile.
    """
    row = store.use_link(write, hashed(link), "sign-in", now_ns)
    if row is None:
        raise _bad_link()
    tenant, name = str(row["tenant"]), str(row["actor"])
    write = write.of(tenant)
    user = people_store.user_named(write, tenant, name)
    if user is None:
        user = people.create(
            write, tenant=tenant, name=name, role=Role(row["role"]), who=HOST, now_ns=now_ns
        )
    elif user["disabled_at_ns"] is not None or user["kind"] != Kind.PERSON.value:
        raise _bad_link()
    return add_session(write, user, method=Method.LINK, mfa=False, visit=visit, now_ns=now_ns)


def _bad_link() -> TradedeckError:
    return TradedeckError(
        Code.UNAUTHENTICATED,
        "The sign-in link was not valid: it was used before, or 15 minutes have passed.",
        hint="Run `tradedeck token link` on the host for a fresh one.",
    )


def add_session(
    write: WriteSession,
    user: Mapping[str, Any],
    *,
    method: Method,
    mfa: bool,
    visit: Visit,
    now_ns: int,
) -> Issued:
    """A session of an account; one opened with a second factor counts as just stepped up."""
    issued = Issued(
        new_id("ses", now_ns),
        new_secret(SESSION_PREFIX),
        Role(user["role"]),
        str(user["name"]),
        now_ns + visit.ttl_ns,
    )
    store.add(
        write,
        sessions,
        {
            "id": issued.id,
            "hash": hashed(issued.secret),
            "actor": issued.name,
            "role": issued.role.value,
            "address": visit.address,
            "agent": visit.agent[:200],
            "created_at_ns": now_ns,
            "expires_at_ns": issued.expires_at_ns,
            "seen_at_ns": now_ns,
            "ended_at_ns": None,
            "tenant": user["tenant"],
            "user": user["id"],
            "method": method.value,
            "mfa": mfa,
            "step_up_at_ns": now_ns if mfa else 0,
        },
    )
    people_store.change_user(write, user["id"], seen_at_ns=now_ns)
    who = Who(issued.name, issued.role.value, f"session:{issued.id}", visit.address)
    after = {"method": method.value, "mfa": mfa}
    audit.append(write, Act(Action.SESSION_OPEN, who, issued.id, after=after), now_ns=now_ns)
    return issued


def close_session(
    write: WriteSession,
    identifier: str,
    *,
    who: Who,
    now_ns: int,
    user: str | None = None,
    tenant: str | None = None,
) -> None:
    """End a session, of that account and tenant where they are named.

    Raises:
        TradedeckError: NOT_FOUND when there is none open of that id.
    """
    row = store.by_id(write, sessions, identifier)
    is_theirs = row is not None and (
        row["user"] == (user or row["user"]) and row["tenant"] == (tenant or row["tenant"])
    )
    if not is_theirs or not store.end_session(write, identifier, now_ns):
        raise TradedeckError(Code.NOT_FOUND, f"There is no open session {identifier}.")
    audit.append(write, Act(Action.SESSION_CLOSE, who, identifier), now_ns=now_ns)


def close_sessions_of(
    write: WriteSession, user: Mapping[str, Any], *, who: Who, now_ns: int, but: str = ""
) -> int:
    """End every session of an account, except one; returns how many there were."""
    count = store.end_sessions_of(write, str(user["id"]), now_ns, but=but)
    if count:
        act = Act(Action.SESSION_CLOSE, who, f"user/{user['name']}", after={"sessions": count})
        audit.append(write, act, now_ns=now_ns)
    return count


def create_token(
    write: WriteSession,
    *,
    name: str,
    role: Role,
    days: float,
    who: Who,
    now_ns: int,
    tenant: str = MAIN,
    user: str = "",
    permissions: Sequence[str] | None = None,
) -> Issued:
    """A bearer token for machines; expires, at the latest after a year.

    `user` is the account whose it is: it ends with the account and never has more than its role.
    `permissions` narrows the role.
    """
    if not 0 < days <= TOKEN_DAYS_MAX:
        raise TradedeckError(
            Code.INVALID, f"A token lives more than 0 and at most {TOKEN_DAYS_MAX} days."
        )
    issued = Issued(
        new_id("tok", now_ns), new_secret(TOKEN_PREFIX), role, name, now_ns + int(days * DAY_NS)
    )
    scope = None if permissions is None else sorted(permissions)
    store.add(
        write,
        tokens,
        {
            "id": issued.id,
            "hash": hashed(issued.secret),
            "name": name,
            "role": role.value,
            "created_by": who.actor,
            "created_at_ns": now_ns,
            "expires_at_ns": issued.expires_at_ns,
            "seen_at_ns": None,
            "revoked_at_ns": None,
            "tenant": tenant,
            "user": user,
            "permissions": None if scope is None else json.dumps(scope),
        },
    )
    after = {"name": name, "role": role.value, "days": days, "permissions": scope}
    audit.append(write, Act(Action.TOKEN_CREATE, who, issued.id, after=after), now_ns=now_ns)
    return issued


def revoke_token(
    write: WriteSession, identifier: str, *, tenant: str, who: Who, now_ns: int
) -> None:
    """Make a token useless at once. Raises NOT_FOUND."""
    if not store.revoke_token(write, tenant, identifier, now_ns):
        raise TradedeckError(Code.NOT_FOUND, f"There is no valid token {identifier}.")
    audit.append(write, Act(Action.TOKEN_REVOKE, who, identifier, Result.DONE), now_ns=now_ns)
