"""A second person's word: asked for, given, refused, taken back; for one exact act, once.

The digest is over the whole act. The one who approves is another person with the right, says which
digest was read, and of two who approve at once one does. Each step has its record in its own
transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Result, Who
from tradedeck.identity import people_store
from tradedeck.identity.permissions import Permission, holds
from tradedeck.identity.tables_control import approvals as table
from tradedeck.identity.types import Actor
from tradedeck.identity.types import Kind as Account
from tradedeck.kernel import canonical
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.store.sessions import ReadSession, WriteSession

LIFE_NS: Final = 3600 * NS_PER_S
OPEN_MAX: Final = 50  # what people can judge
LISTED_MAX: Final = 200
Row = Mapping[str, Any]


class Kind(StrEnum):
    """What takes two."""

    LIFT = "halt.lift"
    LOOSEN = "config.loosen"
    GRANT = "role.grant"
    SOLO = "profile.solo"
    LIVE = "live.switch"  # reserved


class Status(StrEnum):
    """Where a request stands. An open one that is past its time is `expired`, whoever wrote it."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    USED = "used"
    REVOKED = "revoked"


RIGHT: Final[Mapping[Kind, Permission]] = {
    Kind.LIFT: Permission.HALT_CLEAR,
    Kind.LOOSEN: Permission.CONFIG_LOOSEN,
    Kind.GRANT: Permission.PEOPLE_MANAGE,
}


def right_of(kind: Kind, act: Mapping[str, Any]) -> Permission:
    """What both people must hold."""
    return Permission(act["right"]) if kind is Kind.SOLO else RIGHT[kind]


def digest_of(act: Mapping[str, Any]) -> str:
    """SHA-256 of the act's canonical form."""
    return canonical.digest(canonical.encode(act))


def needed(kind: Kind, what: str) -> TradedeckError:
    """For an act that one person alone may not do."""
    return TradedeckError(
        Code.APPROVAL_REQUIRED,
        f"{what} takes two people here.",
        hint=f"Ask for it with POST /api/v1/approvals ({kind}) or `tradedeck approvals`; another "
        "person approves it.",
    )


def _person(read: ReadSession, actor: Actor, right: Permission) -> None:
    """Raise unless the actor is a person, signed in as one, who holds the right now."""
    row = people_store.user(read, actor.user) if actor.user else None
    if row is None or row["kind"] != Account.PERSON or row["disabled_at_ns"] is not None:
        raise TradedeckError(
            Code.FORBIDDEN,
            "Only a person can say this, not a token of the host and not a service.",
            hint="Sign in: on the page, or with `tradedeck login`.",
        )
    if not holds(actor, right):
        raise TradedeckError(
            Code.FORBIDDEN, f"The role {actor.role} may not do this; it needs {right}."
        )


def request(
    write: WriteSession,
    kind: Kind,
    act: Mapping[str, Any],
    *,
    actor: Actor,
    reason: str,
    now_ns: int,
    expires_at_ns: int | None = None,
) -> Row:
    """Ask for a second person's word; the same act that waits already is returned as it is.

    Raises:
        TradedeckError: FORBIDDEN; TOO_MANY.
    """
    _person(write, actor, right_of(kind, act))
    digest = digest_of(act)
    waiting = [row for row in listed(write, actor.tenant, now_ns) if row["status"] == Status.OPEN]
    for row in waiting:
        if row["digest"] == digest:
            return row
    if len(waiting) >= OPEN_MAX:
        raise TradedeckError(
            Code.TOO_MANY, f"{OPEN_MAX} requests wait already.", hint="Withdraw some of them."
        )
    made = {
        "id": new_id("apr", now_ns),
        "tenant": actor.tenant,
        "kind": kind.value,
        "act": canonical.encode(act).decode(),
        "digest": digest,
        "requester": actor.name,
        "requester_user": actor.user,
        "reason": reason,
        "status": Status.OPEN.value,
        "approver": "",
        "approver_user": "",
        "signatures": "[]",
        "detail": "",
        "created_at_ns": now_ns,
        "expires_at_ns": now_ns + LIFE_NS if expires_at_ns is None else expires_at_ns,
        "decided_at_ns": None,
        "used_at_ns": None,
    }
    write.execute(table.insert().values(made))
    _record(write, Action.APPROVAL_REQUEST, actor.who(), made, now_ns, Result.WAITING, reason)
    return made


def listed(read: ReadSession, tenant: str, now_ns: int) -> list[Row]:
    """Of a tenant, newest first, with the status that time has given them."""
    query = select(table).where(table.c.tenant == tenant).order_by(table.c.created_at_ns.desc())
    return [_now(row, now_ns) for row in read.all(query.limit(LISTED_MAX))]


def wanted(read: ReadSession, identifier: str, tenant: str, now_ns: int) -> Row:
    """One; NOT_FOUND also where it is another tenant's."""
    row = read.first(select(table).where(table.c.id == identifier, table.c.tenant == tenant))
    if row is None:
        raise TradedeckError(Code.NOT_FOUND, f"There is no request {identifier}.")
    return _now(row, now_ns)


def _now(row: Row, now_ns: int) -> Row:
    is_late = row["status"] in (Status.OPEN, Status.APPROVED) and now_ns > row["expires_at_ns"]
    return {**row, "status": Status.EXPIRED.value} if is_late else dict(row)


