"""Keeps the brokers' dead-man timers alive, in turns of the guard's own working loop.

A guard that stands still renews nothing: then the broker itself cancels what works. A session that
does not answer is in nobody's way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.adapters.brokers.paper.dead_man import PaperDeadMan
from tradedeck.kernel.clock import NS_PER_S, Clock
from tradedeck.kernel.errors import TradedeckError
from tradedeck.venue.dead_man import DeadMan

RENEWS = 4  # times within a timer's seconds
RETRY_S = 0.25
DISARM_S = 1.0
State = Callable[[str, str, float], None]
log: Any = structlog.get_logger(__name__)


class Timers:
    """The timers of one home's accounts.

    Args:
        home: of this host.
        clock: of this host.
        state: journals (account, `armed` `disarmed` `fired`, seconds).

    """

    def __init__(self, home: Path, clock: Clock, state: State) -> None:
        self._path = home / "run" / "exchange.sock"
        self._clock = clock
        self._state = state
        self._client: ExchangeClient | None = None
        self._armed: dict[str, float] = {}
        self._renewed_ns: dict[str, int] = {}
        self._fired: dict[str, int | None] = {}
        self._tried_ns = 0
        self._task: asyncio.Task[None] | None = None

    def shown(self) -> dict[str, dict[str, Any]]:
        """Account → {seconds, renewed_ms ago}."""
        now = self._clock.monotonic_ns()
        return {
            account: {
                "seconds": seconds,
                "renewed_ms": (now - self._renewed_ns[account]) // 1_000_000,
            }
            for account, seconds in self._armed.items()
        }

    def turn(self, wanted: Mapping[str, float | None]) -> None:
        """The loop came round. Account → seconds; 0: take it back; None: let it run out."""
        if self._task is not None and not self._task.done():
            return
        due = {
            account: s for account, s in wanted.items() if s is not None and self._due(account, s)
        }
        due |= {account: 0.0 for account in self._armed if account not in wanted}
        now = self._clock.monotonic_ns()
        if due and now - self._tried_ns >= RETRY_S * NS_PER_S:
            self._tried_ns = now
            self._task = asyncio.create_task(self._say(due), name="dead-man")

    def _due(self, account: str, seconds: float) -> bool:
        if self._armed.get(account, 0.0) != seconds:
            return True
        if not seconds:
            return False
        since = self._clock.monotonic_ns() - self._renewed_ns[account]
        return since >= seconds / RENEWS * NS_PER_S

    async def _say(self, due: Mapping[str, float]) -> None:
        try:
            port: DeadMan = PaperDeadMan(await self._session())
            for account, seconds in due.items():
                asked = self._clock.monotonic_ns()
                told = await port.arm_dead_man(account, seconds)
                self._told(account, seconds, asked, told)
        except TradedeckError as error:
            log.info("a dead-man timer was not renewed", reason=error.detail)
            await self._drop()

    def _told(self, account: str, seconds: float, asked_ns: int, told: dict[str, Any]) -> None:
        before = self._armed.get(account, 0.0)
        if not seconds:
            self._armed.pop(account, None)
            self._renewed_ns.pop(account, None)
        else:
            self._armed[account], self._renewed_ns[account] = seconds, asked_ns
        fired = told["fired_ns"]
        if self._fired.setdefault(account, fired) != fired:
            self._fired[account] = fired
            self._state(account, "fired", before)
        if seconds != before:
            self._state(account, "armed" if seconds else "disarmed", seconds)

    async def _session(self) -> ExchangeClient:
        if self._client is None or not self._client.connected:
            client = ExchangeClient(self._path, "guard", lambda _: None, lambda: None)
            try:
                await client.connect()
            except TradedeckError:
                await client.close()
                raise
            self._client = client
        return self._client

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def stop(self) -> None:
        """An orderly stop: nothing is to go off for it. What cannot be taken back goes off."""
        if self._task is not None:
            self._task.cancel()
        armed = dict.fromkeys(self._armed, 0.0)
        if armed:
            try:
                await asyncio.wait_for(self._say(armed), DISARM_S)
            except TimeoutError:
                log.warning("a dead-man timer could not be taken back", accounts=sorted(armed))
        await self._drop()
