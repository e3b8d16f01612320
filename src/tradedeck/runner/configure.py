"""Applies a desired document at a safe point: what changed, logged old → new, before the next bar.

Refuses as a whole or applies as a whole. A strategy is swapped without restart: the position stays
with the instrument, the memory with the strategy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradedeck.adapters.feeds.replay.feed import Replay
from tradedeck.closing.types import Kill, KillStep
from tradedeck.desired.diff import diff
from tradedeck.engine.account import AccountEngine
from tradedeck.engine.actions import Action
from tradedeck.execution import arming
from tradedeck.execution.arming import Standing
from tradedeck.execution.ledger import opening, to_body
from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.clock import format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.marketdata.ports import DataMode, Feed, FeedState
from tradedeck.runner import state
from tradedeck.runner.lifecycle import Lifecycle
from tradedeck.runner.plan import AccountPlan, Plan, TraderPlan, plan_of
from tradedeck.runner.world import STALE, Account, FeedRun, Trader, TraderState, World
from tradedeck.strategies import registry
from tradedeck.trading.facts import Kind

_MOVED = ("account", "instrument")
_LOADED = ("strategy", "params", "feed")


class Configurator:
    """Brings a world to a desired document."""

    def __init__(self, world: World, lifecycle: Lifecycle) -> None:
        self._world = world
        self._lifecycle = lifecycle

    def check(self, document: Mapping[str, Any]) -> tuple[Plan, dict[str, Feed]]:
        """Everything that could refuse a document, before anything changes.

        Raises:
            TradedeckError: with the path; feeds that cannot be opened included.
        """
        world = self._world
        plan = plan_of(document, world.ceiling)
        known = {*registry.BUILTIN, *(item["name"] for item in world.hosts.catalogue)}
        for trader in plan.traders.values():
            if trader.strategy not in known:
                raise TradedeckError(
                    Code.INVALID_CONFIG,
                    f"traders.{trader.id}.strategy: {trader.strategy} is not on this host",
                    hint="`tradedeck strategies` lists what is.",
                )
        feeds: dict[str, Feed] = {}
        for name, spec in plan.feeds.items():
            standing = world.feeds.get(name)
            if standing is not None and _same_source(standing.spec, spec):
                feeds[name] = standing.feed
            else:
                feeds[name] = world.make_feed(spec, plan.instruments)
        return plan, feeds

    def apply(self, document: Mapping[str, Any], generation: int) -> list[Action]:
        """Put a document in force; returns what must be sent (cancels of stopped traders)."""
        world = self._world
        plan, feeds = self.check(document)
        changed = [
            {"path": item.path, "old": item.old, "new": item.new}
            for item in diff(world.document, document)
        ]
        world.generation = generation
        world.instruments.update(plan.instruments)
        actions = self._traders_gone(plan)
        self._feeds(plan, feeds)
        self._accounts(plan)
        for trader_plan in plan.traders.values():
            actions += self._trader(trader_plan)
        world.plan, world.document = plan, dict(document)
        world.fact(Kind.CONFIG_APPLIED, {"generation": generation, "changes": changed})
        for change in changed:
            world.log.info("configuration changed", generation=generation, **change)
        world.condition(
            "runner", "ConfigurationApplied", "True", "APPLIED", f"generation {generation}"
        )
        for name in plan.traders:
            world.condition(f"trader/{name}", "Applied", "True", "APPLIED")
        world.journal.put("desired", {"generation": generation, "document": world.document})
        self.judge()
        for account in world.accounts.values():
            if account.executes and account.engine.locked:
                world.claim(account)
        return actions

    async def settled(self) -> None:
        """Wait until the hosts that an `apply` began to load are up, or have failed."""
        await self._lifecycle.settle_loading()

    # -- parts ---------------------------------------------------------------------------------

    def _traders_gone(self, plan: Plan) -> list[Action]:
        actions: list[Action] = []
        for trader in list(self._world.traders.values()):
            wanted = plan.traders.get(trader.plan.id)
            if wanted is None or any(
                getattr(wanted, name) != getattr(trader.plan, name) for name in _MOVED
            ):
                actions += self._lifecycle.remove(trader, "removed from the configuration")
        return actions

    def _feeds(self, plan: Plan, feeds: dict[str, Feed]) -> None:
        world = self._world
        now = world.clock.now_ns()
        for name in [name for name in world.feeds if name not in plan.feeds]:
            _close(world.feeds.pop(name).feed)
        for name, spec in plan.feeds.items():
            run = world.feeds.get(name)
            if run is not None and run.feed is feeds[name]:
                if run.spec.get("speed") != spec.get("speed") and isinstance(run.feed, Replay):
                    run.feed.set_speed(float(spec["speed"]), now)
                run.spec = spec
                continue
            if run is not None:
                _close(run.feed)
                world.journal.drop(f"feed/{name}")
            stale = name in (world.journal.get(STALE) or ())
            world.feeds[name] = FeedRun(feeds[name], spec, tripped=stale)
            if run is None:
                self._restore_feed(world.feeds[name])

    def _restore_feed(self, run: FeedRun) -> None:
        row = self._world.journal.get(f"feed/{run.feed.id}")
        feed: Any = run.feed
        if row is None:
            return
        if "cursors" in row:
            feed.restore({symbol: int(at) for symbol, at in row["cursors"].items()})
        elif row.get("cursor") is not None:
            feed.restore(int(row["cursor"]), int(row.get("lap") or 0))
            if row.get("speed") is not None:
                feed.set_speed(float(row["speed"]), self._world.clock.now_ns())
            if row.get("paused"):
                feed.pause()

    def _accounts(self, plan: Plan) -> None:
        world = self._world
        for name, account_plan in plan.accounts.items():
            account = world.accounts.get(name)
            if account is None:
                world.accounts[name] = self._open(account_plan, plan)
            else:
                account.plan = account_plan
                account.engine.set_limits(account_plan.limits)
                account.engine.book.instruments.update(plan.instruments)
        for name in [name for name in world.accounts if name not in plan.accounts]:
            engine = world.accounts[name].engine
            if engine.book.touched():
                world.sink.alarm(
                    "ACCOUNT_STILL_HOLDS",
                    f"{name} left the configuration but holds positions",
                    "critical",
                )
            else:
                del world.accounts[name]
                world.epochs.drop(name)

    def _open(self, plan: AccountPlan, whole: Plan) -> Account:
        world = self._world
        book, kept = state.load_book(world.journal, plan.id, plan.currency, world.instruments)
        for symbol in book.touched() | book.positions.keys():
            if symbol not in world.instruments:
                world.provide(symbol, plan.currency)
        if kept is None:
            book.balance = plan.balance
            world.fact(
                Kind.ACCOUNT_OPENED,
                {
                    "account": plan.id,
                    "currency": plan.currency,
                    "balance": decimal_text(plan.balance),
                    "postings": to_body(opening(plan.balance), plan.currency, f"open-{plan.id}"),
                },
            )
        engine = AccountEngine(
            book,
            plan.limits,
            world.halts,
            world.sink,
            world.new_order_id,
            world.day_end(*day_boundary(plan, whole)),
        )
        engine.explain = True
        engine.flattener = self._flatten
        if kept is not None:
            engine.restore(kept)
        else:
            state.save_account(world.journal, engine)
        verdict = arming.verdict(world.env, Standing(plan.id, plan.broker, "replay"))
        engine.locked = True  # until its lock is ours: `World.claim`
        return Account(plan, engine, verdict)

    def _flatten(self, scope: str, reason: str) -> None:
        """A running limit's `flatten` is a kill of its scope, decided by the limit."""
        world = self._world
        now = world.clock.now_ns()
        kill = Kill(new_id("kill", now), scope, KillStep.FLATTEN, True, reason, "limit", now)
        assert world.stops is not None
        world.stops.kill(kill)

    def _trader(self, plan: TraderPlan) -> list[Action]:
        trader = self._world.traders.get(plan.id)
        if trader is None:
            return self._new(plan)
        old, trader.plan = trader.plan, plan
        trader.generation = self._world.generation
        self._world.engine_of(trader).configure(plan.id, plan.spec())
        if plan.state == "stopped":
            return self._stopped(trader)
        if old.state == "stopped":
            self._lifecycle.forget_faults(trader)
            self._lifecycle.release(trader)
            self._lifecycle.load(trader, "started by the configuration")
        elif trader.held_back is TraderState.STOPPED:
            return []  # a person stopped it: only a start, not some other change, starts it again
        elif any(getattr(old, name) != getattr(plan, name) for name in _LOADED):
            self._swap(trader, old)
        elif old.state != plan.state:
            if plan.state == "paused":
                self._lifecycle.pause(trader, "paused by the configuration")
            else:
                self._lifecycle.resume(trader, "resumed by the configuration")
        return []

    def _new(self, plan: TraderPlan) -> list[Action]:
        trader = self._lifecycle.add(plan)
        if plan.state == "stopped":
            return self._stopped(trader)
        if trader.held_back is TraderState.STOPPED:
            trader.reason = trader.held_reason
            return []
        self._lifecycle.load(trader, "started by the configuration")
        return []

    def _stopped(self, trader: Trader) -> list[Action]:
        if trader.state is TraderState.STOPPED:
            return []
        return self._lifecycle.stop(trader, "stopped by the configuration")

    def _swap(self, trader: Trader, old: TraderPlan) -> None:
        plan = trader.plan
        self._world.fact(
            Kind.STRATEGY_SWAPPED,
            {
                "trader": plan.id,
                "old": old.strategy,
                "new": plan.strategy,
                "params_old": dict(old.params),
                "params_new": dict(plan.params),
                "generation": self._world.generation,
            },
        )
        self._world.log.info(
            "strategy swapped",
            trader=plan.id,
            old=old.strategy,
            new=plan.strategy,
            generation=self._world.generation,
        )
        self._lifecycle.forget_faults(trader)
        self._lifecycle.load(
            trader,
            f"strategy changed from {old.strategy} to {plan.strategy}"
            if old.strategy != plan.strategy
            else "parameters changed",
        )

    # -- arming --------------------------------------------------------------------------------

    def judge(self) -> None:
        """Hold every account against the host's environment; say what changed."""
        world = self._world
        for account in world.accounts.values():
            traders = [t.plan for t in world.traders.values() if t.plan.account == account.plan.id]
            modes = {world.feed_mode(plan) for plan in traders}
            mode = DataMode.REPLAY.value if DataMode.REPLAY.value in modes or not modes else "live"
            source_ok = all(self._source_ok(plan) for plan in traders)
            verdict = arming.verdict(
                world.env,
                Standing(
                    account.plan.id,
                    account.plan.broker,
                    mode,
                    live_source_ok=source_ok,
                    within_ceiling=world.ceiling.accounts is None
                    or account.plan.id in world.ceiling.accounts,
                ),
            )
            key = ("account/" + account.plan.id, "Verdict")
            known = world.conditions.get(key)
            account.verdict = verdict
            words = ",".join(reason.value for reason in verdict.reasons)
            if known == (verdict.mode.value, words):
                continue
            world.conditions[key] = (verdict.mode.value, words)
            world.fact(
                Kind.MODE_VERDICT,
                {
                    "account": account.plan.id,
                    "verdict": verdict.mode.value,
                    "reasons": [reason.value for reason in verdict.reasons],
                    "at": format_ns(world.clock.now_ns()),
                },
            )

    def _source_ok(self, plan: TraderPlan) -> bool:
        run = self._world.feeds.get(plan.feed)
        if run is None or run.feed.data_mode is DataMode.REPLAY:
            return True
        return run.feed.status(self._world.clock.now_ns()).state is not FeedState.FAILED


def day_boundary(account: AccountPlan, plan: Plan) -> tuple[str, int]:
    """Zone and hour at which an account's day ends: 17:00 New York where it trades only FX hours,
    else midnight of its own zone.
    """
    calendars = {
        plan.instruments[trader.instrument].calendar
        for trader in plan.traders.values()
        if trader.account == account.id
    }
    return ("America/New_York", 17) if calendars == {"FX"} else (account.timezone, 0)


def _same_source(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return {k: v for k, v in old.items() if k != "speed"} == {
        k: v for k, v in new.items() if k != "speed"
    }


def _close(feed: Feed) -> None:
    close = getattr(feed, "close", None)
    if close is not None:
        close()
