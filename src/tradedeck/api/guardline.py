"""The api's line to the guard: one signed question on the bus, one answer.

The guard acts on nothing but a verified envelope, and lifts nothing on the api's word alone: a lift
needs a code that the guard itself printed on the host.
"""

from __future__ import annotations

from typing import Any, Final

from tradedeck.api.context import Context
from tradedeck.authority.envelope import seal
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.readmodels.parts import mapping

TTL_NS: Final = 10 * NS_PER_S
TIMEOUT_S: Final = 2.0
AWAY: Final = "On the trading host: `tradedeck guard status`, and `{0}`."


async def tell(
    context: Context, kind: str, body: dict[str, Any], *, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """The guard's answer to `kind` (`kill`, `lift`, `lift_cancel`, `drill`).

    Raises:
        TradedeckError: what the guard refused it for; UNAVAILABLE or TIMEOUT without an answer.
    """
    runner = context.settings.runner
    data = seal(
        context.key,
        kind=kind,
        target=f"guard.{runner}",
        body=body,
        now_ns=context.clock.now_ns(),
        ttl_ns=TTL_NS,
    )
    reply = mapping(await context.bus.request(f"kill.{runner}", data, timeout_s=timeout_s))
    if reply.get("ok") is not True:
        raise TradedeckError(
            _code(reply.get("code")),
            str(reply.get("detail") or "The guard refused it."),
            hint=str(reply.get("hint") or ""),
        )
    return dict(reply)


def away(error: TradedeckError, instead: str) -> TradedeckError:
    """A silence of the guard in words for people, with the command that works on the host."""
    if error.code not in (Code.UNAVAILABLE, Code.TIMEOUT):
        return error
    words = {
        Code.UNAVAILABLE: "The guard cannot be reached; nothing was asked of it.",
        Code.TIMEOUT: "The guard does not answer; whether it took this is not known.",
    }
    return TradedeckError(error.code, words[error.code], hint=AWAY.format(instead))


def _code(given: object) -> Code:
    try:
        return Code(str(given))
    except ValueError:
        return Code.REFUSED
