"""The api's line to the guard: one signed question, one answer; on the bus, for a kill also beside
it.

The guard acts on nothing but a verified envelope, and lifts nothing on the api's word alone: a lift
needs a code that the guard itself printed on the host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tradedeck.api.context import Context
from tradedeck.authority.envelope import seal
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.frames import Unpacker, pack
from tradedeck.readmodels.parts import mapping

TTL_NS: Final = 10 * NS_PER_S
TIMEOUT_S: Final = 2.0
PATIENCE_S: Final = 0.25  # then a kill goes over the guard's socket too, where it is on this host
READ_BYTES: Final = 64 * 1024
_SILENT: Final = frozenset({Code.UNAVAILABLE, Code.TIMEOUT})
AWAY: Final = "On the trading host: `tradedeck guard status`, and `{0}`."


async def tell(
    context: Context, kind: str, body: dict[str, Any], *, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """The guard's answer to `kind` (`kill`, `lift`, `lift_cancel`, `drill`).

    Raises:
        TradedeckError: what the guard refused it for; UNAVAILABLE or TIMEOUT without an answer.
    """
    subject, data = f"kill.{context.runner}", _sealed(context, kind, body)
    return _taken(mapping(await context.bus.request(subject, data, timeout_s=timeout_s)))


async def kill(context: Context, body: dict[str, Any], *, timeout_s: float = TIMEOUT_S) -> str:
    """Have the guard take a kill: over the bus, and where that is silent over its socket, if it is
    on this host. How it was taken, in words; empty for the bus.

    The socket gets the same signed envelope and the guard verifies it alike: nothing is asked there
    that the bus could not bring. A kill is one decision by its id, so both may arrive.

    Raises:
        TradedeckError: what the guard refused it for; UNAVAILABLE or TIMEOUT without an answer.
    """
    asked = asyncio.ensure_future(tell(context, "kill", body, timeout_s=timeout_s))
    await asyncio.wait({asked}, timeout=PATIENCE_S)
    if asked.done() and not _is_silent(asked):
        await asked
        return ""
    beside = asyncio.ensure_future(_beside(context, body, timeout_s))
    ways: set[asyncio.Future[Any]] = {asked, beside}
    while ways:
        done, ways = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in done:
            if _is_silent(way):
                continue
            for other in ways:
                other.cancel()
            await way
            return "" if way is asked else "By its socket on this host; the bus is silent."
    await asked  # what the bus said is what a person can look into
    return ""


def _is_silent(asked: asyncio.Future[Any]) -> bool:
    error = asked.exception()
    return isinstance(error, TradedeckError) and error.code in _SILENT


async def _beside(context: Context, body: dict[str, Any], timeout_s: float) -> None:
    path = context.settings.home / "run" / "guard.sock"
    envelope = _sealed(context, "kill", body).decode()
    try:
        async with asyncio.timeout(timeout_s):
            _taken(await _asked(path, {"op": "ask", "act": "wire", "envelope": envelope}))
    except OSError as error:  # a TimeoutError is one
        raise TradedeckError(
            Code.UNAVAILABLE, f"The guard's socket does not answer: {error or 'silent'}."
        ) from error


async def _asked(path: Path, frame: dict[str, Any]) -> Mapping[str, Any]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        writer.write(pack(frame))
        unpacker = Unpacker()
        while data := await reader.read(READ_BYTES):
            for answer in unpacker.feed(data):
                return mapping(answer)
        raise ConnectionError("it closed the line")
    finally:
        writer.close()


def _sealed(context: Context, kind: str, body: dict[str, Any]) -> bytes:
    return seal(
        context.key,
        kind=kind,
        target=f"guard.{context.runner}",
        body=body,
        now_ns=context.clock.now_ns(),
        ttl_ns=TTL_NS,
    )


def _taken(reply: Mapping[str, Any]) -> dict[str, Any]:
    if reply.get("ok") is not True:
        raise TradedeckError(
            _code(reply.get("code")),
            str(reply.get("detail") or "The guard refused it."),
            hint=str(reply.get("hint") or ""),
        )
    return dict(reply)


def away(error: TradedeckError, instead: str) -> TradedeckError:
    """A silence of the guard in words for people, with the command that works on the host."""
    if error.code not in _SILENT:
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
