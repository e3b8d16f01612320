"""The breakers of a runner's accounts (RSK-3): what is watched, what opening one does.

Counted as it happens, in the turn in which it happens; measured once a second. One that cools down
denies entries while it is open; one that latches does so through a halt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tradedeck.engine.actions import Action
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.marketdata.ports import FeedState
from tradedeck.risk.breakers import Breaker, Open, Rule
from tradedeck.risk.limits import Action as LimitAction
from tradedeck.runner.world import Account, FeedRun, World
from tradedeck.trading.facts import Kind

EVERY_NS = NS_PER_S
_DOWN = (FeedState.STALE, FeedState.FAILED)


class BreakerWatch:
    """Tells the breakers what happened, and does what they say."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._next_ns = 0
        self._clocks: tuple[int, int] | None = None

    def keep(self, now_ns: int) -> list[Action]:
        """Called at every turn; returns what opening a breaker demands to be sent."""
        opened = [*self._counted(now_ns)]
        if now_ns >= self._next_ns or now_ns < self._next_ns - EVERY_NS:
            self._next_ns = now_ns + EVERY_NS
            opened += [*self._feeds(now_ns), *self._clock(now_ns)]
            for item in self._world.breakers.cooled(now_ns):
                _closed(self._world, item, "its cause has been gone for the cool-down", "runner")
        actions: list[Action] = []
        for item in opened:
            actions += self._opened(item)
        return actions

    # -- what is watched -----------------------------------------------------------------------

    def _counted(self, now_ns: int) -> Iterator[Open]:
        world = self._world
        breakers, sink = world.breakers, world.sink
        for name in sink.turn_rejected:
            account = world.accounts.get(name)
            if account is not None:
                rule = account.plan.breakers[Breaker.REJECTS]
                found = breakers.count(f"account/{name}", Breaker.REJECTS, rule, now_ns, now_ns)
                if found is not None:
                    yield found
        sink.turn_rejected.clear()
        for name, at_ns in sink.turn_entries:
            trader = world.traders.get(name)
            if trader is not None:
                rule = world.accounts[trader.plan.account].plan.breakers[Breaker.REPEATED_EXECUTION]
                scope = f"trader/{name}"
                found = breakers.count(scope, Breaker.REPEATED_EXECUTION, rule, at_ns, now_ns)
                if found is not None:
                    yield found
        sink.turn_entries.clear()

    def _feeds(self, now_ns: int) -> Iterator[Open]:
        world = self._world
        for name, run in world.feeds.items():
            if run.state is None or run.state not in _DOWN:
                run.down_ns = None
                continue
            if run.down_ns is None:
                run.down_ns = now_ns
            seconds = (now_ns - run.down_ns) / NS_PER_S
            reason = f"the feed {name} has been {run.state.value} for {seconds:.0f} s"
            rule = self._strictest(run)
            if rule is not None:
                found = world.breakers.hold(
                    f"feed/{name}", Breaker.FEED_DISCONNECTED, rule, seconds, now_ns, reason
                )
                if found is not None:
                    yield found

    def _strictest(self, run: FeedRun) -> Rule | None:
        """Of the accounts that trade by the feed: the shortest patience."""
        traded = _traded_by(self._world, run.feed.id)
        rules = [account.plan.breakers[Breaker.FEED_DISCONNECTED] for account in traded]
        return min(rules, key=lambda rule: rule.bound, default=None)

    def _clock(self, now_ns: int) -> Iterator[Open]:
        """A step of the wall clock against the clock that nobody can set."""
        mono_ns = self._world.clock.monotonic_ns()
        before, self._clocks = self._clocks, (now_ns, mono_ns)
        if before is None:
            return
        step_ns = (now_ns - before[0]) - (mono_ns - before[1])
        reason = f"the host's clock was set by {step_ns / NS_PER_S:+.3f} s"
        for name, account in self._world.accounts.items():
            rule = account.plan.breakers[Breaker.CLOCK_OFFSET]
            found = self._world.breakers.hold(
                f"account/{name}",
                Breaker.CLOCK_OFFSET,
                rule,
                abs(step_ns) / NS_PER_S,
                now_ns,
                reason,
            )
            if found is not None:
                yield found

    # -- what follows --------------------------------------------------------------------------

    def _opened(self, item: Open) -> list[Action]:
        world = self._world
        world.journal.put("breakers", world.breakers.rows())
        world.fact(
            Kind.BREAKER_TRIPPED,
            {
                "scope": item.scope,
                "breaker": item.breaker.value,
                "action": item.action.value,
                "numbers": item.numbers,
                "reason": item.reason,
                "resume": "person" if item.latched else "auto",
                "halts": [scope for scope, _ in self._halted(item)],
            },
        )
        world.sink.alarm(
            "BREAKER_TRIPPED",
            f"{item.breaker.value.replace('_', ' ')}, {item.scope}: {item.reason}; "
            f"action {item.action.value.replace('_', ' ')}",
            "critical",
        )
        actions: list[Action] = []
        for scope, account in self._halted(item):
            reason = f"{item.breaker.value.replace('_', ' ')}: {item.reason}"
            actions += account.engine.act(scope, item.action, reason, "breaker")
        return actions

    def _halted(self, item: Open) -> list[tuple[str, Account]]:
        """Scopes that its opening halts, with their accounts: a feed's are those that trade by it.
        One that cools down denies by itself, and only flattens through a halt.
        """
        if item.action is LimitAction.ALARM:
            return []
        if not item.latched and item.action is not LimitAction.FLATTEN:
            return []
        world, scope = self._world, item.scope
        kind, _, name = scope.partition("/")
        if kind == "feed":
            return [(f"account/{a.plan.id}", a) for a in _traded_by(world, name)]
        if kind == "trader":
            trader = world.traders.get(name)
            return [] if trader is None else [(scope, world.accounts[trader.plan.account])]
        account = world.accounts.get(name)
        return [] if account is None else [(scope, account)]


