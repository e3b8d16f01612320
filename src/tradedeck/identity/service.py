"""Issues, exchanges and ends credentials; each act is audited in its own transaction.

Callers pass the write session and the time; the secret of what was issued is returned once.
"""

from __future__ import annotations

import hashlib
import secrets

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Result, Who
from tradedeck.identity import store
from tradedeck.identity.tables import one_time_links, sessions, tokens
from tradedeck.identity.types import Actor, Issued, Role
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


def create_link(write: WriteSession, *, name: str, role: Role, who: Who, now_ns: int) -> Issued:
    """A one-time sign-in link, valid for 15 minutes."""
    secret = new_secret(LINK_PREFIX)
    issued = Issued(new_id("lnk", now_ns), secret, role, name, now_ns + LINK_TTL_NS)
    _add_link(write, issued, "sign-in", now_ns)
    audit.append(
        write, Act(Action.LINK_CREATE, who, issued.id, after={"role": role.value}), now_ns=now_ns
    )
    return issued


def create_step_up(write: WriteSession, *, who: Who, now_ns: int) -> Issued:
    """A one-time code that stands for presence on the host, valid for 10 minutes."""
    letters = [secrets.choice(STEP_UP_ALPHABET) for _ in range(STEP_UP_LETTERS)]
    code = "".join(letters[:5]) + "-" + "".join(letters[5:])
    issued = Issued(new_id("stp", now_ns), code, Role.ADMIN, "host", now_ns + STEP_UP_TTL_NS)
    _add_link(write, issued, "step-up", now_ns)
    audit.append(write, Act(Action.STEP_UP_CREATE, who, issued.id), now_ns=now_ns)
    return issued


def _add_link(write: WriteSession, issued: Issued, purpose: str, now_ns: int) -> None:
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


def open_session(
    write: WriteSession, link: str, *, address: str, agent: str, ttl_ns: int, now_ns: int
) -> Issued:
    """Exchange a one-time link for a session.

    Raises:
        TradedeckError: UNAUTHENTICATED when the link is unknown, used or expired.
    """
    row = store.use_link(write, hashed(link), "sign-in", now_ns)
    if row is None:
        raise TradedeckError(
            Code.UNAUTHENTICATED,
            "The sign-in link was not valid: it was used before, or 15 minutes have passed.",
            hint="Run `tradedeck token link` on the host for a fresh one.",
        )
    issued = Issued(
        new_id("ses", now_ns),
        new_secret(SESSION_PREFIX),
        Role(row["role"]),
        str(row["actor"]),
        now_ns + ttl_ns,
    )
    store.add(
        write,
        sessions,
        {
            "id": issued.id,
            "hash": hashed(issued.secret),
            "actor": issued.name,
            "role": issued.role.value,
            "address": address,
            "agent": agent[:200],
            "created_at_ns": now_ns,
            "expires_at_ns": issued.expires_at_ns,
            "seen_at_ns": now_ns,
            "ended_at_ns": None,
        },
    )
    who = Who(issued.name, issued.role.value, f"session:{issued.id}", address)
    audit.append(write, Act(Action.SESSION_OPEN, who, issued.id), now_ns=now_ns)
    return issued


def close_session(write: WriteSession, identifier: str, *, who: Who, now_ns: int) -> None:
    """End a session. Raises NOT_FOUND when there is none open of that id."""
    if not store.end_session(write, identifier, now_ns):
        raise TradedeckError(Code.NOT_FOUND, f"There is no open session {identifier}.")
    audit.append(write, Act(Action.SESSION_CLOSE, who, identifier), now_ns=now_ns)


def create_token(
    write: WriteSession, *, name: str, role: Role, days: float, who: Who, now_ns: int
) -> Issued:
    """A bearer token for machines; expires, at the latest after a year."""
    if not 0 < days <= TOKEN_DAYS_MAX:
        raise TradedeckError(
            Code.INVALID, f"A token lives more than 0 and at most {TOKEN_DAYS_MAX} days."
        )
    issued = Issued(
        new_id("tok", now_ns), new_secret(TOKEN_PREFIX), role, name, now_ns + int(days * DAY_NS)
    )
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
        },
    )
    after = {"name": name, "role": role.value, "days": days}
    audit.append(write, Act(Action.TOKEN_CREATE, who, issued.id, after=after), now_ns=now_ns)
    return issued


def revoke_token(write: WriteSession, identifier: str, *, who: Who, now_ns: int) -> None:
    """Make a token useless at once. Raises NOT_FOUND."""
    if not store.revoke_token(write, identifier, now_ns):
        raise TradedeckError(Code.NOT_FOUND, f"There is no valid token {identifier}.")
    audit.append(write, Act(Action.TOKEN_REVOKE, who, identifier, Result.DONE), now_ns=now_ns)
