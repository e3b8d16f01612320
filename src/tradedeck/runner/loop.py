"""The one loop of the runner: control first, then what is due, one step at a time.

A saturated feed cannot starve a kill: urgent commands run before every step and while strategies
are waited for; everything else waits for the safe point between two steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tradedeck.kernel.clock import NS_PER_S, format_ns
from tradedeck.marketdata.ports import DataMode, FeedState
from tradedeck.risk.limits import STALE_CHECKS_DEFAULT
from tradedeck.runner.breakers import BreakerWatch
from tradedeck.runner.configure import Configurator
from tradedeck.runner.lifecycle import Lifecycle
from tradedeck.runner.recover import Recovery
from tradedeck.runner.step import Stepper
from tradedeck.runner.telemetry import Telemetry
from tradedeck.runner.world import FeedRun, World
from tradedeck.trading.facts import Kind
from tradedeck.trading.market import Bar

IDLE_NS_MAX = NS_PER_S // 20  # housekeeping comes round at least that often
STALE_CHECK_NS = NS_PER_S
ROOM_CHECK_NS = NS_PER_S
CYCLE_EVERY_NS = NS_PER_S


class Loop:
    """Runs a world until it is told to stop."""

    def __init__(
        self,
        world: World,
        lifecycle: Lifecycle,
        stepper: Stepper,
        recovery: Recovery,
        telemetry: Telemetry,
        configurator: Configurator,
    ) -> None:
        self._configurator = configurator
        self._world = world
        self._lifecycle = lifecycle
        self._stepper = stepper
        self._recovery = recovery
        self._telemetry = telemetry
        self._cycle_ns = 0
        self._room_ns = 0
        self._cycle_base = (0, 0)
        self._turn = 0
        self._breakers = BreakerWatch(world)

    async def run(self) -> None:
        """Until `world.stopping`."""
        world = self._world
        while not world.stopping:
            await self._control()
            now = world.clock.now_ns()
            await self._housekeeping(now)
            run, bars = self._next(now)
            if run is not None and bars:
                await self._stepper.bars(run, bars)
                await asyncio.sleep(0)  # sockets and timers get their turn between two steps
            else:
                await self._rest(now)
            self._telemetry.turn(now, world.clock.now_ns())

    async def _control(self) -> None:
        world = self._world
        await self._stepper.attend()
        while world.safe_point and not world.stopping:
            await world.safe_point.popleft()()
            await self._stepper.attend()

    async def _housekeeping(self, now: int) -> None:
        self._lifecycle.restart_due(now)
        await self._recovery.keep(now)
        for run in self._world.feeds.values():
            if now - run.checked_ns >= STALE_CHECK_NS:
                run.checked_ns = now
                self._check_feed(run, now)
        demanded = self._breakers.keep(now)
        if demanded:
            await self._stepper.carry_out(demanded)
        self._cycle(now)
        self._room(now)
        self._world.commit()
        await self._telemetry.keep(now)

    def _room(self, now: int) -> None:
        """A journal that lives on its reserve says so, and fills it again when there is room."""
        journal = self._world.journal
        if not journal.full or now - self._room_ns < ROOM_CHECK_NS:
            return
        self._room_ns = now
        detail = "the disk is full: nothing increases until there is room"
        if journal.refill():
            self._world.condition("runner", "JournalRoom", "True", "ROOM")
        elif self._world.conditions.get(("runner", "JournalRoom")) != ("False", "DISK_FULL"):
            self._world.condition("runner", "JournalRoom", "False", "DISK_FULL", detail)
            self._world.sink.alarm("DISK_FULL", detail, "critical")

    def _next(self, now: int) -> tuple[FeedRun | None, Sequence[Bar]]:
        """The next due bars; feeds take turns. A replay waits while its venue is away."""
        world = self._world
        runs = list(world.feeds.values())
        waits = world.link is not None and not world.link.connected
        for offset in range(len(runs)):
            run = runs[(self._turn + offset) % len(runs)]
            if waits and run.feed.data_mode is DataMode.REPLAY:
                continue
            due = run.feed.next_due(now)
            if due is None or due > now:
                continue
            bars = run.feed.pop(now)
            if bars:
                self._turn += offset + 1
                run.fresh = True
                return run, bars
        return None, ()

    async def _rest(self, now: int) -> None:
        """Sleep until something is due, or somebody wakes us."""
        world = self._world
        dues = [due for run in world.feeds.values() if (due := run.feed.next_due(now)) is not None]
        if world.stops is not None and (due := world.stops.due_ns) is not None:
            dues.append(max(due, now + 1))
        wait_ns = min([IDLE_NS_MAX, *(max(0, due - now) for due in dues if due > now)])
        await world.wake.wait(wait_ns / NS_PER_S)

    # -- feeds ---------------------------------------------------------------------------------

    def _check_feed(self, run: FeedRun, now: int) -> None:
        """Journal what changed of a feed; count consecutive stale checks (RSK-3)."""
        world = self._world
        status = run.feed.status(now)
        usable = status.state in (FeedState.RUNNING, FeedState.PAUSED)
        run.fresh = usable
        if status.state is not run.state:
            run.state = status.state
            world.fact(
                Kind.FEED_STATE,
                {
                    "feed": status.feed,
                    "state": status.state.value,
                    "reason": status.reason,
                    "cursor_ns": status.cursor_ns,
                    "start_ns": status.start_ns,
                    "end_ns": status.end_ns,
                    "source": status.source,
                    "data_mode": status.data_mode.value,
                    "speed": status.speed,
                    "instruments": list(status.instruments),
                    "cursor": None if status.cursor_ns is None else format_ns(status.cursor_ns),
                },
            )
            self._configurator.judge()
        if usable or status.state is FeedState.ENDED:
            self._recovered(run)
            return
        run.stale_checks += 1
        bound = self._stale_bound(run)
        if run.stale_checks >= bound and not run.tripped:
            run.tripped = True
            world.keep_stale()
            world.fact(
                Kind.BREAKER_TRIPPED,
                {
                    "scope": f"feed/{run.feed.id}",
                    "breaker": "stale_checks",
                    "action": "pause",
                    "numbers": {"checks": run.stale_checks, "bound": bound},
                    "reason": status.reason,
                },
            )
            world.sink.alarm(
                "FEED_STALE", f"{run.feed.id}: {status.reason}; entries are paused", "critical"
            )

    def _stale_bound(self, run: FeedRun) -> int:
        bounds = [
            limits.stale_checks_max
            for trader in self._world.traders.values()
            if trader.plan.feed == run.feed.id
            for limits in (
                trader.plan.limits,
                self._world.accounts[trader.plan.account].plan.limits,
            )
        ]
        return min([bound for bound in bounds if bound is not None], default=STALE_CHECKS_DEFAULT)

    def _recovered(self, run: FeedRun) -> None:
        run.stale_checks = 0
        if run.tripped:
            run.tripped = False
            self._world.keep_stale()
            self._world.fact(
                Kind.BREAKER_RESET,
                {
                    "scope": f"feed/{run.feed.id}",
                    "breaker": "stale_checks",
                    "reason": "the source is fresh again",
                    "by": "runner",
                },
            )

    def _cycle(self, now: int) -> None:
        """`signals n, executed m`, at most once a second, when anything was decided."""
        world = self._world
        if now - self._cycle_ns < CYCLE_EVERY_NS:
            return
        self._cycle_ns = now
        signals, sent = self._cycle_base
        if world.signals_seen == signals and world.orders_sent == sent:
            return
        mode, _ = world.mode
        world.fact(
            Kind.CYCLE,
            {
                "time_ns": now,
                "signals": world.signals_seen - signals,
                "executed": world.orders_sent - sent,
                "mode": mode.value,
            },
        )
        words = f"signals {world.signals_seen - signals}, executed {world.orders_sent - sent}"
        world.log.info(words, mode=mode.value)
        self._cycle_base = (world.signals_seen, world.orders_sent)
