"""A closer's hand on one account's book: it states what the closing protocol decided to send.

While a closer closes an instrument nobody else sends there: the engine asks `has`. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from tradedeck.closing.types import Sent
from tradedeck.engine.actions import Action, CancelOrder, ReduceOrder, Sink
from tradedeck.engine.planner import Planner
from tradedeck.engine.slot import Slot
from tradedeck.execution.book import Book
from tradedeck.execution.gate import Denial
from tradedeck.execution.refusals import Refusal
from tradedeck.trading.order import BUY, STOP, Order, Purpose
from tradedeck.trading.signal import Wish


class CloserHand:
    """Of one account's engine.

    Args:
        book: the account's.
        planner: makes its orders.
        sink: where facts go.
        slots: traders by instrument.
        owner: the trader of an instrument, empty where nobody is.
    """

    def __init__(
        self,
        book: Book,
        planner: Planner,
        sink: Sink,
        slots: Mapping[str, Slot],
        owner: Callable[[str], str],
    ) -> None:
        self._book = book
        self._planner = planner
        self._sink = sink
        self._slots = slots
        self._owner = owner
        self._symbols: frozenset[str] | None = frozenset()

    def take(self, symbols: frozenset[str] | None) -> None:
        """These instruments are a closer's alone now: None for the whole account."""
        self._symbols = symbols

    def has(self, symbol: str) -> bool:
        """Whether only a closer may send in it."""
        return self._symbols is None or symbol in self._symbols

    def keep_out(
        self,
        slot: Slot,
        wishes: Iterable[Wish],
        equity: float,
        now_ns: int,
        deny: Callable[[Order, Denial], None],
    ) -> None:
        """One closer per instrument: each order that a strategy wishes meanwhile is denied."""
        for wish in wishes:
            target = slot.target
            plan = self._planner.plan(slot, wish, equity, now_ns)
            slot.target = target
            for order in (plan.reduce, plan.increase):
                if order is not None:
                    deny(order, Denial(Refusal.KILL_CLOSING, {}))

    def withdraw(self, order: Order, by: str) -> Action:
        """State a closer's cancel of one of our orders."""
        self._sink.cancel_requested(order, by)
        return CancelOrder(order, by)

    def send(self, sent: Sent, by: str, stop_price: Decimal | None, now_ns: int) -> Action:
        """State what a closer decided to send, once; the same one again is the same order."""
        order = self._book.orders.get(sent.client_id)
        if order is None:
            symbol = sent.instrument
            slot = self._slots.get(symbol)
            signed = sent.quantity if sent.side is BUY else -sent.quantity
            strategy = "" if slot is None else slot.strategy
            order = self._planner.order(symbol, self._owner(symbol), strategy, signed, now_ns)
            order.client_id, order.by, order.reduce_only = sent.client_id, by, True
            order.purpose = Purpose.CLOSE
            if sent.protective:
                order.purpose, order.type, order.stop_price = Purpose.PROTECTIVE, STOP, stop_price
            self._book.add(order)
            self._sink.intent(order)
        return ReduceOrder(order)

    def closed(self, symbols: frozenset[str] | None) -> None:
        """A closer left nothing there: strategies begin from flat, without a stop."""
        for symbol, slot in self._slots.items():
            if symbols is None or symbol in symbols:
                slot.target, slot.stop = 0.0, None
