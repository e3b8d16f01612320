"""Gauges for people: bounded, lossy, never a fact. Published a few times a second."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from tradedeck.kernel.clock import NS_PER_MS, NS_PER_S
from tradedeck.runner.breakers import gauges as breaker_gauges
from tradedeck.runner.recover import Recovery
from tradedeck.runner.world import Trader, World

STEPS_KEPT = 500


class Telemetry:
    """Collects and publishes."""

    def __init__(
        self, world: World, recovery: Recovery, publish: Callable[[str, Any], Awaitable[object]]
    ) -> None:
        self._world = world
        self._recovery = recovery
        self._publish = publish
        self._last_ns = 0
        self._steps_ns: deque[int] = deque(maxlen=STEPS_KEPT)

    def turn(self, started_ns: int, ended_ns: int) -> None:
        """How long a turn of the loop took."""
        self._steps_ns.append(ended_ns - started_ns)

    async def keep(self, now: int) -> None:
        """Publish when it is time."""
        if now - self._last_ns < self._world.tuning.telemetry_every_s * NS_PER_S:
            return
        self._last_ns = now
        await self._publish(f"telemetry.{self._world.runner}", self.snapshot(now))

    def snapshot(self, now: int) -> dict[str, Any]:
        """The runner as it stands."""
        world = self._world
        mode, reasons = world.mode
        steps = sorted(self._steps_ns)
        return {
            "at_ns": now,
            "runner": world.runner,
            "mode": mode.value,
            "reasons": list(reasons),
            "data_mode": world.data_mode,
            "execution_capable_accounts": world.executing_accounts,
            "generation": world.generation,
            "epoch": world.journal.epoch,
            "head": world.journal.head,
            "venue_connected": world.link is not None and world.link.connected,
            "loop_lag_ms": round(steps[-1] / NS_PER_MS, 3) if steps else 0.0,
            "loop_p50_ms": round(steps[len(steps) // 2] / NS_PER_MS, 3) if steps else 0.0,
            "accounts": {
                name: {
                    "equity": round(account.engine.equity, 8),
                    "reconciled": account.reconciled,
                    "reconcile_detail": account.reconcile_detail,
                    "checked_at_ns": self._recovery.checked_at_ns,
                    "time_ns": account.engine.now_ns,
                }
                for name, account in world.accounts.items()
            },
            "traders": {name: self._trader(trader) for name, trader in world.traders.items()},
            "feeds": {name: self._feed(name, now) for name in world.feeds},
            "breakers": breaker_gauges(world, now),
            "hosts": [
                {"trader": host.trader, "pid": host.pid} for host in world.hosts.hosts.values()
            ],
            "tasks": len(asyncio.all_tasks()),
            "queues": {"urgent": len(world.urgent), "safe_point": len(world.safe_point)},
        }

    def _trader(self, trader: Trader) -> dict[str, Any]:
        slot, bar = trader.slot, trader.last_bar
        return {
            "state": trader.state.value,
            "reason": trader.reason,
            "generation": trader.generation,
            "price": None if bar is None else bar.close,
            "bar_end_ns": None if bar is None else bar.end_ns,
            "seen_ns": trader.last_seen_ns,
            "units": 0.0 if slot is None else slot.units,
            "unrealised": 0.0 if slot is None else round(slot.unrealised, 2),
            "day_pnl": 0.0
            if slot is None
            else round(slot.base + slot.pnl() - slot.watch.day_start, 8),
            "signals": 0 if slot is None else slot.signals,
            "executed": 0 if slot is None else slot.executed,
            "inputs": dict(trader.inputs),
        }

    def _feed(self, name: str, now: int) -> dict[str, Any]:
        run = self._world.feeds[name]
        status = run.feed.status(now)
        return {
            "state": status.state.value,
            "reason": status.reason,
            "data_mode": status.data_mode.value,
            "source": status.source,
            "cursor_ns": status.cursor_ns,
            "start_ns": status.start_ns,
            "end_ns": status.end_ns,
            "speed": status.speed,
            "lap": status.lap,
            "rejected": status.rejected,
            "instruments": list(status.instruments),
            "stale_checks": run.stale_checks,
        }
