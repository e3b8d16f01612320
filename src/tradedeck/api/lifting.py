"""Acts that the guard alone carries out: lifts and drills. Recorded before and after, asked once.

Waiting happens in the guard. The api passes a code on that it can neither make nor check.
"""

from __future__ import annotations

from typing import Any, Final

from tradedeck.api import approving, guardline
from tradedeck.api.context import Context
from tradedeck.api.pull import publish_own
from tradedeck.api.wire import Receipt
from tradedeck.audit.types import Act, Action, Result
from tradedeck.identity import approvals
from tradedeck.identity.approvals import Kind
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.clock import format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.projections.stop import STORE
from tradedeck.readmodels import stop
from tradedeck.trading.facts import Kind as Fact

CODE_HINT: Final = "Run `tradedeck guard code` on the trading host and send what it prints."


async def lift(
    context: Context,
    actor: Actor,
    *,
    scope: str,
    reason: str,
    code: str | None,
    approval: str | None = None,
) -> Receipt:
    """Ask the guard to lift a latch; `pending` is the lift's id while it waits."""
    body: dict[str, Any] = {"scope": scope, "reason": reason, "by": actor.name, "code": code or ""}
    said = {"scope": scope} | ({} if approval is None else {"approval": approval})
    act = _Act(context, actor, Action.HALT_CLEAR, scope, reason, said)
    spent: approving.Row | None = None
    try:
        if approval is not None:
            spent, signed = await approving.spend(context, actor, approval, scope, reason)
            body |= {"approval": signed, "by": f"{spent['requester']}, {spent['approver']}"}
        elif await approving.is_desk(context, actor, Permission.HALT_CLEAR):
            raise approvals.needed(Kind.LIFT, "Lifting a halt")
    except TradedeckError as error:
        await act.ended(error)
        raise
    if not code and approval is None:
        error = TradedeckError(
            Code.STEP_UP_REQUIRED,
            "Lifting a halt needs a one-time code of the guard.",
            hint=CODE_HINT,
        )
        await act.ended(error)
        raise error
    try:
        reply = await act.tell("lift", body, f"tradedeck lift {scope} --local --reason …")
    except TradedeckError as error:
        if spent is not None and error.code not in (Code.UNAVAILABLE, Code.TIMEOUT):
            await approving.not_used(context, spent, error)
        if error.code is not Code.NOT_FOUND or not await _held_here_alone(context, scope):
            raise
        # The guard took the code and holds nothing there: only our own note of it is left.
        cleared = {"scope": scope, "level": "none", "reason": reason, "by": actor.name}
        await publish_own(context, Fact.HALT_CLEARED.value, cleared)
        return Receipt(audit_id=act.correlation, detail="Only the store held it; lifted.")
    due: Any = reply.get("due_ns")
    name = str(reply.get("id") or "") or None
    return Receipt(
        audit_id=act.correlation,
        id=name,
        pending=name,
        hold_until=format_ns(due) if isinstance(due, int) else None,
        detail="It waits at the guard; it can be cancelled until then.",
    )


async def _held_here_alone(context: Context, scope: str) -> bool:
    latches = await context.store.read(stop.read_latches)
    return any(each["scope"] == scope and each["holders"] == [STORE] for each in latches)


async def cancel(context: Context, actor: Actor, name: str) -> Receipt:
    """Take a waiting lift back."""
    act = _Act(context, actor, Action.LIFT_CANCEL, name, "", {"id": name})
    await act.tell("lift_cancel", {"id": name, "by": actor.name}, "tradedeck guard status")
    return Receipt(audit_id=act.correlation, id=name)


async def drill(context: Context, actor: Actor, *, orders: int, positions: int) -> Receipt:
    """Begin a drill."""
    name = new_id("drill", context.clock.now_ns())
    body = {"id": name, "orders": orders, "positions": positions, "by": actor.name}
    act = _Act(context, actor, Action.DRILL_RUN, name, "", body)
    reply = await act.tell("drill", body, "tradedeck drill --local")
    return Receipt(audit_id=act.correlation, id=str(reply.get("id") or name))


class _Act:
    """One question to the guard between two records."""

    def __init__(
        self,
        context: Context,
        actor: Actor,
        action: Action,
        target: str,
        reason: str,
        said: dict[str, Any],
    ) -> None:
        self._context = context
        self._parts = (action, actor.who(), target)
        self._reason = reason
        self._said = said
        self.correlation = new_id("act", context.clock.now_ns())

    async def tell(self, kind: str, body: dict[str, Any], instead: str) -> dict[str, Any]:
        """The guard's answer; `instead` is the command that does the same on the host."""
        await self._record(Result.STARTED)
        try:
            reply = await guardline.tell(self._context, kind, body)
        except TradedeckError as error:
            await self.ended(error)
            raise guardline.away(error, instead) from error
        await self._record(Result.DONE)
        return reply

    async def ended(self, error: TradedeckError) -> None:
        """Record that it was refused, or that nobody answered."""
        lost = error.code in (Code.UNAVAILABLE, Code.TIMEOUT)
        await self._record(Result.FAILED if lost else Result.REFUSED, error)

    async def _record(self, result: Result, error: TradedeckError | None = None) -> None:
        code = "" if error is None else error.code.value
        reason = self._reason if error is None else error.detail
        act = Act(
            *self._parts, result, code, reason, after=self._said, correlation=self.correlation
        )
        await self._context.audit(act)
