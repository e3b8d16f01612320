"""The runner's session with its guard: frames over a unix socket, opened again whenever it ends.

Never in the way of trading: nothing here is waited for by the loop, a guard that reads nothing
loses the line, and what could not be said is said again by the next greeting. The beat comes from
the loop that does the work (`Line.beat`), never from this task.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

import structlog

from tradedeck.kernel.clock import NS_PER_MS, NS_PER_S
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.frames import Unpacker, pack

RETRY_S = 0.25
BEAT_NS = 200 * NS_PER_MS  # the guard looks for one every 250 ms
READ_BYTES = 64 * 1024
UNSENT_BYTES_MAX = 1024 * 1024  # of a guard that reads nothing: some thousand steps of a kill
BEAT_BYTES_MAX = 4096  # beats are not piled up behind a guard that is slow
GAP_NS = 1000 * NS_PER_MS  # the loop turns far more often; a longer gap is ours, not the guard's

log: Any = structlog.get_logger(__name__)


class Acts(Protocol):
    """What the line hands to: the runner's side of a stop."""

    def hello(self) -> dict[str, Any]:
        """The greeting: runner, accounts with their policies, halts in force."""
        ...

    def frame(self, frame: dict[str, Any]) -> None:
        """A frame of the guard. Raises KeyError, TypeError, ValueError or TradedeckError."""
        ...

    def parted(self) -> None:
        """The line broke."""
        ...


class Answers:
    """Whether what is said on the line is answered. Pure; monotonic nanoseconds.

    Args:
        silent_ns: without any answer for so long there is nobody.
    """

    def __init__(self, silent_ns: int) -> None:
        self._silent_ns = silent_ns
        self._last = 0
        self._turned_ns = 0
        self._owed_ns: int | None = None  # since when nothing was answered; None: nothing is owed

    def begin(self) -> None:
        """A line was opened: nothing is owed on it."""
        self._owed_ns = None

    def said(self, n: int, now_ns: int) -> None:
        """Beat `n` left."""
        self._last = n
        if self._owed_ns is None:
            self._owed_ns = now_ns

    def heard(self, n: int, now_ns: int) -> None:
        """Beat `n` was answered; one that is behind answers all the same."""
        self._owed_ns = None if n >= self._last else now_ns

    def turned(self, now_ns: int) -> None:
        """Our own loop came round; where it stood still, nothing could be read meanwhile."""
        if self._owed_ns is not None and now_ns - self._turned_ns > GAP_NS:
            self._owed_ns = now_ns
        self._turned_ns = now_ns

    def come(self, now_ns: int) -> bool:
        """Whether they do."""
        return self._owed_ns is None or now_ns - self._owed_ns < self._silent_ns


class Line:
    """One session at a time.

    Args:
        path: the guard's socket.
        acts: whom its frames are for.
        monotonic_ns: for the pace of beats.
        silent_s: a guard that has answered no beat for so many seconds is as good as none.
    """

    def __init__(
        self, path: Path, acts: Acts, monotonic_ns: Callable[[], int], silent_s: float
    ) -> None:
        self.path = path
        self._acts = acts
        self._monotonic_ns = monotonic_ns
        self._answers = Answers(int(silent_s * NS_PER_S))
        self._writer: asyncio.StreamWriter | None = None
        self._beat_ns = 0
        self._beats = 0

    @property
    def connected(self) -> bool:
        """Whether a guard took the greeting's connection."""
        return self._writer is not None

    @property
    def answers(self) -> bool:
        """Whether beats are answered: an open line alone proves nothing, the kernel keeps it."""
        return self._answers.come(self._monotonic_ns())

    async def run(self) -> None:
        """Until cancelled: connect, greet, listen; again after a pause."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self.path))
            except OSError:
                await asyncio.sleep(RETRY_S)
                continue
            self._writer = writer
            self._answers.begin()
            try:
                self.say({"op": "hello", **self._acts.hello()})
                await self._listen(reader)
            except (OSError, TradedeckError, KeyError, TypeError, ValueError) as error:
                log.warning("the guard's line ended", reason=f"{type(error).__name__}: {error}")
            finally:
                self._drop()
            await asyncio.sleep(RETRY_S)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        unpacker = Unpacker()
        while data := await reader.read(READ_BYTES):
            for frame in unpacker.feed(data):
                if not isinstance(frame, dict):
                    raise TypeError("a frame was not an object")
                body = cast("dict[str, Any]", frame)
                if body.get("op") == "heard":
                    self._answers.heard(int(body["n"]), self._monotonic_ns())
                else:
                    self._acts.frame(body)

    def _drop(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            self._acts.parted()

    def say(self, frame: dict[str, Any]) -> bool:
        """Queue a frame; False where there is no line, or it was given up for one that is stuck."""
        writer = self._writer
        if writer is None:
            return False
        transport: Any = writer.transport
        if transport.is_closing() or transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            transport.abort()  # `_listen` ends with it
            return False
        writer.write(pack(frame))
        return True

    def beat(self, head: int, closing: Callable[[], list[str]]) -> None:
        """The loop came round. Said at most every 200 ms, and not piled up."""
        now = self._monotonic_ns()
        self._answers.turned(now)
        if now - self._beat_ns < BEAT_NS or self._writer is None:
            return
        self._beat_ns = now
        transport: Any = self._writer.transport
        if transport.get_write_buffer_size() > BEAT_BYTES_MAX:
            return
        self._beats += 1
        self._answers.said(self._beats, now)
        self.say({"op": "beat", "n": self._beats, "head": head, "closing": closing()})

    def bye(self, *, whole: bool) -> None:
        """An orderly stop; `whole`: everything is being stopped."""
        self.say({"op": "bye", "whole": whole})


def started_ticks(pid: int | None = None) -> int:
    """When a process of this host was started, in clock ticks since boot; 0 where it is unknown."""
    try:
        stat = Path(f"/proc/{pid or os.getpid()}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[19])
