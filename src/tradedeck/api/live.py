"""What the api knows besides the store: who is alive, the newest telemetry, who listens.

Owns nothing durable: all of it comes back after a restart, from the store and from the wire.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tradedeck.api.hub import Hub
from tradedeck.kernel.clock import NS_PER_MS, NS_PER_S
from tradedeck.readmodels.parts import mapping
from tradedeck.readmodels.status import SPARK_POINTS, Facts

TELEMETRY_EVERY_NS: Final = 250 * NS_PER_MS
TRADERS_MAX: Final = 1_000  # names of traders come over the wire and must not grow memory
REBUILD_AFTER_NS: Final = 100 * NS_PER_MS  # at most ten times a second
FRESH_NS: Final = NS_PER_S  # ages inside grow old even when nothing happens
ALIVE_NS: Final = 2 * NS_PER_S  # a revoked session loses its streams within this and a turn


@dataclass(slots=True)
class SourceState:
    """One journal as the api sees it."""

    source: str
    seen_ns: int | None = None
    epoch: str = ""
    seq: int = 0
    head: int = 0
    stopped: str | None = None
    problem: str = "not heard yet"
    pulled: int = 0
    lag_ns: int = 0  # commit in the journal → committed here, of the newest entry
    wake: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Telemetry:
    """The newest gauges of a runner, and the last prices of its traders."""

    body: dict[str, Any] = field(default_factory=dict[str, Any])
    at_ns: int = 0
    sent_ns: int = 0
    sparks: dict[str, deque[float]] = field(default_factory=dict[str, deque[float]])
    _bars: dict[str, object] = field(default_factory=dict[str, object])

    def take(self, body: dict[str, Any], now_ns: int) -> None:
        """Newer gauges; a price is kept once for each bar."""
        self.body, self.at_ns = body, now_ns
        for name, gauges in list(mapping(body.get("traders")).items())[:TRADERS_MAX]:
            self._spark(name, mapping(gauges))

    def _spark(self, name: str, gauges: Mapping[str, Any]) -> None:
        try:
            price = float(gauges["price"])
        except (KeyError, TypeError, ValueError):
            return
        bar: Any = gauges.get("bar_end_ns")
        points = self.sparks.get(name)
        if points is None:
            if len(self.sparks) >= TRADERS_MAX:
                return
            points = self.sparks[name] = deque(maxlen=SPARK_POINTS)
        if points and self._bars.get(name) == bar:
            points[-1] = price
        else:
            points.append(price)
        self._bars[name] = bar


class Snapshot:
    """Bytes that are made again at most so often, by one task, while the old ones are served."""

    def __init__(self, make: Callable[[], Awaitable[bytes]], now_ns: Callable[[], int]) -> None:
        self._make = make
        self._now_ns = now_ns
        self._bytes: bytes | None = None
        self._made_ns = 0
        self._dirty = True
        self._task: asyncio.Task[bytes] | None = None

    def touch(self) -> None:
        """What the bytes say has changed."""
        self._dirty = True

    @property
    def ready(self) -> bytes | None:
        """The bytes, when they are new enough; otherwise `get`."""
        age = self._now_ns() - self._made_ns
        if age > REBUILD_AFTER_NS and (self._dirty or age > FRESH_NS):
            self._start()
            if age > 2 * FRESH_NS:
                return None
        return self._bytes

    async def get(self) -> bytes:
        """The bytes; waits only when there are none, or they are too old to be shown."""
        found = self.ready
        return found if found is not None else await asyncio.shield(self._start())

    def _start(self) -> asyncio.Task[bytes]:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._build())
            self._task.add_done_callback(_retrieved)
        return self._task

    async def _build(self) -> bytes:
        self._dirty = False
        try:
            made = await self._make()
        except BaseException:  # also when cancelled: what was not made is still to be made
            self._dirty = True
            raise
        self._bytes, self._made_ns = made, self._now_ns()
        return made


def _retrieved(task: asyncio.Task[bytes]) -> None:
    """A failure is raised to whoever awaits; when nobody does, it is not also a warning."""
    if not task.cancelled():
        task.exception()


class Maker(Protocol):
    """The facts that single reads share with the status (`api.snapshot.StatusMaker`)."""

    async def facts(self) -> Facts:
        """As new as what was published."""
        ...

    async def body(self) -> dict[str, Any]:
        """The snapshot now."""
        ...


@dataclass(slots=True)
class Live:
    """One per process; made with the context."""

    hub: Hub = field(default_factory=Hub)
    sources: dict[str, SourceState] = field(default_factory=dict[str, SourceState])
    telemetry: dict[str, Telemetry] = field(default_factory=dict[str, Telemetry])
    status: Snapshot | None = None
    maker: Maker | None = None
    jobs_served: bool = False  # workers may ask
    listening: bool = False  # the bus was asked for hints and telemetry
    _alive: dict[str, tuple[int, bool]] = field(default_factory=dict[str, tuple[int, bool]])

    def source(self, name: str) -> SourceState:
        """The state of one journal, made when it is first asked for."""
        return self.sources.setdefault(name, SourceState(name))

    @property
    def made(self) -> Maker:
        """The maker of the status; the wiring has put it there."""
        assert self.maker is not None
        return self.maker

    def changed(self) -> None:
        """Facts or gauges moved: the status is to be made again."""
        if self.status is not None:
            self.status.touch()

    async def alive(self, credential: str, now_ns: int, ask: Callable[[], Awaitable[bool]]) -> bool:
        """Whether a credential is still valid; many streams of one person ask the store once."""
        known = self._alive.get(credential)
        if known is not None and now_ns - known[0] < ALIVE_NS:
            return known[1]
        answer = await ask()
        if len(self._alive) > TRADERS_MAX:
            self._alive.clear()
        self._alive[credential] = (now_ns, answer)
        return answer
