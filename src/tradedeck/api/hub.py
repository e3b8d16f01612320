"""Committed events to everybody who listens: encoded once, shared as bytes.

Owns the subscribers and their bounded queues. Who reads too slowly is let go with a reason and
comes back with the sequence of the last event it got; the store has the rest. Never touches the
store itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import Final

import orjson

from tradedeck.kernel.clock import format_ns
from tradedeck.projections.types import Event

FRAMES_WAITING_MAX: Final = 2_000  # 20 s of the measured peak of 100 events/s
BYTES_WAITING_MAX: Final = 4_000_000  # of one subscriber, whatever the size of the events
PACE_S: Final = 0.002
PACE_S_EACH: Final = 0.00007  # 16 ms at 200 readers: a third of what an event may take
PACE_S_MAX: Final = 0.1
TURN_S: Final = 0.5  # how often a quiet stream looks whether it may go on
SEND_S: Final = 15.0  # a reader whose socket takes nothing for so long is gone
LAST_SEND_S: Final = 0.5  # so long it may still take once its stream has ended
SLOW: Final = "SLOW_SUBSCRIBER"


class Channel(Flag):
    """What a socket can ask for; the event stream has all of them."""

    PORTFOLIO = auto()
    ORDERS = auto()
    SIGNALS = auto()
    ALERTS = auto()


ALL: Final = Channel.PORTFOLIO | Channel.ORDERS | Channel.SIGNALS | Channel.ALERTS
NONE: Final = Channel(0)
_CHANNELS: Final[dict[str, Channel]] = {
    "equity": Channel.PORTFOLIO,
    "order.filled": Channel.PORTFOLIO | Channel.ORDERS,
    "account.opened": Channel.PORTFOLIO,
    "mode.verdict": Channel.PORTFOLIO,
    "decision": Channel.SIGNALS,
    "cycle": Channel.SIGNALS,
    "strategy.swapped": Channel.SIGNALS,
    "alarm": Channel.ALERTS,
    "alert.acknowledged": Channel.ALERTS,
    "limit.breached": Channel.ALERTS | Channel.PORTFOLIO,
    "breaker.tripped": Channel.ALERTS,
    "breaker.reset": Channel.ALERTS,
    "halt.set": Channel.ALERTS,
    "halt.cleared": Channel.ALERTS,
    "halt.lift_waiting": Channel.ALERTS,
    "halt.lift_cancelled": Channel.ALERTS,
    "halt.lift_refused": Channel.ALERTS,
    "kill.sent": Channel.ALERTS,
    "kill.requested": Channel.ALERTS,
    "kill.owned": Channel.ALERTS,
    "kill.step": Channel.ALERTS | Channel.ORDERS,
    "kill.account_flat": Channel.ALERTS | Channel.PORTFOLIO,
    "kill.done": Channel.ALERTS,
    "guard.started": Channel.ALERTS,
    "guard.stopped": Channel.ALERTS,
    "guard.runner": Channel.ALERTS,
    "drill.done": Channel.ALERTS,
    "drill.failed": Channel.ALERTS,
    "host.killed": Channel.ALERTS,
    "config.refused": Channel.ALERTS,
    "feed.state": Channel.ALERTS,
    "trader.state": Channel.ALERTS | Channel.SIGNALS,
}


def channels_of(kind: str) -> Channel:
    """Which sockets carry a kind."""
    known = _CHANNELS.get(kind)
    if known is not None:
        return known
    if kind == "order.unknown":
        return Channel.ORDERS | Channel.ALERTS
    return Channel.ORDERS if kind.startswith("order.") else NONE


@dataclass(frozen=True, slots=True)
class Frame:
    """One event, ready to be sent."""

    seq: int
    channels: Channel
    data: bytes
    sse: bytes


def frame_of(event: Event) -> Frame:
    """The encoded event; its body is already JSON and is not parsed again."""
    body = event.body
    if "\n" in body or "\r" in body:  # white space in JSON, the end of a field in an event stream
        body = orjson.dumps(orjson.loads(body)).decode()
    data = (
        f'{{"seq":{event.id},"at":"{format_ns(event.at_ns)}","source":"{event.source}",'
        f'"kind":"{event.kind}","body":{body}}}'
    ).encode()
    sse = b"id: %d\nevent: %b\ndata: %b\n\n" % (event.id, event.kind.encode(), data)
    return Frame(event.id, channels_of(event.kind), data, sse)


def message(event: str, body: object, *, retry_ms: int | None = None) -> bytes:
    """A frame without id: what is not a fact (a gap, a farewell, telemetry)."""
    head = b"" if retry_ms is None else b"retry: %d\n" % retry_ms
    return head + b"event: %b\ndata: %b\n\n" % (event.encode(), orjson.dumps(body))


class Chunk:
    """Frames that were published together, joined once for all who get the same."""

    __slots__ = ("_sse", "first", "frames", "last")

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = frames
        self.first = frames[0].seq
        self.last = frames[-1].seq
        self._sse: bytes | None = None

    @property
    def sse(self) -> bytes:
        """All frames as an event stream's bytes."""
        if self._sse is None:
            self._sse = b"".join(frame.sse for frame in self.frames)
        return self._sse


