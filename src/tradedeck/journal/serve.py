"""Answers `journal.<source>` requests: the up path is pulled, never pushed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from tradedeck.journal.log import PAGE_MAX, Journal


def answer(journal: Journal, source: str, request: dict[str, Any]) -> dict[str, Any]:
    """A page of entries after the reader's last; of another epoch, only where the head is."""
    reply: dict[str, Any] = {
        "source": source,
        "epoch": journal.epoch,
        "head": journal.head,
        "entries": [],
    }
    after, limit = request.get("after", 0), request.get("max", PAGE_MAX)
    if request.get("epoch") not in (None, journal.epoch):
        return reply
    if isinstance(after, int) and isinstance(limit, int) and after >= 0 and limit > 0:
        reply["entries"] = [list(cast("tuple[Any, ...]", e)) for e in journal.read(after, limit)]
    return reply


HINT_EVERY_S = 0.02  # a reader that hears 50 times a second is as current as a screen

HINT_AFTER_S = 0.003


class Hints:
    """Coalesces "there is more" into at most one message per `HINT_EVERY_S`. A hint only wakes.

    It leaves `HINT_AFTER_S` behind the commit, so that no send of a turn waits for it.
    """

    def __init__(
        self, publish: Callable[[str, Any], Awaitable[object]], journal: Journal, source: str
    ) -> None:
        self._publish = publish
        self._journal = journal
        self._source = source
        self._wanted = asyncio.Event()

    def want(self, _head: int = 0) -> None:
        """Something was committed."""
        self._wanted.set()

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(HINT_AFTER_S)
            self._wanted.clear()
            await self._publish(
                f"hint.{self._source}", {"epoch": self._journal.epoch, "head": self._journal.head}
            )
            await asyncio.sleep(HINT_EVERY_S - HINT_AFTER_S)
