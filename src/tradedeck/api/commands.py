"""Acts on the runner: recorded, signed, asked once, and recorded again with what came of it.

An act whose record cannot be written is refused, with one exception: what only reduces (pause,
stop, cancel, close, flatten, halt) goes out all the same and says so in the log, because a full
disk here must not keep anybody from stopping. The runner journals it, and that fact arrives here
when there is room again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import structlog

from tradedeck.api.context import Context
from tradedeck.api.wire import Receipt
from tradedeck.audit.types import Act, Action, Result, Who
from tradedeck.authority.envelope import seal
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id

TTL_NS = 10 * NS_PER_S  # a command that lay longer somewhere is not meant any more
TIMEOUT_S = 2.0
REDUCING = frozenset(
    {
        "trader.pause", "trader.stop", "order.cancel", "orders.cancel", "position.close",
        "flatten", "halt.set",
    }
)  # fmt: skip
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be done, by whom, and how the record names it."""

    name: str
    args: dict[str, Any]
    who: Who
    action: Action
    target: str
    reason: str = ""
    correlation: str = ""
    recorded: dict[str, Any] | None = field(default=None)

    def act(self, result: Result, *, code: str = "", reason: str = "") -> Act:
        """Its record."""
        return Act(
            self.action,
            self.who,
            self.target,
            result,
            code,
            reason or self.reason,
            after=self.args,
            correlation=self.correlation,
        )


async def send(context: Context, command: Command) -> Receipt:
    """Have the runner do it; accepted means that its outcome will be a journal entry.

    Raises:
        TradedeckError: what the runner refused it for; UNAVAILABLE or TIMEOUT without an answer.
    """
    now = context.clock.now_ns()
    command = replace(command, correlation=command.correlation or new_id("act", now))
    recorded = await _record(context, command, command.act(Result.STARTED))
    try:
        reply = await _ask(context, command, now)
    except TradedeckError as error:
        failed = error.code in (Code.UNAVAILABLE, Code.TIMEOUT)
        await _record(
            context,
            command,
            command.act(
                Result.FAILED if failed else Result.REFUSED,
                code=error.code.value,
                reason=error.detail,
            ),
        )
        raise
    await _record(context, command, command.act(Result.DONE))
    return Receipt(
        accepted=True,
        audit_id=command.correlation if recorded else "",
        id=str(reply.get("id") or "") or None,
        detail=_detail(reply),
    )


def _detail(reply: dict[str, Any]) -> str | None:
    detail = reply.get("detail")
    return detail if isinstance(detail, str) and detail else None


async def _ask(context: Context, command: Command, now: int) -> dict[str, Any]:
    runner = context.runner
    body = {
        "command": command.name,
        "args": command.args,
        "by": command.who.actor,
        "audit": command.correlation,
    }
    data = seal(context.key, kind="command", target=runner, body=body, now_ns=now, ttl_ns=TTL_NS)
    try:
        answer: Any = await context.bus.request(f"cmd.{runner}", data, timeout_s=TIMEOUT_S)
    except TradedeckError as error:
        if error.code not in (Code.UNAVAILABLE, Code.TIMEOUT):
            raise
        raise TradedeckError(
            error.code,
            "The runner does not answer; whether it took the command is not known."
            if error.code is Code.TIMEOUT
            else "The runner cannot be reached; the command was not sent.",
            hint="On the host: `tradedeck status`; positions stay managed by the runner's limits.",
        ) from error
    reply = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    if reply.get("accepted") is not True:
        raise TradedeckError(
            _code(reply.get("code")), str(reply.get("detail") or "The runner refused it.")
        )
    return reply


def _code(given: object) -> Code:
    try:
        return Code(str(given))
    except ValueError:
        return Code.REFUSED


async def _record(context: Context, command: Command, act: Act) -> bool:
    try:
        await context.audit(act)
    except TradedeckError as error:
        if command.name not in REDUCING:
            raise
        log.error(  # noqa: TRY400 - expected on a full disk; the sentence says it all
            "a reducing act went out without its record",
            command=command.name,
            target=command.target,
            by=command.who.actor,
            code=error.code,
        )
        return False
    return True
