"""The breakers of a runner's accounts (RSK-3): what is watched, what opening one does.

Counted as it happens, in the turn in which it happens; measured once a second. One that cools down
denies entries while it is open; one that latches does so through a halt.
"""

from __future__ import annotations

from collections.abc import Iterator

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
        self._down: dict[str, int] = {}
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
                self._down.pop(name, None)
                continue
            seconds = (now_ns - self._down.setdefault(name, now_ns)) / NS_PER_S
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
        rules = [a.plan.breakers[Breaker.FEED_DISCONNECTED] for a in self._traded_by(run.feed.id)]
        return min(rules, key=lambda rule: rule.bound, default=None)

    def _traded_by(self, feed: str) -> list[Account]:
        world = self._world
        names = {t.plan.account for t in world.traders.values() if t.plan.feed == feed}
        return [account for name, account in world.accounts.items() if name in names]

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
            },
        )
        world.sink.alarm(
            "BREAKER_TRIPPED",
            f"{item.breaker.value.replace('_', ' ')}, {item.scope}: {item.reason}; "
            f"action {item.action.value.replace('_', ' ')}",
            "critical",
        )
        actions: list[Action] = []
        if item.action is LimitAction.ALARM:
            return actions
        for scope, account in self._acted_on(item.scope):
            if item.latched or item.action is LimitAction.FLATTEN:
                reason = f"{item.breaker.value.replace('_', ' ')}: {item.reason}"
                actions += account.engine.act(scope, item.action, reason, "breaker")
        return actions

    def _acted_on(self, scope: str) -> list[tuple[str, Account]]:
        """Scopes that can be halted, with their accounts: a feed's are those that trade by it."""
        world = self._world
        kind, _, name = scope.partition("/")
        if kind == "feed":
            return [(f"account/{a.plan.id}", a) for a in self._traded_by(name)]
        if kind == "trader":
            trader = world.traders.get(name)
            return [] if trader is None else [(scope, world.accounts[trader.plan.account])]
        account = world.accounts.get(name)
        return [] if account is None else [(scope, account)]


def close_lifted(world: World, scope: str, by: str) -> None:
    """A person lifted the halt of that scope: the breakers that latched it are closed."""
    for item in world.breakers.lifted(scope):
        _closed(world, item, f"the halt of {scope} was lifted", by)


def _closed(world: World, item: Open, reason: str, by: str) -> None:
    world.journal.put("breakers", world.breakers.rows())
    world.fact(
        Kind.BREAKER_RESET,
        {"scope": item.scope, "breaker": item.breaker.value, "reason": reason, "by": by},
    )
