"""Acts of two people at the edge: what is asked for, in full; and what a yes does.

What takes effect in the store does so in the transaction of the yes. A lift takes effect at the
guard, which verifies both people itself where its host names them: its approval is spent first.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final, cast

from tradedeck.api import desk
from tradedeck.api.context import Context
from tradedeck.api.wire_approvals import ApprovalView, WishGrant, WishLift, WishSolo
from tradedeck.audit.types import Action, Who
from tradedeck.authority import approval
from tradedeck.desired import service as desired
from tradedeck.identity import approvals, governance, people
from tradedeck.identity.approvals import Kind, Status
from tradedeck.identity.permissions import Permission, holds
from tradedeck.identity.types import Actor, Role
from tradedeck.kernel import canonical
from tradedeck.kernel.clock import format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.projections.stop import GUARD_SOURCE
from tradedeck.readmodels.parts import mapping
from tradedeck.store.sessions import WriteSession

TRUSTED: Final = (Role.RISK, Role.ADMIN)  # roles whose word counts as a second one
Row = approvals.Row


async def ask(context: Context, actor: Actor, wish: WishLift | WishGrant | WishSolo) -> Row:
    """A request. Refusals are recorded and raised."""
    now = context.clock.now_ns()

    def work(write: WriteSession) -> Row:
        kind, act, until = _act(context, write, actor, wish, now)
        return approvals.request(
            write, kind, act, actor=actor, reason=wish.reason, now_ns=now, expires_at_ns=until
        )

    try:
        return await context.store.write(work)
    except TradedeckError as error:
        await desk.refused(context, actor, Action.APPROVAL_REQUEST, wish.kind, error)
        raise


def _act(
    context: Context,
    write: WriteSession,
    actor: Actor,
    wish: WishLift | WishGrant | WishSolo,
    now: int,
) -> tuple[Kind, dict[str, Any], int]:
    until = now + approvals.LIFE_NS
    if isinstance(wish, WishLift):
        return Kind.LIFT, _lift(context, wish, now, until).body(), until
    if isinstance(wish, WishGrant):
        row = people.wanted(write, wish.user, actor.tenant)
        return Kind.GRANT, _grant(row, wish.role), until
    return Kind.SOLO, {"right": wish.right}, until


def _lift(context: Context, wish: WishLift, now: int, until: int) -> approval.Act:
    """In full, about the halt as the guard has it."""
    told = context.live.telemetry.get(GUARD_SOURCE)
    halts = mapping(told.body if told else {}).get("halts")
    if not isinstance(halts, list):
        raise TradedeckError(
            Code.UNAVAILABLE,
            "The guard does not say what it has latched.",
            hint="Look at GET /api/v1/guard; on the host `tradedeck lift --local` works.",
        )
    listed = cast("list[dict[str, Any]]", halts)
    standing = next((row for row in listed if row.get("scope") == wish.scope), None)
    if standing is None:
        raise TradedeckError(Code.NOT_FOUND, f"The guard has nothing latched in {wish.scope}.")
    host = f"guard.{context.settings.runner}"
    nonce, subject = secrets.token_hex(16), int(standing.get("at_ns") or 0)
    return approval.Act(approval.LIFT, wish.scope, wish.reason, host, subject, nonce, now, until)


def _grant(row: Mapping[str, Any], role: Role) -> dict[str, Any]:
    is_disabled = row["disabled_at_ns"] is not None
    before = {"from": row["role"], "disabled": is_disabled}
    return {"user": row["id"], "name": row["name"], "role": role.value} | before


async def approve(
    context: Context,
    actor: Actor,
    identifier: str,
    digest: str,
    signature: Mapping[str, Any] | None,
) -> Row:
    """Say yes, and do it where it is the store's to do. Refusals are recorded and raised."""
    now, touched = context.clock.now_ns(), list[str]()

    def work(write: WriteSession) -> Row | TradedeckError:
        row = approvals.approve(
            write, identifier, actor=actor, digest=digest, signature=signature, now_ns=now
        )
        act, kind, who = canonical.decode(row["act"]), Kind(row["kind"]), actor.who()
        if kind is Kind.LIFT:
            return row
        stale = _stale(write, kind, act, actor.tenant)
        if stale:
            approvals.revoke(write, row, stale, who=who, now_ns=now)
            return TradedeckError(Code.CONFLICT, stale, hint="Ask for it anew.")
        approvals.use(write, row, who=who, now_ns=now)
        touched.extend(_perform(write, kind, act, row, actor, now))
        return approvals.wanted(write, identifier, actor.tenant, now)

    try:
        row = await context.store.write(work)
        if isinstance(row, TradedeckError):  # that it is revoked is committed, and then said
            raise row
    except TradedeckError as error:
        await desk.refused(context, actor, Action.APPROVAL_APPROVE, identifier, error)
        raise
    for user in touched:
        context.authenticator.forget_user(user)
    return row


