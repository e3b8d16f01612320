"""Questions to the runner: signed like commands, but they change nothing and leave no record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradedeck.api.context import Context
from tradedeck.authority.envelope import seal
from tradedeck.identity.types import Actor
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.readmodels.parts import mapping

TTL_NS: Final = 10 * NS_PER_S
TIMEOUT_S: Final = 3.0  # a strategy host has a deadline of its own, which is shorter


async def ask(
    context: Context,
    actor: Actor,
    question: str,
    args: dict[str, Any],
    *,
    timeout_s: float = TIMEOUT_S,
) -> Any:
    """The runner's answer.

    Raises:
        TradedeckError: what the runner said against it; UNAVAILABLE or TIMEOUT without an answer.
    """
    runner = context.runner
    body = {"command": question, "args": args, "by": actor.name, "audit": None}
    data = seal(
        context.key,
        kind="command",
        target=runner,
        body=body,
        now_ns=context.clock.now_ns(),
        ttl_ns=TTL_NS,
    )
    try:
        reply = mapping(await context.bus.request(f"cmd.{runner}", data, timeout_s=timeout_s))
    except TradedeckError as error:
        if error.code not in {Code.UNAVAILABLE, Code.TIMEOUT}:
            raise
        raise TradedeckError(
            error.code,
            "The runner does not answer.",
            hint="Operations shows since when; what it reported last stays on the page.",
        ) from error
    if reply.get("accepted") is not True:
        raise _refusal(reply)
    return reply.get("result")


def _refusal(reply: Mapping[str, Any]) -> TradedeckError:
    try:
        code = Code(str(reply.get("code")))
    except ValueError:
        code = Code.REFUSED
    return TradedeckError(code, str(reply.get("detail") or "The runner refused it."))