class Subscriber:
    """One reader's queue. Used by one task; filled by the hub in the same loop.

    No timer of its own: the hub's one turn a second wakes it (`nudge`) and gives up on a write
    that its socket does not take (`abandon`).
    """

    __slots__ = (
        "_bytes",
        "_chunks",
        "_closed",
        "_telemetry",
        "_waiter",
        "_waiting",
        "_woken",
        "abandon",
        "channels",
        "writing_since",
    )

    def __init__(self, channels: Channel) -> None:
        self.channels = channels
        self.writing_since: float | None = None  # loop time at which a write began
        self.abandon: Callable[[], object] | None = None
        self._chunks: list[Chunk] = []
        self._waiting = 0
        self._bytes = 0
        self._telemetry: bytes | None = None
        self._woken = False
        self._waiter: asyncio.Future[None] | None = None
        self._closed: str | None = None

    @property
    def closed(self) -> str | None:
        """Why nothing more will come."""
        return self._closed

    def put(self, chunk: Chunk) -> None:
        """Queue events, or give up on a reader that does not keep up."""
        if self._closed is not None:
            return
        self._waiting += len(chunk.frames)
        self._bytes += len(chunk.sse)
        if self._waiting > FRAMES_WAITING_MAX or self._bytes > BYTES_WAITING_MAX:
            self.close(SLOW)
            return
        self._chunks.append(chunk)
        self.nudge()

    def offer(self, telemetry: bytes) -> None:
        """The newest gauges; what was not yet taken of them is replaced."""
        if self._closed is None:
            self._telemetry = telemetry
            self.nudge()

    def nudge(self) -> None:
        """Let `take` return, with nothing if there is nothing."""
        self._woken = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self, reason: str) -> None:
        """Let the reader go; what waited is dropped, it can be asked for again."""
        if self._closed is None:
            self._closed = reason
            self._chunks, self._telemetry = [], None
        self.nudge()

    async def take(self) -> tuple[list[Chunk], bytes | None]:
        """Everything that waits, as soon as there is something; nothing after a nudge or close."""
        if not self._woken and self._closed is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._woken, self._waiter = False, None
        taken, telemetry = self._chunks, self._telemetry
        self._chunks, self._telemetry = [], None
        self._waiting = self._bytes = 0
        return taken, telemetry


class Hub:
    """Fans committed events out. `head` is the newest sequence that was published.

    Publications close to each other go out together, the closer the more listen: one write per
    event and reader would take a whole core at 200 readers and 100 events/s.
    """

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()
        self._leaving: set[Subscriber] = set()
        self._pending: list[Frame] = []
        self._timer: asyncio.TimerHandle | None = None
        self._turn: asyncio.TimerHandle | None = None
        self._flushed_at = 0.0
        self.head = 0
        self.published = 0
        self.slow = 0

    @property
    def subscribers(self) -> int:
        """How many listen now."""
        return len(self._subscribers)

    def subscribe(self, channels: Channel = ALL) -> Subscriber:
        """Listen from now on; `ALL` also hears what belongs to no channel."""
        subscriber = Subscriber(channels)
        self._subscribers.add(subscriber)
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_later(TURN_S, self._turned)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Stop listening."""
        self._subscribers.discard(subscriber)
        self._leaving.discard(subscriber)

    def publish(self, events: Sequence[Event]) -> None:
        """Committed events, in the order of their sequence."""
        if not events:
            return
        self.head = max(self.head, events[-1].id)
        self.published += len(events)
        if not self._subscribers:
            return
        self._pending += [frame_of(event) for event in events]
        if self._timer is None:
            loop = asyncio.get_running_loop()
            pace = min(PACE_S_MAX, PACE_S + PACE_S_EACH * len(self._subscribers))
            wait = self._flushed_at + pace - loop.time()
            if wait > 0:
                self._timer = loop.call_later(wait, self._flush)
            else:
                self._flush()

    def telemetry(self, body: object) -> None:
        """What may be lost: the newest, to those who hear everything."""
        encoded = message("telemetry", body)
        for subscriber in self._subscribers:
            if subscriber.channels == ALL:
                subscriber.offer(encoded)

    def _flush(self) -> None:
        self._timer = None
        self._flushed_at = asyncio.get_running_loop().time()
        frames, self._pending = self._pending, []
        whole = Chunk(frames)
        chosen: dict[Channel, Chunk | None] = {}
        gone: list[Subscriber] = []
        for subscriber in self._subscribers:
            wanted = subscriber.channels
            if wanted is ALL:  # nearly everybody, and the hash of a flag is not cheap
                chunk: Chunk | None = whole
            else:
                if wanted not in chosen:
                    some = [frame for frame in frames if frame.channels & wanted]
                    chosen[wanted] = Chunk(some) if some else None
                chunk = chosen[wanted]
            if chunk is not None:
                subscriber.put(chunk)
            if subscriber.closed is not None:
                gone.append(subscriber)
        for subscriber in gone:
            self.slow += subscriber.closed == SLOW
            self._leave(subscriber)

    def _leave(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)
        self._leaving.add(subscriber)

    def _turned(self) -> None:
        """Once a second: wake everybody, and let go of those whose socket takes nothing."""
        self._turn = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for subscriber in [*self._subscribers, *self._leaving]:
            subscriber.nudge()
            since = subscriber.writing_since
            patience = SEND_S if subscriber.closed is None else LAST_SEND_S
            if since is not None and now - since > patience and subscriber.abandon is not None:
                subscriber.abandon()
        if self._subscribers or self._leaving:
            self._turn = loop.call_later(TURN_S, self._turned)

    def close(self, reason: str) -> None:
        """Let everybody go."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for subscriber in list(self._subscribers):
            subscriber.close(reason)
            self._leave(subscriber)