def _stale(write: WriteSession, kind: Kind, act: Mapping[str, Any], tenant: str) -> str:
    """Why what was asked for is not what there is any more; empty where it is."""
    if kind is Kind.GRANT:
        row = people.wanted(write, act["user"], tenant)
        if _grant(row, Role(act["role"])) != act:
            return f"The account {row['name']} was changed after this was asked for."
    if kind is Kind.LOOSEN and not desired.is_as_asked(write, act):
        return "The change waits no more: another version took effect, or it was cancelled."
    return ""


def _perform(
    write: WriteSession, kind: Kind, act: Mapping[str, Any], row: Row, actor: Actor, now: int
) -> list[str]:
    """The effect, in the transaction of the yes; accounts whose sessions are to be looked at."""
    who = Who(
        f"{row['requester']}, {actor.name}", actor.role.value, actor.who().session, actor.address
    )
    if kind is Kind.LOOSEN:
        desired.agreed(write, act["pending"], who=who, now_ns=now)
        return []
    if kind is Kind.SOLO:
        governance.go_solo(write, actor.tenant, Permission(act["right"]), who=who, now_ns=now)
        return []
    account = people.wanted(write, act["user"], actor.tenant)
    people.set_role(write, account, Role(act["role"]), who=who, now_ns=now)
    people.enable(write, account, who=who, now_ns=now)
    return [str(act["user"])]


def alone(write: WriteSession, actor: Actor, role: Role, what: str, *, now_ns: int) -> None:
    """Raise where giving `role` takes two people."""
    if role in TRUSTED and governance.is_desk(
        write, actor.tenant, Permission.PEOPLE_MANAGE, now_ns=now_ns
    ):
        raise approvals.needed(Kind.GRANT, what)


async def is_desk(context: Context, actor: Actor, right: Permission) -> bool:
    """Whether it takes two people now."""
    now = context.clock.now_ns()
    return await context.store.write(
        lambda w: governance.is_desk(w, actor.tenant, right, now_ns=now)
    )


async def spend(
    context: Context, actor: Actor, identifier: str, scope: str, reason: str
) -> tuple[Row, dict[str, Any]]:
    """Spend the approval of a lift; the row, and what the guard is sent of it."""
    now = context.clock.now_ns()

    def work(write: WriteSession) -> Row:
        row = approvals.wanted(write, identifier, actor.tenant, now)
        act = canonical.decode(row["act"])
        if row["kind"] != Kind.LIFT or (act["scope"], act["reason"]) != (scope, reason):
            raise TradedeckError(Code.CONFLICT, "What was approved is another act.")
        approvals.use(write, row, who=actor.who(), now_ns=now)
        return row

    row = await context.store.write(work)
    signed = canonical.decode(row["signatures"])
    return row, {"act": canonical.decode(row["act"]), "signatures": signed}


async def not_used(context: Context, row: Row, error: TradedeckError) -> None:
    """The guard did nothing with it, and said so."""
    await context.store.write(lambda w: approvals.unuse(w, row, error.detail))


def view(row: Row, actor: Actor) -> ApprovalView:
    """As answered."""
    kind, act = Kind(row["kind"]), canonical.decode(row["act"])
    mine = bool(actor.user) and actor.user == row["requester_user"]
    may = holds(actor, approvals.right_of(kind, act)) and bool(actor.user) and not mine
    challenge = approval.challenge(row["digest"]).hex() if kind is Kind.LIFT else None
    return ApprovalView(
        id=row["id"],
        kind=kind.value,
        status=Status(row["status"]).value,
        act=act,
        digest=row["digest"],
        challenge=challenge,
        requester=row["requester"],
        approver=row["approver"] or None,
        reason=row["reason"],
        detail=row["detail"],
        signed_by=[each["person"] for each in canonical.decode(row["signatures"])],
        created_at=format_ns(row["created_at_ns"]),
        expires_at=format_ns(row["expires_at_ns"]),
        decided_at=_time(row["decided_at_ns"]),
        used_at=_time(row["used_at_ns"]),
        mine=mine,
        may_approve=may and row["status"] == Status.OPEN,
    )


def _time(value: int | None) -> str | None:
    return None if value is None else format_ns(value)
