"""What a draft trader would do now: its strategy in a host of its own, fed the recent bars, its
wish held against the limits. Nothing is sent, stated or remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tradedeck.adapters.feeds.replay.feed import Replay
from tradedeck.engine.planner import Planner
from tradedeck.engine.slot import Slot
from tradedeck.execution import gate
from tradedeck.execution.book import Book
from tradedeck.execution.gate import Conditions, Denial
from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.runner.hosts import HostFailed
from tradedeck.runner.plan import TraderPlan, plan_of
from tradedeck.runner.wishes import wish_of
from tradedeck.runner.world import Account, World
from tradedeck.trading.market import Bar
from tradedeck.trading.order import Order

WARM_BARS = 500  # enough for a 200-bar average to settle; a tenth of a second of a host's time
PREVIEW_S = 3.0


class Drafts:
    """Previews drafts, one at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._busy = asyncio.Lock()

    async def preview(self, draft: Mapping[str, Any]) -> dict[str, Any]:
        """The wish on the last bar, the orders it would lead to, and every limit they meet.

        Raises:
            TradedeckError: the draft leads nowhere, has no bar yet, or its strategy failed.
        """
        document = {**self._world.document, "traders": [dict(draft)]}
        plan = plan_of(document, self._world.ceiling).traders[str(draft["id"])]
        account = self._world.accounts.get(plan.account)
        if account is None:
            raise TradedeckError(Code.NOT_FOUND, f"there is no account {plan.account!r} here")
        bars = self._recent(plan)
        if not bars:
            raise TradedeckError(
                Code.CONFLICT,
                f"{plan.instrument} has no bar yet.",
                hint="Start its feed, or let it run to the first bar.",
            )
        async with self._busy:
            reply = await self._think(plan, bars, self._standing(plan, account))
        return self._judge(plan, account, bars[-1], reply)

    def _recent(self, plan: TraderPlan) -> list[Bar]:
        run = self._world.feeds.get(plan.feed)
        if run is not None and isinstance(run.feed, Replay):
            return run.feed.recent(plan.instrument, WARM_BARS)
        last = self._world.bars.get(plan.instrument)
        return [] if last is None else [last]

    def _present(self, plan: TraderPlan) -> Slot | None:
        """The slot of the trader that the draft would change; None where it is a new one."""
        trader = self._world.traders.get(plan.id)
        if trader is None or trader.slot is None:
            return None
        same = (trader.plan.account, trader.plan.instrument) == (plan.account, plan.instrument)
        return trader.slot if same else None

    def _standing(self, plan: TraderPlan, account: Account) -> list[Any]:
        """The context of its decision: what it holds now."""
        slot, book = self._present(plan), account.engine.book
        position = 0.0 if slot is None else float(book.held(plan.instrument))
        average = slot.cost / slot.units if slot is not None and slot.units else None
        working = sum(order.trader == plan.id for order in book.orders.values())
        return [position, average, account.engine.equity, working]

    async def _think(
        self, plan: TraderPlan, bars: list[Bar], standing: list[Any]
    ) -> dict[str, Any]:
        hosts, name = self._world.hosts, f"preview:{plan.id}"
        reply: dict[str, Any] = {}
        try:
            async with asyncio.timeout(PREVIEW_S):
                await hosts.spawn(name, plan.strategy, dict(plan.params), None)
                for bar in bars:
                    context = standing if bar is bars[-1] else [0.0, None, standing[2], 0]
                    request = {"op": "bar", "bar": bar.to_list(), "context": context}
                    reply = await hosts.ask(name, request, self._world.tuning.callback_deadline_s)
        except HostFailed as failure:
            raise TradedeckError(Code.STRATEGY, failure.detail[-500:]) from failure
        except TimeoutError as error:
            raise TradedeckError(
                Code.TIMEOUT, f"{plan.strategy} took more than {PREVIEW_S:g} s for its warm-up"
            ) from error
        finally:
            hosts.kill(name)
        return reply

    def _judge(
        self, plan: TraderPlan, account: Account, bar: Bar, reply: dict[str, Any]
    ) -> dict[str, Any]:
        book = _copy(account.engine.book)
        book.marks[plan.instrument] = bar.close
        slot = self._slot(plan, account, book)
        planner = Planner(book, lambda: "draft", None)
        equity = account.engine.equity
        orders: list[dict[str, Any]] = []
        checks: list[dict[str, Any]] = []
        for body in reply["wishes"]:
            wish = planner.plan(slot, wish_of(body), equity, bar.end_ns)
            if wish.reduce is not None:
                orders.append(_order(wish.reduce, "reduces", None))
            if wish.increase is not None:
                exact = Decimal(repr(equity))
                now = (bar.end_ns, wish.stop)
                checks += gate.explain(wish.increase, book, slot.bounds, exact, *now)
                answer = gate.decide(wish.increase, book, slot.bounds, slot.conditions, exact, *now)
                denied = answer.refusal.value if isinstance(answer, Denial) else None
                orders.append(_order(wish.increase, "denied" if denied else "allowed", denied))
        return {
            "wishes": reply["wishes"],
            "inputs": reply["inputs"],
            "bar_end_ns": bar.end_ns,
            "price": bar.close,
            "orders": orders,
            "checks": checks,
        }

    def _slot(self, plan: TraderPlan, account: Account, book: Book) -> Slot:
        spec = self._world.instruments[plan.instrument]
        table = self._world.calendar(spec.calendar)
        bar = self._world.bars.get(plan.instrument)
        conditions = Conditions(
            account.verdict.mode,
            halt=self._world.halts.of(plan.account, plan.id, plan.strategy, plan.instrument),
            running=plan.state == "running",
            session_open=not plan.session_gate or bar is None or table.open_to(bar.end_ns),
            venue_ready=account.reconciled,
        )
        base, present = float(book.balance), self._present(plan)
        slot = Slot.of(plan.spec(), spec, account.plan.limits, conditions, base)
        slot.watched = False
        # A trader that already holds what it wants is not sized anew.
        slot.target = 0.0 if present is None else present.target
        return slot


def _copy(book: Book) -> Book:
    """The book's standing, so that a preview can mark and plan on it without touching it."""
    twin = Book(book.account, book.currency, dict(book.instruments), book.balance)
    twin.positions = dict(book.positions)
    twin.marks = dict(book.marks)
    twin.sent_ns.extend(book.sent_ns)
    twin.own_sent = {name: own.copy() for name, own in book.own_sent.items()}
    twin.recent = dict(book.recent)
    for order in book.orders.values():
        twin.add(order)
    return twin


def _order(order: Order, verdict: str, reason: str | None) -> dict[str, Any]:
    return {
        "side": order.side.value,
        "quantity": decimal_text(order.quantity),
        "verdict": verdict,
        "reason": reason,
    }