def approve(
    write: WriteSession,
    identifier: str,
    *,
    actor: Actor,
    digest: str,
    signature: Mapping[str, Any] | None,
    now_ns: int,
) -> Row:
    """Another person's yes to exactly what was read; the row as it is then.

    Raises:
        TradedeckError: NOT_FOUND, EXPIRED, CONFLICT, REFUSED (one's own), FORBIDDEN.
    """
    row = wanted(write, identifier, actor.tenant, now_ns)
    _must(row, Status.OPEN)
    act = canonical.decode(row["act"])
    if digest != row["digest"] or digest_of(act) != row["digest"]:
        raise TradedeckError(
            Code.CONFLICT,
            "What was read is not what is asked for.",
            hint="Look at the request again, then decide.",
        )
    _person(write, actor, right_of(Kind(row["kind"]), act))
    if actor.user == row["requester_user"]:
        raise TradedeckError(
            Code.REFUSED,
            "Nobody approves their own request.",
            hint="Another person with the right does it.",
        )
    given = {"approver": actor.name, "approver_user": actor.user, "decided_at_ns": now_ns}
    if not _move(write, row, Status.OPEN, Status.APPROVED, **given):
        raise TradedeckError(Code.CONFLICT, "Somebody decided this at the same moment.")
    if signature is not None:
        _add_signature(write, row, signature)
    _record(write, Action.APPROVAL_APPROVE, actor.who(), row, now_ns)
    return wanted(write, identifier, actor.tenant, now_ns)


def sign(
    write: WriteSession, identifier: str, signature: Mapping[str, Any], *, actor: Actor, now_ns: int
) -> Row:
    """Add one's own signature for the trading host, of whoever asked or approved."""
    row = wanted(write, identifier, actor.tenant, now_ns)
    _must(row, Status.OPEN, Status.APPROVED)
    if actor.user not in (row["requester_user"], row["approver_user"]):
        raise TradedeckError(Code.FORBIDDEN, "Only who asked or approved signs it.")
    _add_signature(write, row, signature)
    return wanted(write, identifier, actor.tenant, now_ns)


def _add_signature(write: WriteSession, row: Row, signature: Mapping[str, Any]) -> None:
    kept = [s for s in canonical.decode(row["signatures"]) if s["person"] != signature["person"]]
    text = canonical.encode([*kept, dict(signature)]).decode()
    write.execute(table.update().where(table.c.id == row["id"]).values(signatures=text))


def refuse(write: WriteSession, identifier: str, *, actor: Actor, reason: str, now_ns: int) -> Row:
    """A person's no: of anybody with the right, before or after a yes."""
    row = wanted(write, identifier, actor.tenant, now_ns)
    _must(row, Status.OPEN, Status.APPROVED)
    _person(write, actor, right_of(Kind(row["kind"]), canonical.decode(row["act"])))
    own = actor.user == row["requester_user"]
    to = Status.REVOKED if own else Status.REFUSED
    _move(write, row, Status(row["status"]), to, detail=reason, decided_at_ns=now_ns)
    action = Action.APPROVAL_REVOKE if own else Action.APPROVAL_REFUSE
    _record(write, action, actor.who(), row, now_ns, reason=reason)
    return wanted(write, identifier, actor.tenant, now_ns)


def revoke(write: WriteSession, row: Row, why: str, *, who: Who, now_ns: int) -> None:
    """What it was about is not so any more."""
    _move(write, row, Status(row["status"]), Status.REVOKED, detail=why, decided_at_ns=now_ns)
    _record(write, Action.APPROVAL_REVOKE, who, row, now_ns, reason=why)


def use(write: WriteSession, row: Row, *, who: Who, now_ns: int) -> None:
    """Spend it: in the transaction of the effect, or before an effect elsewhere.

    Raises:
        TradedeckError: EXPIRED; CONFLICT where it is not approved, or spent.
    """
    _must(row, Status.APPROVED)
    if not _move(write, row, Status.APPROVED, Status.USED, used_at_ns=now_ns):
        raise TradedeckError(Code.CONFLICT, "It was used at the same moment.")
    _record(write, Action.APPROVAL_USE, who, row, now_ns)


def unuse(write: WriteSession, row: Row, why: str) -> None:
    """Nothing was done with it: the other side refused, and says so."""
    _move(write, row, Status.USED, Status.APPROVED, used_at_ns=None, detail=why)


def _must(row: Row, *statuses: Status) -> None:
    if row["status"] in statuses:
        return
    if row["status"] == Status.EXPIRED:
        raise TradedeckError(Code.EXPIRED, "The request is past its time.", hint="Ask again.")
    words = " or ".join(statuses)
    raise TradedeckError(Code.CONFLICT, f"The request is {row['status']}, not {words}.")


def _move(write: WriteSession, row: Row, old: Status, new: Status, **values: Any) -> bool:
    here = (table.c.id == row["id"], table.c.status == old.value)
    moved = write.execute(table.update().where(*here).values(status=new.value, **values))
    return moved.rowcount == 1


def _record(
    write: WriteSession,
    action: Action,
    who: Who,
    row: Row,
    now_ns: int,
    result: Result = Result.DONE,
    reason: str = "",
) -> None:
    after = {"kind": row["kind"], "digest": row["digest"], "requester": row["requester"]}
    act = Act(action, who, str(row["id"]), result, reason=reason, after=after)
    audit.append(write, act, now_ns=now_ns)
