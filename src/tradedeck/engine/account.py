"""The engine of one account: bars and wishes in, facts and actions out. Sans-I/O.

Order of a step, the same everywhere: the venue's reports on the bar, the mark, the decision, the
sends, their reports. The process (or the backtest) carries the actions out between the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from tradedeck.engine.actions import Action, CancelOrder, ReduceOrder, Sink, SubmitOrder
from tradedeck.engine.cover import stale_stops, uncovered
from tradedeck.engine.hand import CloserHand
from tradedeck.engine.planner import Planner
from tradedeck.engine.slot import Slot, TraderSpec
from tradedeck.execution import gate, ledger
from tradedeck.execution.book import Book
from tradedeck.execution.checks import compile_checks
from tradedeck.execution.gate import Conditions, Denial
from tradedeck.execution.halt import Halts, Level, covering
from tradedeck.execution.refusals import Refusal
from tradedeck.risk.limits import Action as LimitAction
from tradedeck.risk.limits import Limits
from tradedeck.risk.running import EquityWatch
from tradedeck.trading.fill import Fill
from tradedeck.trading.market import Bar
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import BUY, SELL, STOP, TERMINAL, Order, Purpose, Status, TimeInForce
from tradedeck.trading.signal import Wish
from tradedeck.venue.report import Report, ReportKind

__all__ = ["AccountEngine", "TraderSpec"]

_LEVELS = {
    LimitAction.PAUSE: Level.PAUSE,
    LimitAction.REDUCE_ONLY: Level.REDUCE_ONLY,
    LimitAction.FLATTEN: Level.HALTED,
}
_NEVER_NS = 1 << 62
_REWOUND_NS = -1  # the day starts over with the next price
_INFINITE = float("inf")


class AccountEngine:
    """Decides for every trader of one account, and keeps its book.

    Args:
        book: the account's book, opened or restored.
        limits: the account's.
        halts: shared by all accounts of the process.
        sink: where facts go.
        new_id: makes order ids; deterministic in backtests.
        day_end_ns: the next day boundary after a time, trading clock.

    `locked`: another process owns the account, nothing is sent for it. `flattener`: carries out a
    running limit's `flatten` for (scope, reason); without one the engine closes by itself.
    """

    def __init__(
        self,
        book: Book,
        limits: Limits,
        halts: Halts,
        sink: Sink,
        new_id: Callable[[], str],
        day_end_ns: Callable[[int], int] | None = None,
    ) -> None:
        self.book = book
        self.limits = limits
        self.halts = halts
        self.slots: dict[str, Slot] = {}
        self.by_symbol: dict[str, Slot] = {}
        self._sink = sink
        self._day_end = day_end_ns
        self._next_day_ns = 0 if day_end_ns is not None else _NEVER_NS
        self._planner = Planner(book, new_id, day_end_ns)
        self.equity = float(book.equity())
        self.watch = EquityWatch(limits, self.equity)
        self._breached: set[str] = set()
        self._doomed: set[str] = set()
        self._ends: dict[str, int] = {}
        self._ends_before = 0
        self.now_ns = 0
        self.locked = False
        self.flattener: Callable[[str, str], None] | None = None
        self.closer = CloserHand(book, self._planner, sink, self.by_symbol, self._owner)
        self.explain = False
        self.checks: list[dict[str, Any]] = []

    # -- traders -------------------------------------------------------------------------------

    def add_trader(self, spec: TraderSpec, conditions: Conditions) -> Slot:
        """Give a trader its slot; one per instrument, so that killing one never raises exposure."""
        holder = self.by_symbol.get(spec.instrument)
        if holder is not None and holder.trader != spec.trader:
            msg = f"{spec.instrument} is traded by {holder.trader} already"
            raise ValueError(msg)
        instrument = self.book.instruments[spec.instrument]
        base = float(self.book.balance)
        slot = Slot.of(spec, instrument, self.limits, conditions, base)
        slot.end_ns = self._ends.get(spec.instrument, self._ends_before)
        self.slots[spec.trader] = slot
        self.by_symbol[spec.instrument] = slot
        self._refresh(slot)
        return slot

    def remove_trader(self, trader: str) -> None:
        """Forget a trader; what it holds stays in the book."""
        slot = self.slots.pop(trader)
        self.by_symbol.pop(slot.instrument.symbol, None)
        self._ends[slot.instrument.symbol] = slot.end_ns

    def configure(self, trader: str, spec: TraderSpec) -> None:
        """Change a trader's strategy name, sizing and limits in place; standing and P&L stay."""
        slot = self.slots[trader]
        slot.breached -= slot.limits.changed(spec.limits)
        slot.strategy, slot.sizing, slot.limits = spec.strategy, spec.sizing, spec.limits
        slot.bounds = compile_checks(self.limits, spec.limits)
        slot.watch.set_limits(spec.limits)
        slot.watched = spec.limits.watched

    def set_limits(self, limits: Limits) -> None:
        """Change the account's limits; in force before the next decision."""
        self._breached -= self.limits.changed(limits)
        self.limits = limits
        self.watch.set_limits(limits)
        for slot in self.slots.values():
            slot.bounds = compile_checks(limits, slot.limits)

    def dump(self) -> dict[str, Any]:
        """The account's curve and day, for `restore`."""
        return {
            "watch": self.watch.dump(),
            "breached": sorted(self._breached),
            "next_day_ns": self._next_day_ns,
            "now_ns": self.now_ns,
            "doomed": sorted(self._doomed),
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Take back what `dump` gave, before traders are added."""
        self.watch.restore(kept["watch"])
        self._breached = set(kept["breached"])
        if self._day_end is not None:
            self._next_day_ns = kept["next_day_ns"]
        self.now_ns = self._ends_before = kept["now_ns"]
        self._doomed = set(kept.get("doomed", ()))

    def refresh(self) -> None:
        """Derive every slot's floats and the equity from the exact book."""
        for slot in self.slots.values():
            self._refresh(slot)
        self.equity = float(self.book.equity())

    def rewind(self) -> None:
        """The trading clock went back (a replay began again): windows and the day start over."""
        self.book.forget_sends()
        if self._day_end is not None:
            self._next_day_ns = _REWOUND_NS

    def rearm(self, scope: str) -> None:
        """A person lifted the halt of `scope`: its running limits act again.

        One that is still crossed halts again on the next price; who wants to go on raises it.
        """
        account = self.book.account
        if scope in covering(account, "", "", "")[:3]:
            self._breached.clear()
        for slot in self.slots.values():
            if scope in covering(account, slot.trader, slot.strategy, slot.instrument.symbol):
                slot.breached.clear()

    # -- bars ----------------------------------------------------------------------------------

    def mark(self, bar: Bar) -> Sequence[Action]:
        """Take a bar's close as the price; returns what a running limit's breach demands."""
        symbol, close, now_ns = bar.instrument, bar.close, bar.end_ns
        if not 0.0 < close < _INFINITE:
            return ()  # no price at all: NaN would blind every limit for ever
        self.book.marks[symbol] = close
        slot = self.by_symbol.get(symbol)
        if slot is None:
            return self._mark_unowned(symbol, now_ns)
        if not slot.end_ns <= now_ns <= self._next_day_ns:
            self._turn(slot.end_ns, now_ns)
        slot.end_ns = self.now_ns = now_ns
        unrealised = slot.units * close - slot.cost
        equity = self.equity = self.equity + (unrealised - slot.unrealised)
        slot.unrealised = unrealised
        watch = self.watch
        if watch.low < equity <= watch.peak and not slot.watched:
            return ()
        return self._watch(slot)

    def _mark_unowned(self, symbol: str, now_ns: int) -> Sequence[Action]:
        """The price of an instrument that no trader of the account trades."""
        self._turn(self._ends.get(symbol, self._ends_before), now_ns)
        self._ends[symbol] = self.now_ns = now_ns
        if self.book.positions.get(symbol) is not None:
            self.equity = float(self.book.equity())
        return self._watch(None)

    def _turn(self, end_ns: int, now_ns: int) -> None:
        """What the trading clock passed, or that it went back since an instrument's last bar."""
        if now_ns < end_ns:
            self.rewind()
        if now_ns > self._next_day_ns:
            self._new_day(now_ns)

    def _watch(self, slot: Slot | None) -> Sequence[Action]:
        """Hold the equity, and the trader's own, against their running limits."""
        actions: list[Action] = []
        if self.watch.mark(self.equity):
            scope = f"account/{self.book.account}"
            actions += self._breach(scope, self.watch, self.equity, self._breached)
        if slot is not None and slot.watched and slot.watch.mark(own := slot.base + slot.pnl()):
            actions += self._breach(f"trader/{slot.trader}", slot.watch, own, slot.breached)
        return actions

    def _new_day(self, now_ns: int) -> None:
        """The boundary passed: what the account was worth before this price is the day's start.

        A bar that ends at the boundary is of the day that ends there.
        """
        assert self._day_end is not None
        first = self._next_day_ns == 0
        self._next_day_ns = self._day_end(now_ns - 1)
        if first:
            return
        self.watch.new_day(self.equity)
        self._breached.discard("day_loss_max")
        for slot in self.slots.values():
            slot.watch.new_day(slot.base + slot.pnl())
            slot.breached.discard("day_loss_max")

    def _breach(
        self, scope: str, watch: EquityWatch, equity: float, already: set[str]
    ) -> list[Action]:
        actions: list[Action] = []
        for breach in watch.breaches(equity):
            if breach.limit in already:
                continue
            already.add(breach.limit)
            self._sink.breached(scope, breach)
            actions += self.act(scope, breach.action, breach.words, "limit")
        return actions

    def act(self, scope: str, action: LimitAction, reason: str, by: str) -> list[Action]:
        """Do what a limit or a breaker of the account or a trader demands: halt, even flatten."""
        level = _LEVELS.get(action)
        if level is None:
            return []
        if action is LimitAction.FLATTEN and self.flattener is not None:
            self.flattener(scope, reason)
            return []
        self.halt(scope, level, reason, by)
        traders = None if scope.startswith("account/") else {scope.partition("/")[2]}
        return self.flatten(traders, by=by) if action is LimitAction.FLATTEN else []

    def halt(self, scope: str, level: Level, reason: str, by: str) -> None:
        """Latch a halt and state it, unless a stricter one stands."""
        if self.halts.set(scope, level, reason=reason, by=by):
            self._sink.halted(self.halts.active[scope])

    # -- decisions -----------------------------------------------------------------------------

    def decide(self, slot: Slot, wishes: Iterable[Wish], now_ns: int) -> list[Action]:
        """Turn a strategy's wishes into journaled intents and what is to be sent."""
        self.now_ns = now_ns
        slot.conditions.halt = self.halts.of(
            self.book.account, slot.trader, slot.strategy, slot.instrument.symbol
        )
        actions: list[Action] = []
        if self.closer.has(slot.instrument.symbol):
            self.closer.keep_out(slot, wishes, self.equity, now_ns, self._deny)
            return actions
        for wish in wishes:
            plan = self._planner.plan(slot, wish, self.equity, now_ns)
            entry: list[Action] = []
            if plan.increase is not None and plan.reduce is None:
                self._increase(slot, plan.increase, plan.stop, entry)
                if not entry:
                    continue  # denied: what protects the position stays
            for order in plan.cancels:
                self._cancel(order, "strategy", actions)
            if plan.reduce is not None:
                self._reduce(slot, plan.reduce, actions)
                if plan.increase is not None:
                    self._increase(slot, plan.increase, plan.stop, entry)
                elif plan.stop is not None:
                    slot.stop = plan.stop
            actions += entry
        return actions

    def _increase(
        self, slot: Slot, order: Order, stop: Decimal | None, actions: list[Action]
    ) -> None:
        equity = Decimal(repr(self.equity))
        if self.explain:
            self.checks += gate.explain(order, self.book, slot.bounds, equity, self.now_ns, stop)
        answer = gate.decide(
            order, self.book, slot.bounds, slot.conditions, equity, self.now_ns, stop
        )
        if isinstance(answer, Denial):
            self._deny(order, answer)
            return
        if stop is not slot.stop:
            held = self.book.held(order.instrument)
            if stop is not None or not held or (held > ZERO) != (order.side is BUY):
                slot.stop = stop  # what is added without a stop keeps the one that stands
        slot.executed += 1
        self.book.add(order)
        self.book.sent(order, self.now_ns)
        self._sink.intent(order)
        actions.append(SubmitOrder(order, answer))

    def _deny(self, order: Order, denial: Denial) -> None:
        order.move(Status.DENIED)
        self._sink.denied(order, denial)

    def _reduce(self, slot: Slot | None, order: Order, actions: list[Action]) -> None:
        """Reducing needs no permit, only that it reduces and that execution exists at all."""
        if slot is not None and slot.conditions.mode not in gate.EXECUTING:
            denial = gate.standing(slot.conditions)
            assert denial is not None
            self._deny(order, denial)
            return
        if self.locked:
            self._deny(order, Denial(Refusal.ACCOUNT_HELD, {}))
            return
        held = self.book.held(order.instrument)
        refused = gate.reducing(order, held)
        if refused is not None:
            self._deny(order, refused)
            return
        order.quantity = min(order.quantity, abs(held))
        self.book.add(order)
        self._sink.intent(order)
        actions.append(ReduceOrder(order))

    def _cancel(self, order: Order, by: str, actions: list[Action]) -> None:
        if self.locked:
            return
        self._sink.cancel_requested(order, by)
        actions.append(CancelOrder(order, by))

    # -- persons and limits --------------------------------------------------------------------

    def cancel(self, orders: Iterable[Order], by: str) -> list[Action]:
        """Withdraw working orders."""
        actions: list[Action] = []
        for order in list(orders):
            self._cancel(order, by, actions)
        return actions

    def close(self, symbol: str, by: str) -> list[Action]:
        """Close one position at the market: its working orders first, protective stops last."""
        if self.closer.has(symbol):
            return []  # a kill closes it already
        working = [order for order in self.book.orders.values() if order.instrument == symbol]
        working.sort(key=lambda order: order.purpose is Purpose.PROTECTIVE)
        actions = self.cancel(working, by)
        self._doomed.update(o.client_id for o in working if not o.reduce_only)
        slot = self.by_symbol.get(symbol)
        if slot is not None:
            slot.target = 0.0
        self._send_close(symbol, self.book.held(symbol), by, actions)
        return actions

    def _send_close(self, symbol: str, held: Decimal, by: str, actions: list[Action]) -> None:
        if not held:
            return
        slot = self.by_symbol.get(symbol)
        strategy = slot.strategy if slot else ""
        order = self._planner.order(symbol, self._owner(symbol), strategy, -held, self.now_ns)
        order.reduce_only, order.purpose, order.by = True, Purpose.CLOSE, by
        self._reduce(None, order, actions)

    def _close_late(self, order: Order, actions: list[Action]) -> None:
        """An entry filled although a close had withdrawn it: what no close covers is closed too."""
        if not self.closer.has(order.instrument):  # a closer finds it in its next read
            left = uncovered(self.book, order.instrument)
            self._send_close(order.instrument, left, "late fill", actions)

    def flatten(self, traders: set[str] | None, by: str) -> list[Action]:
        """Cancel and close everything of these traders, or of the account when None."""
        touched = self.book.touched()
        symbols = sorted(s for s in touched if traders is None or self._owner(s) in traders)
        return [action for symbol in symbols for action in self.close(symbol, by)]

    def _owner(self, symbol: str) -> str:
        slot = self.by_symbol.get(symbol)
        if slot is not None:
            return slot.trader
        position = self.book.positions.get(symbol)
        return position.trader if position is not None else ""

    # -- reports -------------------------------------------------------------------------------

    def report(self, report: Report, at_ns: int) -> tuple[Fill | None, list[Action]]:
        """Apply what the venue said; returns the fill for the strategy, and what follows."""
        if report.time_ns > self._next_day_ns > 0:
            self._new_day(report.time_ns)
        booked = self.book.book(report, at_ns)
        if booked is None:
            return self._foreign(report, at_ns), []
        order, fill, realised = booked
        actions: list[Action] = []
        if fill is None:
            self._sink.reported(order, report)
        else:
            self._state_fill(order, fill, realised)
            if order.client_id in self._doomed:
                self._close_late(order, actions)
        if order.status in TERMINAL:
            self._ended(order, actions)
        return fill, actions

    def _ended(self, order: Order, actions: list[Action]) -> None:
        """However an order ended, what is then held has its protective stop, at its size."""
        self._doomed.discard(order.client_id)
        slot = self.slots.get(order.trader)
        if slot is None or slot.stop is None or order.purpose is Purpose.PROTECTIVE:
            return
        if self.book.held(slot.instrument.symbol):
            self._protect(slot, slot.stop, actions)
        elif order.purpose is Purpose.CLOSE:
            slot.stop = None

    def _state_fill(self, order: Order, fill: Fill, realised: Decimal) -> None:
        book, fee = self.book, fill.fee
        position = book.positions[fill.instrument]
        self._sink.filled(order, fill, position, ledger.of_fill(realised, fee), book.balance)
        slot = self.by_symbol.get(fill.instrument)
        if slot is not None:
            slot.realised += realised
            slot.fees += fee
            self._refresh(slot)
        else:
            self.equity = float(book.equity())

    def _foreign(self, report: Report, at_ns: int) -> Fill | None:
        """A fill of an order that is not ours (closed at the venue by another): it counts."""
        if report.kind is not ReportKind.FILLED or not report.signed:
            return None
        side = BUY if report.signed > 0 else SELL
        order = self._planner.order(
            report.instrument, self._owner(report.instrument), "", report.signed, report.time_ns
        )
        order.client_id, order.by, order.side = report.client_id, "venue", side
        self.book.add(order)
        booked = self.book.book(report, at_ns)
        assert booked is not None
        _, fill, realised = booked
        assert fill is not None
        if not report.done:
            self.book.orders.pop(order.client_id, None)
        self._state_fill(order, fill, realised)
        return fill

    def _protect(self, slot: Slot, stop: Decimal, actions: list[Action]) -> None:
        symbol = slot.instrument.symbol
        held, price = self.book.held(symbol), slot.instrument.price(float(stop))
        stale = None if self.closer.has(symbol) else stale_stops(self.book, symbol, price)
        if stale is None:
            return
        for other in stale:
            self._cancel(other, "engine", actions)
        order = self._planner.order(symbol, slot.trader, slot.strategy, -held, self.now_ns)
        order.type, order.stop_price = STOP, price
        order.reduce_only, order.purpose, order.tif = True, Purpose.PROTECTIVE, TimeInForce.GTC
        self._reduce(slot, order, actions)

    def unknown(self, client_id: str, reason: str) -> None:
        """The outcome of a send is not known; it counts at worst case until the venue's word."""
        order = self.book.orders.get(client_id)
        if order is not None and order.status is not Status.UNKNOWN:
            self.book.unknown(order)
            self._sink.unknown(order, reason)

    def _refresh(self, slot: Slot) -> None:
        """Take the exact book into the floats that the next marks move from."""
        book, instrument = self.book, slot.instrument
        position = book.positions.get(instrument.symbol)
        if position is None or not position.quantity:
            slot.units = slot.cost = slot.unrealised = 0.0
        else:
            mark = book.marks.get(instrument.symbol)
            slot.units = float(position.quantity * instrument.multiplier)
            slot.cost = float(position.cost)
            slot.unrealised = slot.units * mark - slot.cost if mark is not None else 0.0
        equity, slots = float(book.balance), self.by_symbol
        for symbol in book.positions:
            other = slots.get(symbol)
            equity += other.unrealised if other else float(book.unrealised(symbol))
        self.equity = equity
