"""What every bus offers, and the words for it. No vendor is named here.

A bus carries bytes that are JSON. It authenticates nobody: whoever acts on a message verifies
its envelope first (`tradedeck.authority.envelope`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, cast

import orjson

from tradedeck.kernel.errors import Code, TradedeckError

PAYLOAD_BYTES_MAX = 1_000_000  # nats-server refuses more than 1 MB (1,048,576 with its headers)


class BusState(StrEnum):
    """Where a connection stands; listeners are told of each change."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Message:
    """Something that arrived: bytes from whoever was allowed to send, or reached us anyway."""

    subject: str
    data: bytes
    reply: str = ""

    def json(self) -> Any:
        """The payload decoded. Raises INVALID_DATA when it is not JSON."""
        return decode(self.data)


Handler = Callable[[Message], Awaitable[Any]]
StateListener = Callable[[BusState], None]
ErrorListener = Callable[[str, str], None]  # code, detail


class Bus(Protocol):
    """A connection of one user."""

    @property
    def state(self) -> BusState:
        """Where the connection stands now."""
        ...

    def on_state(self, listener: StateListener) -> None:
        """Call `listener` (never blocking) with each change of state."""
        ...

    async def publish(self, subject: str, payload: Any) -> bool:
        """Send and forget. False: not connected, the message was dropped."""
        ...

    async def request(self, subject: str, payload: Any, *, timeout_s: float = 2.0) -> Any:
        """Ask and decode the answer; UNAVAILABLE, TIMEOUT or the answerer's own code."""
        ...

    async def request_bytes(self, subject: str, payload: Any, *, timeout_s: float = 2.0) -> bytes:
        """As `request`, but the answer as it came (for signed envelopes)."""
        ...

    async def serve(self, subject: str, handler: Handler, *, concurrency: int = 8) -> None:
        """Answer requests on `subject`; at most `concurrency` at once, 1 keeps their order."""
        ...

    async def close(self) -> None:
        """Finish handlers, then disconnect for good."""
        ...


def encode(payload: Any) -> bytes:
    """JSON bytes of `payload`; bytes pass as they are. TOO_LARGE beyond the wire's limit."""
    data = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    if len(data) > PAYLOAD_BYTES_MAX:
        raise TradedeckError(
            Code.TOO_LARGE,
            f"A message of {len(data)} bytes is over the limit of {PAYLOAD_BYTES_MAX}.",
            hint="Ask for fewer entries at once.",
        )
    return data


def decode(data: bytes) -> Any:
    """The JSON in `data`. Raises INVALID_DATA."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise TradedeckError(Code.INVALID_DATA, "A message was not JSON.") from error


def failure(error: TradedeckError) -> bytes:
    """How an answerer's refusal travels."""
    return orjson.dumps({"error": {"code": error.code, "detail": error.detail, "hint": error.hint}})


def answer(data: bytes) -> Any:
    """Decode an answer; one that carries an error is raised as what it was on the other side."""
    value = decode(data)
    raise_failure(value)
    return value


def raise_failure(value: Any) -> None:
    """Raise the refusal that `value` carries, if it does."""
    if not isinstance(value, dict) or "error" not in value:
        return
    error = cast("dict[str, Any]", value)["error"]
    fields = cast("dict[str, Any]", error) if isinstance(error, dict) else {}
    try:
        code = Code(str(fields.get("code", Code.INTERNAL)))
    except ValueError:
        code = Code.INTERNAL
    detail = str(fields.get("detail", "")) or "The other process failed."
    raise TradedeckError(code, detail, hint=str(fields.get("hint", "")))
