"""The audit log beside the requests: the tree follows the table, and says when it cannot.

An act commits its record in the store and waits for nothing here: within a second the tree holds
it. A table that is not what the tree holds is alarmed, once for each finding; acts go on, because
a kill must, and their records stay in the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from tradedeck.audit import store as audit_store
from tradedeck.audit.notes import Verifier
from tradedeck.audit.tree import Log, View, open_log, read_key
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.database import ScopedStore

FOLLOW_S: Final = 1.0
log = structlog.get_logger(__name__)
Told = Callable[[TradedeckError], Coroutine[Any, Any, None]]


class Trail:
    """The log of one store, of all tenants."""

    def __init__(
        self, store: ScopedStore, folder: Path, key: Path, witnesses: Sequence[Verifier] = ()
    ) -> None:
        self.witnesses = witnesses
        self._store = store
        self._folder = folder
        self._key = key
        self._log: Log | None = None
        self._closed = False

    async def caught_up(self) -> Log:
        """The log, holding every record that was committed before the call.

        Raises:
            TradedeckError: CHAIN_BROKEN: the table is not what the tree holds; STORAGE.
        """
        return await asyncio.shield(asyncio.to_thread(self._follow))

    def _follow(self) -> Log:
        if self._closed:
            raise TradedeckError(Code.UNAVAILABLE, "The audit log is closing.")
        opened = self._log or open_log(self._folder, self._key)
        while opened.follow(self._fetch):
            pass
        self._log = opened
        return opened

    def _fetch(self, *, after_seq: int, limit: int) -> Sequence[audit_store.Row]:
        return self._store.read_now(
            lambda read: audit_store.batch(read, after_seq=after_seq, limit=limit)
        )

    async def keep(self, stop: asyncio.Event, tell: Told) -> None:
        """Follow until `stop`; `tell` is called once for each new finding."""
        said = ""
        while not stop.is_set():
            try:
                await self.caught_up()
                said = ""
            except TradedeckError as error:
                if error.detail != said:
                    said = error.detail
                    log.warning("audit log stands still", detail=error.detail, code=error.code)
                    await tell(error)
            try:
                async with asyncio.timeout(FOLLOW_S):
                    await stop.wait()
            except TimeoutError:
                continue

    def view(self) -> View | None:
        """The files as they are, without bringing them up to date; None where there is no key."""
        try:
            return View(self._folder, read_key(self._key).verifier)
        except TradedeckError:  # the one who asks has been told already why the log stands still
            return None

    def close(self) -> None:
        """No more is followed; waits for what is under way."""
        self._closed = True
        if self._log is not None:
            self._log.close()
