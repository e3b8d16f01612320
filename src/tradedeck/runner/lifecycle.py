"""Traders' lives: started, loaded into a host, swapped, faulted, restarted, stopped.

A fault harms one trader: its host is gone, its position stays in the book under every limit, and
the others go on. Restarts are bounded; beyond that a person decides.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tradedeck.engine.actions import Action
from tradedeck.execution.gate import Conditions
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.marketdata.ports import FeedState
from tradedeck.runner import state
from tradedeck.runner.hosts import HostFailed
from tradedeck.runner.plan import TraderPlan
from tradedeck.runner.world import FeedRun, Trader, TraderState, World
from tradedeck.trading.facts import Kind

SETTLE_S = 2.0  # a strategy that is slow to load must not hold up the others


class Lifecycle:
    """Moves the traders of a world between states."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loading: dict[str, asyncio.Task[None]] = {}
        world.hosts.on_death = self._died

    def add(self, plan: TraderPlan) -> Trader:
        """Register a trader with its slot; standing from before a restart is taken back."""
        world = self._world
        account = world.accounts[plan.account]
        trader = Trader(plan, generation=world.generation)
        slot = account.engine.add_trader(plan.spec(), Conditions(account.verdict.mode))
        state.load_slot(world.journal, slot)
        kept = world.journal.get(f"trader/{plan.id}")
        if kept is not None and kept["state"] in (TraderState.PAUSED, TraderState.STOPPED):
            trader.held_back, trader.held_reason = TraderState(kept["state"]), kept["reason"]
        account.engine.refresh()
        trader.slot = slot
        world.traders[plan.id] = trader
        return trader

    def load(self, trader: Trader, reason: str) -> asyncio.Task[None]:
        """Begin loading the strategy into a fresh host; done in the background."""
        name = trader.plan.id
        self._give_up_loading(name)
        trader.loaded, trader.restart_at_ns = False, None
        self._world.set_state(trader, TraderState.STARTING, reason)
        task = asyncio.create_task(self._load(trader), name=f"load-{name}")
        self._loading[name] = task
        return task

    def _give_up_loading(self, name: str) -> None:
        task = self._loading.pop(name, None)
        if task is not None:
            task.cancel()

    def _died(self, name: str, failure: HostFailed) -> None:
        """A host ended while nobody waited for it."""
        trader = self._world.traders.get(name)
        if trader is not None and trader.loaded:
            self.host_failed(trader, failure)
            self._world.wake.set()

    async def _load(self, trader: Trader) -> None:
        world, plan = self._world, trader.plan
        mine = asyncio.current_task()
        memory = world.journal.get(f"memory/{plan.id}/{plan.strategy}")
        try:
            reply = await world.hosts.spawn(plan.id, plan.strategy, dict(plan.params), memory)
        except HostFailed as failure:
            if self._loading.get(plan.id) is mine:
                self.host_failed(trader, failure)
                world.commit()
            return
        if self._loading.get(plan.id) is not mine:
            return  # given up meanwhile; whoever did that ends the host
        trader.loaded = True
        trader.hears_fills = bool(reply.get("fills", True))
        trader.inputs = reply.get("inputs") or {}
        if reply.get("memory") is not None:
            world.journal.put(f"memory/{plan.id}/{plan.strategy}", reply["memory"])
        # The plan may have changed in what needs no load; its newest word counts.
        if trader.plan.state == "paused" or trader.held_back is TraderState.PAUSED:
            world.set_state(trader, TraderState.PAUSED, trader.held_reason or "as desired")
        else:
            world.set_state(trader, TraderState.RUNNING, "as desired")
        host = world.hosts.hosts.get(plan.id)
        missing = host.unenforced if host else []
        world.condition(
            f"trader/{plan.id}",
            "Sandboxed",
            "False" if missing else "True",
            "PLATFORM" if missing else "ENFORCED",
            ", ".join(missing),
        )
        world.commit()

    def host_failed(self, trader: Trader, failure: HostFailed) -> None:
        """The strategy's process ended badly: fault, and maybe another try."""
        world, now = self._world, self._world.clock.now_ns()
        window = int(world.tuning.restart_window_s * NS_PER_S)
        while trader.faults and trader.faults[0] < now - window:
            trader.faults.popleft()
        trader.faults.append(now)
        trader.loaded = False
        again = len(trader.faults) <= world.tuning.restarts_max
        world.fact(
            Kind.HOST_KILLED,
            {
                "trader": trader.plan.id,
                "reason": failure.reason,
                "detail": failure.detail[-2000:],
                "restarts": len(trader.faults),
            },
        )
        world.sink.alarm(
            "TRADER_FAULTED",
            f"{trader.plan.id}: {failure.reason}: {_last_line(failure.detail)}",
            "warning" if again else "critical",
        )
        words = f"{failure.reason}: {_last_line(failure.detail)}"
        if not again:
            words += f"; {world.tuning.restarts_max} restarts are used up"
        world.set_state(trader, TraderState.FAULTED, words)
        backoff = world.tuning.restart_backoff_s * 2 ** (len(trader.faults) - 1)
        trader.restart_at_ns = now + int(backoff * NS_PER_S) if again else None

    def restart_due(self, now_ns: int) -> None:
        """Load again what waited out its back-off."""
        for trader in self._world.traders.values():
            if trader.restart_at_ns is not None and trader.restart_at_ns <= now_ns:
                self.load(trader, "restarted after a fault")

    def forget_faults(self, trader: Trader) -> None:
        """A person said try again."""
        trader.faults.clear()
        trader.restart_at_ns = None

    def release(self, trader: Trader) -> None:
        """A person's pause or stop is over."""
        trader.held_back, trader.held_reason = None, ""

    def pause(self, trader: Trader, reason: str) -> None:
        """No new entries; exits and protective orders go on."""
        trader.held_back, trader.held_reason = TraderState.PAUSED, reason
        if trader.state is TraderState.RUNNING:
            self._world.set_state(trader, TraderState.PAUSED, reason)

    def resume(self, trader: Trader, reason: str) -> None:
        """Entries are allowed again."""
        self.release(trader)
        if trader.state is TraderState.PAUSED:
            self._world.set_state(trader, TraderState.RUNNING, reason)

    def stop(self, trader: Trader, reason: str) -> list[Action]:
        """End entries, cancel its working orders; the position is kept."""
        world = self._world
        self._give_up_loading(trader.plan.id)
        world.hosts.kill(trader.plan.id)
        trader.loaded, trader.restart_at_ns = False, None
        trader.held_back, trader.held_reason = TraderState.STOPPED, reason
        world.set_state(trader, TraderState.STOPPED, reason)
        engine = world.engine_of(trader)
        own = [order for order in engine.book.orders.values() if order.trader == trader.plan.id]
        return engine.cancel(own, by=reason)

    def remove(self, trader: Trader, reason: str) -> list[Action]:
        """Stop a trader and forget it; its position stays in the account's book."""
        actions = self.stop(trader, reason)
        self._world.engine_of(trader).remove_trader(trader.plan.id)
        del self._world.traders[trader.plan.id]
        self._world.journal.drop(f"trader/{trader.plan.id}")
        return actions

    async def settle_loading(self) -> None:
        """Wait until every host that is coming up is up or has failed, but not for ever."""
        waiting = [task for task in self._loading.values() if not task.done()]
        if waiting:
            await asyncio.wait(waiting, timeout=SETTLE_S)

    def keep_cursor(self, run: FeedRun) -> None:
        """Stage where a feed stands, with the turn that consumed it."""
        journal, feed = self._world.journal, run.feed
        cursors: Any = getattr(feed, "cursors", None)
        if cursors is not None:
            journal.put(f"feed/{feed.id}", {"cursors": cursors})
            return
        status = feed.status(0)
        journal.put(
            f"feed/{feed.id}",
            {
                "cursor": status.cursor_ns,
                "lap": status.lap,
                "speed": status.speed,
                "paused": status.state is FeedState.PAUSED,
                "source": status.source,
            },
        )


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else text[:300]
