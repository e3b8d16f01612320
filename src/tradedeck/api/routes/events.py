"""The event stream, and the same events on sockets."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, WebSocket
from starlette.responses import Response

from tradedeck.api.access import requires
from tradedeck.api.context import Ctx, context_of
from tradedeck.api.hub import Channel
from tradedeck.api.reading import CURSOR_MAX
from tradedeck.api.stream import EventStream, serve_socket
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor

router = APIRouter(tags=["events"])
Reader = Annotated[Actor, requires(Permission.READ)]
After = Annotated[int | None, Query(ge=0, le=CURSOR_MAX)]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`id` is the sequence; `event` the kind; `data` {seq, at, source, kind, "
        "body}. Without id: `hello` {head}, `gap` {from, to}, `telemetry`, `closed` {reason}.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


class _Stream(Response):
    """Lets an ASGI callable be the answer of a route."""

    media_type = "text/event-stream"

    def __init__(self, stream: EventStream, status_code: int = 200) -> None:
        super().__init__(status_code=status_code)
        self._stream = stream

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._stream(scope, receive, send)


@router.get("/events", response_class=_Stream, responses=_RESPONSES)
async def events(
    actor: Reader,
    ctx: Ctx,
    after: After = None,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> Response:
    """Committed events as they happen; with `Last-Event-ID` (or `after`) without a gap."""
    known = int(last_event_id) if last_event_id and last_event_id.isdecimal() else after
    return _Stream(EventStream(ctx, actor, known))


async def _socket(socket: WebSocket, actor: Actor, channel: Channel, after: int | None) -> None:
    await serve_socket(context_of(socket), actor, socket, channel, after)


@router.websocket("/ws/portfolio")
async def portfolio(socket: WebSocket, actor: Reader, after: After = None) -> None:
    """Equity, fills, verdicts."""
    await _socket(socket, actor, Channel.PORTFOLIO, after)


@router.websocket("/ws/orders")
async def order_events(socket: WebSocket, actor: Reader, after: After = None) -> None:
    """The life of orders."""
    await _socket(socket, actor, Channel.ORDERS, after)


@router.websocket("/ws/signals")
async def signal_events(socket: WebSocket, actor: Reader, after: After = None) -> None:
    """Decisions and cycles."""
    await _socket(socket, actor, Channel.SIGNALS, after)


@router.websocket("/ws/alerts")
async def alert_events(socket: WebSocket, actor: Reader, after: After = None) -> None:
    """Alarms, halts, breaches."""
    await _socket(socket, actor, Channel.ALERTS, after)