def _traded_by(world: World, feed: str) -> list[Account]:
    names = {t.plan.account for t in world.traders.values() if t.plan.feed == feed}
    return [account for name, account in world.accounts.items() if name in names]


def close_lifted(world: World, scope: str, by: str) -> None:
    """A person lifted the halt of that scope: the breakers that latched it are closed. That of a
    feed is with the first of its accounts; where the feed is still away it opens again for all.
    """
    kind, _, name = scope.partition("/")
    feeds = {
        f"feed/{trader.plan.feed}"
        for trader in world.traders.values()
        if kind == "account" and trader.plan.account == name
    }
    for item in world.breakers.lifted(scope, *feeds):
        _closed(world, item, f"the halt of {scope} was lifted", by)


def gauges(world: World, now_ns: int) -> list[dict[str, Any]]:
    """How far each breaker is from opening, and when an open one may close: for people."""
    breakers, rows = world.breakers, dict[tuple[str, Breaker], dict[str, Any]]()

    def used(scope: str, breaker: Breaker, value: float) -> None:
        rows[scope, breaker] = {"scope": scope, "breaker": breaker.value, "used": value}

    for name, account in world.accounts.items():
        scope, rule = f"account/{name}", account.plan.breakers[Breaker.REJECTS]
        used(scope, Breaker.REJECTS, breakers.counted(scope, Breaker.REJECTS, rule, now_ns))
    for name, trader in world.traders.items():
        owner = world.accounts[trader.plan.account]
        scope, rule = f"trader/{name}", owner.plan.breakers[Breaker.REPEATED_EXECUTION]
        count = breakers.counted(scope, Breaker.REPEATED_EXECUTION, rule, owner.engine.now_ns)
        used(scope, Breaker.REPEATED_EXECUTION, count)
    for name, run in world.feeds.items():
        down_s = 0.0 if run.down_ns is None else (now_ns - run.down_ns) / NS_PER_S
        used(f"feed/{name}", Breaker.FEED_DISCONNECTED, round(down_s, 1))
    for key, item in breakers.open.items():
        row = rows.setdefault(key, {"scope": item.scope, "breaker": item.breaker.value})
        if item.cooldown_ns is not None:
            row["closes_ns"] = item.seen_ns + item.cooldown_ns
    return list(rows.values())


def _closed(world: World, item: Open, reason: str, by: str) -> None:
    world.journal.put("breakers", world.breakers.rows())
    world.fact(
        Kind.BREAKER_RESET,
        {"scope": item.scope, "breaker": item.breaker.value, "reason": reason, "by": by},
    )
