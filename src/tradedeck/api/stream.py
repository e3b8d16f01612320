"""Server-sent events and sockets: history from the store, then the hub, without a seam.

The subscription begins before the history is read, so nothing falls between the two; what both
have is sent once. A stream ends by itself when its credential ends, when the process stops, when
the reader goes away, and when the reader does not keep up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

import orjson
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from tradedeck.api.access import SEND
from tradedeck.api.context import Context
from tradedeck.api.hub import (
    ALL,
    LAST_SEND_S,
    SEND_S,
    SLOW,
    TURN_S,
    Channel,
    Frame,
    Subscriber,
    frame_of,
    message,
)
from tradedeck.identity.types import Actor
from tradedeck.projections.apply import last_event, read_events
from tradedeck.store.sessions import ReadSession

HEARTBEAT_S: Final = 10.0
PAGE: Final = 500
REPLAY_MAX: Final = 50_000  # beyond it, snapshots are faster than history
RETRY_MS: Final = 1_000
REVOKED: Final = "REVOKED"
SHUTDOWN: Final = "SHUTDOWN"
HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


async def may_go_on(context: Context, actor: Actor) -> str | None:
    """Why a stream must end now, or None."""
    if context.closing.is_set():
        return SHUTDOWN
    now = context.clock.now_ns()
    valid = now < actor.expires_at_ns and await context.live.alive(
        actor.credential, now, lambda: context.authenticator.alive(actor)
    )
    return None if valid else REVOKED


def _history_bounds(session: ReadSession, after: int) -> tuple[int, int]:
    """Where history can really begin after `after`, and where it ends now."""
    head = last_event(session)
    first = read_events(session, 0, 1)
    oldest = first[0].id if first else head + 1
    if after > head:  # another store than the one the reader knew
        return max(0, head - REPLAY_MAX), head
    return max(after, oldest - 1, head - REPLAY_MAX), head


def _gap(after: int, begin: int) -> dict[str, object]:
    """What the reader will never see; `reset`: its sequences were those of another store."""
    if begin < after:
        return {"from": 1, "to": begin, "reset": True}
    return {"from": after + 1, "to": begin}


async def history(context: Context, after: int, upto: list[int]) -> AsyncIterator[list[Frame]]:
    """Frames above `after`, oldest first; `upto` receives the last sequence that was read."""
    while True:
        events = await context.store.read(partial(read_events, after=after, limit=PAGE))
        if not events:
            break
        after = events[-1].id
        upto[:] = [after]
        yield [frame_of(event) for event in events]
        if len(events) < PAGE:
            break


class EventStream:
    """The ASGI answer of `GET /events`."""

    def __init__(self, context: Context, actor: Actor, after: int | None) -> None:
        self._context = context
        self._actor = actor
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one of the ends in the module's docstring."""
        hub = self._context.live.hub
        subscriber = hub.subscribe(ALL)
        watcher = asyncio.create_task(_watch(receive, subscriber))
        # A task of its own, because each wake-up of this one goes through twenty frames of
        # routing and middleware above it.
        writer = _Writer(send, scope.get(SEND, send), subscriber)
        sending = asyncio.create_task(self._send_all(writer))
        subscriber.abandon = sending.cancel
        try:
            await asyncio.wait([sending])
            if not sending.cancelled():  # else the server drops an answer that is not finished
                sending.result()
        finally:
            hub.unsubscribe(subscriber)
            watcher.cancel()
            sending.cancel()

    async def _send_all(self, writer: _Writer) -> None:
        await writer.begin({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await self._send_events(writer)
        farewell = message("closed", {"reason": writer.subscriber.closed})
        await writer.put(farewell, more=False)

    async def _send_events(self, writer: _Writer) -> None:
        subscriber, loop = writer.subscriber, asyncio.get_running_loop()
        last = await self._begin(writer)
        looked = written = loop.time()
        while subscriber.closed is None:
            chunks, telemetry = await subscriber.take()
            parts = [
                chunk.sse
                if chunk.first > last
                else b"".join(frame.sse for frame in chunk.frames if frame.seq > last)
                for chunk in chunks
            ]
            if chunks:
                last = max(last, chunks[-1].last)
            if telemetry is not None:
                parts.append(telemetry)
            now = loop.time()
            if not parts and now - written >= HEARTBEAT_S:
                parts.append(b": still here\n\n")
            data = parts[0] if len(parts) == 1 else b"".join(parts)
            if data:
                written = now
                await writer.put(data)
            if now - looked >= TURN_S:
                looked = now
                why = await may_go_on(self._context, self._actor)
                if why is not None:
                    subscriber.close(why)

    async def _begin(self, writer: _Writer) -> int:
        """Greeting and history; returns the last sequence the reader now has."""
        store = self._context.store
        head = await store.read(last_event)
        await writer.put(message("hello", {"head": head}, retry_ms=RETRY_MS))
        if self._after is None:
            return head
        after = self._after
        begin, head = await store.read(lambda r: _history_bounds(r, after))
        if begin != after:
            await writer.put(message("gap", _gap(after, begin)))
        upto = [begin]
        async for frames in history(self._context, begin, upto):
            await writer.put(b"".join(frame.sse for frame in frames))
            if await may_go_on(self._context, self._actor) is not None:
                break  # the loop that follows ends the stream with the reason
        return upto[0]


class _Writer:
    """Notes when a write begins, so that the hub sees one that does not end.

    Headers pass every layer; the body goes straight to the server, because the layers do nothing
    to it but cost, per event and reader, as much as the write.
    """

    __slots__ = ("_send", "_time", "begin", "subscriber")

    def __init__(self, begin: Send, send: Send, subscriber: Subscriber) -> None:
        self.begin = begin
        self._send = send
        self._time = asyncio.get_running_loop().time
        self.subscriber = subscriber

    async def put(self, data: bytes, *, more: bool = True) -> None:
        self.subscriber.writing_since = self._time()
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self.subscriber.writing_since = None


async def _watch(receive: Receive, subscriber: Subscriber) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    subscriber.close("GONE")


CLOSE_CODES: Final = {SLOW: 1013, REVOKED: 1008, SHUTDOWN: 1012}


async def serve_socket(
    context: Context, actor: Actor, socket: WebSocket, channel: Channel, after: int | None
) -> None:
    """One WebSocket: the same events with the same sequence, those of one channel."""
    await socket.accept()
    hub = context.live.hub
    subscriber = hub.subscribe(channel)
    watcher = asyncio.create_task(_watch_socket(socket, subscriber))
    try:
        async with asyncio.timeout(SEND_S):
            last = await _socket_history(context, socket, channel, after)
        while subscriber.closed is None:
            chunks, _ = await subscriber.take()
            for frame in (frame for chunk in chunks for frame in chunk.frames):
                if frame.seq > last:
                    async with asyncio.timeout(SEND_S):
                        await socket.send_text(frame.data.decode())
                    last = frame.seq
            why = await may_go_on(context, actor)
            if why is not None:
                subscriber.close(why)
        reason = subscriber.closed
        if reason != "GONE":
            async with asyncio.timeout(LAST_SEND_S):
                await socket.close(CLOSE_CODES.get(reason, 1011), reason)
    except (TimeoutError, WebSocketDisconnect):
        return  # nobody is there to be told
    finally:
        hub.unsubscribe(subscriber)
        watcher.cancel()


async def _socket_history(
    context: Context, socket: WebSocket, channel: Channel, after: int | None
) -> int:
    if after is None:
        return await context.store.read(last_event)
    begin, _ = await context.store.read(lambda r: _history_bounds(r, after))
    if begin != after:
        await socket.send_text(orjson.dumps({"kind": "gap", "body": _gap(after, begin)}).decode())
    upto = [begin]
    async for frames in history(context, begin, upto):
        for frame in frames:
            if frame.channels & channel:
                await socket.send_text(frame.data.decode())
    return upto[0]


async def _watch_socket(socket: WebSocket, subscriber: Subscriber) -> None:
    try:
        while True:
            await socket.receive_text()  # nothing is expected; reading is how a close is seen
    except (WebSocketDisconnect, KeyError, RuntimeError):
        subscriber.close("GONE")
