"""What wakes the runner's loop: rung by anybody, heard by the one who waits."""

from __future__ import annotations

import asyncio


class Bell:
    """An event for one waiter with a deadline, without a task or a timeout's scaffolding.

    It is rung until it was heard, so that nothing that happens between two waits is missed.
    """

    __slots__ = ("_rung", "_waiter")

    def __init__(self) -> None:
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self, _done: object = None) -> None:
        """Ring; also as the callback of a future that is done."""
        self._rung = True
        if self._waiter is not None:
            _release(self._waiter)

    async def wait(self, timeout_s: float) -> bool:
        """Whether it was rung before `timeout_s` seconds were over; it is silent afterwards."""
        if not self._rung:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(timeout_s, _release, self._waiter)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        rung, self._rung = self._rung, False
        return rung


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
