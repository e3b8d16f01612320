"""One step: the bars of one instant through venue, marks, strategies, gate and sends.

Every send is durable in the journal before it leaves; what the venue answers is durable before the
next bar. While strategies think, urgent commands (kill, cancel, close) run in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any

from tradedeck.engine.actions import FILL_ROUNDS_MAX, SEND_ROUNDS_MAX, Action, CancelOrder
from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.marketdata.ports import DataMode
from tradedeck.runner import state
from tradedeck.runner.conditions import observe
from tradedeck.runner.hosts import HostFailed
from tradedeck.runner.lifecycle import Lifecycle
from tradedeck.runner.wishes import wish_of
from tradedeck.runner.world import Account, FeedRun, Trader, World
from tradedeck.trading.facts import Kind
from tradedeck.trading.market import Bar
from tradedeck.trading.money import minor_unit
from tradedeck.trading.signal import Wish
from tradedeck.venue.report import Report

LAP_ENDED = "the replay begins again"
ALIVE_S = 0.2  # who waits for a strategy still says that it turns


class Stepper:
    """Drives bars through a world."""

    def __init__(self, world: World, lifecycle: Lifecycle) -> None:
        self._world = world
        self._lifecycle = lifecycle

    async def bars(self, run: FeedRun, bars: Sequence[Bar]) -> None:
        """Take one instant's bars of one feed, to the end of everything they cause."""
        world = self._world
        now = world.clock.now_ns()
        await self._end_lap(run, bars)
        actions = await self._price(bars)
        for bar in bars:
            world.bars[bar.instrument] = bar
            actions += self._mark(bar)
        await self.carry_out(actions)
        await self.attend()  # a limit's flatten goes before strategies think
        await self._think(run, bars, now)
        await self.carry_out(await self._hear())
        await self._fills()
        self._account(bars, now)
        self._cycle()
        world.commit()

    async def _end_lap(self, run: FeedRun, bars: Sequence[Bar]) -> None:
        """Before a replay begins again, what it trades is closed at its last prices.

        A position carried over would book the step from the last price of one lap to the first of
        the next, years earlier: a loss, or a gain, that no market made.
        """
        known = self._world.bars
        back = (b.instrument in known and b.end_ns < known[b.instrument].end_ns for b in bars)
        # Of live frames an older one is a fault of their source, never a reason to close.
        if run.feed.data_mode is not DataMode.REPLAY or not any(back):
            return
        traded = {t.plan.instrument for t in self._world.traders.values()
                  if t.plan.feed == run.feed.id} | {bar.instrument for bar in bars}  # fmt: skip
        for account in self._world.accounts.values():
            for symbol in sorted(traded & account.engine.book.touched()):
                await self.carry_out(account.engine.close(symbol, by=LAP_ENDED))

    async def _price(self, bars: Sequence[Bar]) -> list[Action]:
        """Give the venue the new prices; where orders rest, hear first what became of them.

        Where none does, the prices go with what the strategies wish, in one write and one turn of
        the venue: the line keeps the order, so that what is sent meets them.
        """
        world, link = self._world, self._world.link
        if link is None or not link.connected:
            return []
        for bar in bars:
            link.post_bar(bar)
        symbols = {bar.instrument for bar in bars}
        for account in world.accounts.values():
            if any(order.instrument in symbols for order in account.engine.book.orders.values()):
                return await self._hear()
        return self.apply([])

    async def _hear(self) -> list[Action]:
        """Book the answers to everything that was posted."""
        link = self._world.link
        if link is None or not link.connected:
            return []
        reports, _, _ = await link.settle()
        return self.apply(reports)

    def _mark(self, bar: Bar) -> list[Action]:
        actions: list[Action] = []
        for account in self._world.accounts.values():
            if bar.instrument in account.engine.by_symbol or (
                bar.instrument in account.engine.book.positions
            ):
                actions += account.engine.mark(bar)
        return actions

    # -- sending -------------------------------------------------------------------------------

    async def carry_out(self, actions: list[Action]) -> None:
        """Commit, send, apply; again for what follows, until nothing does."""
        world, rounds = self._world, 0
        while actions and rounds < SEND_ROUNDS_MAX:
            rounds += 1
            self.save()
            world.commit()
            if world.unwritten:
                self._unsent(actions, "it could not be journaled: the disk is full")
                return
            actions = await self._send(actions)
        if actions:
            world.sink.alarm("SEND_LOOP", f"{len(actions)} actions were left", "critical")

    async def _send(self, actions: list[Action]) -> list[Action]:
        world = self._world
        link = world.link
        if link is None or not link.connected:
            self._unsent(actions, "not connected")
            return []
        for action in actions:
            link.post(action)
        world.orders_sent += sum(not isinstance(action, CancelOrder) for action in actions)
        return await self.settle()

    def _unsent(self, actions: list[Action], reason: str) -> None:
        for action in actions:
            if not isinstance(action, CancelOrder):
                self.unknown(action.order.account, action.order.client_id, reason)

    async def settle(self) -> list[Action]:
        """Book what the venue answers to everything posted; returns what follows from it."""
        world = self._world
        link = world.link
        assert link is not None
        reports, unknown, refused = await link.settle()
        followed = self.apply(reports)
        for client_id in filter(None, unknown):
            for account in world.accounts.values():
                if client_id in account.engine.book.orders:
                    self.unknown(account.plan.id, client_id, "no answer from the venue")
                    words = f"the outcome of {client_id} is not known"
                    world.doubt(account, "ORDER_UNKNOWN", words)
            if world.stops is not None:
                world.stops.lost(client_id)
        for words in refused:
            world.sink.alarm("VENUE_REFUSED", words, "critical")
        return followed

    def unknown(self, account: str, client_id: str, reason: str) -> None:
        """The outcome of an order is not known; it counts on."""
        self._world.accounts[account].engine.unknown(client_id, reason)

    def apply(self, reports: list[Report]) -> list[Action]:
        """Book the venue's reports, pushed ones included, each once and in its order."""
        world = self._world
        if world.pushed:
            reports = sorted([*world.pushed, *reports], key=lambda report: report.seq)
            world.pushed = []
        actions: list[Action] = []
        at_ns = world.clock.now_ns()
        for report in reports:
            if report.seq <= world.venue_seq:
                continue
            world.venue_seq = report.seq
            account = world.accounts.get(report.account)
            if account is None:
                world.sink.alarm("FOREIGN_REPORT", f"a report for account {report.account}")
                continue
            if report.instrument not in world.instruments:
                world.provide(report.instrument, account.engine.book.currency)
            if world.stops is not None:
                world.stops.heard(report)
            fill, followed = account.engine.report(report, at_ns)
            actions += followed
            if fill is not None:
                world.fills.append((fill.trader, fill))
                world.saved_slots.add(fill.trader)
        if reports:
            world.journal.put("venue", {"seq": world.venue_seq})
            self._touch({report.account for report in reports})
        return actions

    def _touch(self, accounts: set[str]) -> None:
        for name in accounts:
            account = self._world.accounts.get(name)
            if account is not None:
                state.save_account(self._world.journal, account.engine)

    def save(self) -> None:
        """Stage the rows of what this turn changed."""
        world = self._world
        for name in world.saved_slots:
            trader = world.traders.get(name)
            if trader is not None and trader.slot is not None:
                state.save_slot(world.journal, trader.slot)
        world.saved_slots.clear()
        if world.sink.turn_orders:
            self._touch({order.account for order in world.sink.turn_orders})
            world.sink.turn_orders.clear()

    # -- thinking ------------------------------------------------------------------------------

    async def _think(self, run: FeedRun, bars: Sequence[Bar], now: int) -> None:
        by_symbol = {bar.instrument: bar for bar in bars}
        asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        for name, trader in self._world.traders.items():
            bar = by_symbol.get(trader.plan.instrument)
            if bar is None or trader.plan.feed != run.feed.id:
                continue
            trader.last_bar, trader.last_seen_ns = bar, now
            if trader.live:
                asked[name] = self.ask(trader, "bar", bar=bar.to_list())
        await self.wait(set(asked.values()))
        # The bar is over in the turn that keeps what strategies learnt from it: after a crash it
        # comes again whole or not at all.
        self._lifecycle.keep_cursor(run)
        actions: list[Action] = []
        for name, task in asked.items():
            trader = self._world.traders.get(name)
            if trader is not None and trader.slot is not None:
                actions += self._answered(trader, by_symbol[trader.plan.instrument], task)
        await self.carry_out(actions)

    def ask(self, trader: Trader, op: str, **fields: Any) -> asyncio.Future[dict[str, Any]]:
        """One callback of the trader's strategy, with its standing; its answer or HostFailed."""
        engine, slot = self._world.engine_of(trader), trader.slot
        assert slot is not None
        position = engine.book.held(trader.plan.instrument)
        average = slot.cost / slot.units if slot.units else None
        working = sum(order.trader == trader.plan.id for order in engine.book.orders.values())
        request = {
            "op": op,
            "context": [float(position), average, engine.equity, working],
            **fields,
        }
        return self._world.hosts.post(
            trader.plan.id, request, self._world.tuning.callback_deadline_s
        )

    async def wait(self, tasks: AbstractSet[asyncio.Future[Any]]) -> None:
        """Wait for strategies; a kill or a cancel does not wait with us."""
        world = self._world
        for task in tasks:
            task.add_done_callback(world.wake.set)
        while not all(task.done() for task in tasks):
            if not await world.wake.wait(self._attend_s()) and world.link is not None:
                world.link.flush()  # a slow strategy does not keep the prices from the venue
            await self.attend()

    def _attend_s(self) -> float:
        """Seconds until a word of life or a kill is due, while something else is waited for."""
        stops = self._world.stops
        due = None if stops is None else stops.due_ns
        if due is None:
            return ALIVE_S
        return min(ALIVE_S, max(0.0, (due - self._world.clock.now_ns()) / NS_PER_S))

    async def attend(self) -> None:
        """What waits for nothing: the word of life, urgent commands, kills."""
        self._world.alive()
        await self.run_urgent()
        stops = self._world.stops
        if stops is not None and stops.busy:
            await stops.pump()

    async def run_urgent(self) -> None:
        """Carry out every urgent command that is waiting."""
        while self._world.urgent:
            await self._world.urgent.popleft()()

    def _answered(
        self, trader: Trader, bar: Bar, task: asyncio.Future[dict[str, Any]]
    ) -> list[Action]:
        error = task.exception()
        if error is not None:
            if not isinstance(error, HostFailed):
                raise error
            self._lifecycle.host_failed(trader, error)
            return []
        reply = task.result()
        self._remember(trader, reply)
        try:
            wishes = [wish_of(body) for body in reply["wishes"]]
        except (KeyError, TypeError, ValueError, ArithmeticError) as fault:
            self._lifecycle.host_failed(trader, HostFailed("exception", f"its wish: {fault}"))
            return []
        return self._decide(trader, bar, wishes, reply["wishes"])

    def _remember(self, trader: Trader, reply: dict[str, Any]) -> None:
        trader.inputs = reply.get("inputs") or {}
        memory = reply.get("memory")
        if memory is not None:
            self._world.journal.put(f"memory/{trader.plan.id}/{trader.plan.strategy}", memory)

    def _decide(
        self, trader: Trader, bar: Bar, wishes: list[Wish], raw: list[dict[str, Any]]
    ) -> list[Action]:
        world, slot = self._world, trader.slot
        assert slot is not None
        engine = world.engine_of(trader)
        observe(world, trader, bar)
        sink = world.sink
        sink.turn_denied.clear()
        engine.checks = []
        held = engine.book.held(trader.plan.instrument)
        before = len(sink.turn_orders)
        actions = engine.decide(slot, wishes, bar.end_ns) if wishes else []
        orders = [order.id for order in sink.turn_orders[before:]]
        if wishes:
            world.saved_slots.add(trader.plan.id)
            world.signals_seen += 1
        refused = [
            {
                "reason": denial.refusal.value,
                "numbers": denial.numbers,
                "intent": {
                    "side": order.side.value,
                    "quantity": decimal_text(order.quantity),
                    "order": order.id,
                },
            }
            for order, denial in sink.turn_denied
        ]
        sink.considered(
            {
                "trader": trader.plan.id,
                "account": trader.plan.account,
                "strategy": trader.plan.strategy,
                "instrument": trader.plan.instrument,
                "time_ns": bar.end_ns,
                "seen_ns": trader.last_seen_ns,
                "price": bar.close,
                "bar": [bar.open, bar.high, bar.low, bar.close, bar.volume],
                "inputs": dict(trader.inputs),
                "signal": raw[0] if raw else None,
                "position": decimal_text(held),
                "verdict": _verdict(orders, refused, wishes),
                "orders": orders,
                "refusals": refused,
                "checks": engine.checks,
            }
        )
        return actions

    # -- fills ---------------------------------------------------------------------------------

    async def _fills(self) -> None:
        """Tell strategies their fills; what they wish then goes the same way."""
        world = self._world
        for _ in range(FILL_ROUNDS_MAX):
            if not world.fills:
                return
            batch = list(world.fills)
            world.fills.clear()
            tasks: list[tuple[Trader, asyncio.Future[dict[str, Any]]]] = []
            for name, fill in batch:
                trader = world.traders.get(name)
                if (
                    trader is not None
                    and trader.live
                    and trader.hears_fills
                    and trader.slot is not None
                ):
                    tasks.append((trader, self.ask(trader, "fill", fill=fill.to_body())))
            await self.wait({task for _, task in tasks})
            actions: list[Action] = []
            for trader, task in tasks:
                actions += self._after_fill(trader, task)
            await self.carry_out(actions)
        if world.fills:
            named = ", ".join(sorted({name for name, _ in world.fills}))
            world.fills.clear()
            world.sink.alarm("FILL_LOOP", f"{named} answered its fills without an end", "critical")

    def _after_fill(self, trader: Trader, task: asyncio.Future[dict[str, Any]]) -> list[Action]:
        error = task.exception()
        if error is not None:
            if not isinstance(error, HostFailed):
                raise error
            self._lifecycle.host_failed(trader, error)
            return []
        reply = task.result()
        if not reply["wishes"] or trader.last_bar is None:
            self._remember(trader, reply)
            return []
        return self._answered(trader, trader.last_bar, task)

    # -- figures -------------------------------------------------------------------------------

    def _account(self, bars: Sequence[Bar], now: int) -> None:
        self.save()
        symbols = {bar.instrument for bar in bars}
        for account in self._world.accounts.values():
            if symbols.isdisjoint(account.engine.by_symbol):
                continue
            every = int(self._world.tuning.equity_every_s * NS_PER_S)
            if now - account.equity_at_ns >= every:
                account.equity_at_ns = now
                self.equity(account)
                state.save_account(self._world.journal, account.engine)

    def equity(self, account: Account) -> None:
        """State the account's curve at its trading clock."""
        engine = account.engine
        book, watch = engine.book, engine.watch
        exact = book.equity()
        exposure = Decimal(0)
        for symbol, position in book.positions.items():
            mark = book.marks.get(symbol)
            if position.quantity and mark is not None:
                spec = book.instruments[symbol]
                exposure += abs(position.quantity) * spec.price(mark) * spec.multiplier
        self._world.fact(
            Kind.EQUITY,
            {
                "account": book.account,
                "time_ns": engine.now_ns,
                "equity": decimal_text(exact),
                "balance": decimal_text(book.balance),
                "unrealised": decimal_text(exact - book.balance),
                "realised": decimal_text(book.realised),
                "fees": decimal_text(book.fees),
                "exposure": decimal_text(exposure),
                "day_pnl": shown(engine.equity - watch.day_start, book.currency),
                "drawdown": round(watch.drawdown(engine.equity), 10),
                "max_drawdown": round(watch.max_drawdown(), 10),
                "traders": {
                    name: {
                        "realised": decimal_text(slot.realised),
                        "fees": decimal_text(slot.fees),
                        "unrealised": shown(slot.unrealised, book.currency),
                        "day_pnl": shown(
                            slot.base + slot.pnl() - slot.watch.day_start, book.currency
                        ),
                    }
                    for name, slot in engine.slots.items()
                },
            },
        )

    def _cycle(self) -> None:
        self._world.cycles += 1
        limit = self._world.tuning.cycles_max
        if limit is not None and self._world.cycles >= limit:
            self._world.stopping = True


def shown(observed: float, currency: str) -> str:
    """A marked amount as people read it: to the currency's minor unit."""
    return decimal_text(Decimal(repr(observed)).quantize(minor_unit(currency)))


def _verdict(orders: list[str], refused: list[dict[str, Any]], wishes: list[Wish]) -> str:
    if orders and refused:
        return "mixed"
    if orders:
        return "allowed"
    if refused:
        return "denied"
    return "none" if not wishes else "held"
