"""Appends to the audit record in groups: acts that arrive while one commit is under way share the
next, so that the fsync is paid once for all of them. Each waits until its own record is durable.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from tradedeck.audit import service
from tradedeck.audit.types import Act, Record
from tradedeck.kernel.clock import Clock
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.database import ScopedStore

GROUP_MAX: Final = 256  # what one transaction holds: others write too
WAITING_MAX: Final = 2_000


@dataclass(slots=True)
class _Waiting:
    act: Act
    now_ns: int
    done: asyncio.Future[Record]


class Recorder:
    """The way of an act's record that is in no other transaction."""

    def __init__(self, store: ScopedStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    async def record(self, act: Act) -> Record:
        """Committed when this returns.

        Raises:
            TradedeckError: it could not be recorded, so the act must not happen.
        """
        if len(self._waiting) >= WAITING_MAX:
            raise TradedeckError(
                Code.UNAVAILABLE, "Too many acts wait to be recorded.", hint="Try again shortly."
            )
        loop = asyncio.get_running_loop()
        waiting = _Waiting(act, self._clock.now_ns(), loop.create_future())
        self._waiting.append(waiting)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._flush(), name="audit-record")
        return await waiting.done

    async def _flush(self) -> None:
        while self._waiting:
            count = min(GROUP_MAX, len(self._waiting))
            group = [self._waiting.popleft() for _ in range(count)]
            acts = [(each.act, each.now_ns) for each in group]
            try:
                found = await self._store.write(
                    lambda write, acts=acts: service.append_all(write, acts)
                )
            except BaseException as error:  # nothing was committed: each of them is told
                for each in group:
                    if not each.done.done():
                        each.done.set_exception(error)
                if not isinstance(error, Exception):
                    raise
                continue
            for each, record in zip(group, found, strict=True):
                if each.done.done():  # the one who asked has gone; the record stays
                    continue
                if isinstance(record, TradedeckError):
                    each.done.set_exception(record)
                else:
                    each.done.set_result(record)
