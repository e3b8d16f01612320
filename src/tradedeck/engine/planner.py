"""From a wish to orders: what to withdraw, what to reduce, what to increase. Decides no permission.

A turn-around is two orders: one that closes (no permit needed) and one that opens (through the
gate), so that a denied entry still leaves the exit done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

from tradedeck.engine import sizing
from tradedeck.engine.sizing import UNITS
from tradedeck.engine.slot import Slot
from tradedeck.execution.book import Book
from tradedeck.trading.calendar import NS_PER_DAY
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import BUY, EXIT, MARKET, SELL, Order, Purpose, TimeInForce
from tradedeck.trading.signal import CancelRequest, OrderRequest, Signal, Wish


@dataclass(slots=True)
class Plan:
    """Orders a wish leads to, in the order they are to be carried out."""

    cancels: Sequence[Order] = ()
    reduce: Order | None = None
    increase: Order | None = None
    stop: Decimal | None = None


def utc_day_end(now_ns: int) -> int:
    """The next 00:00 UTC after a time: the day boundary where no other is given."""
    return (now_ns // NS_PER_DAY + 1) * NS_PER_DAY


class Planner:
    """Makes the orders of one account's traders."""

    def __init__(
        self, book: Book, new_id: Callable[[], str], day_end_ns: Callable[[int], int] | None
    ) -> None:
        self._book = book
        self._new_id = new_id
        self._day_end = day_end_ns or utc_day_end

    def order(
        self,
        symbol: str,
        trader: str,
        strategy: str,
        signed: Decimal,
        now_ns: int,
        price: Decimal | None = None,
    ) -> Order:
        """A market order for `signed` units; `price` is the last one, where it was asked for."""
        name = self._new_id()
        order = Order(
            name,
            name,
            self._book.account,
            trader,
            strategy,
            symbol,
            BUY if signed > ZERO else SELL,
            MARKET,
            abs(signed),
            now_ns,
        )
        order.decision_price = self._price(symbol) if price is None else price
        return order

    def _price(self, symbol: str) -> Decimal | None:
        mark = self._book.marks.get(symbol)
        return None if mark is None else self._book.instruments[symbol].price(mark)

    def plan(self, slot: Slot, wish: Wish, equity: float, now_ns: int) -> Plan:
        """The orders that bring `slot` to what is wished."""
        if isinstance(wish, Signal):
            return self._signal(slot, wish, equity, now_ns)
        if isinstance(wish, OrderRequest):
            return self._request(slot, wish, now_ns)
        return Plan(cancels=self._withdrawn(slot, wish))

    def _withdrawn(self, slot: Slot, wish: CancelRequest) -> list[Order]:
        return [
            order
            for order in self._own(slot)
            if wish.order is None or wish.order in (order.id, order.client_id)
        ]

    def _own(self, slot: Slot) -> list[Order]:
        return [o for o in self._book.orders.values() if o.trader == slot.trader]

    def _signal(self, slot: Slot, wish: Signal, equity: float, now_ns: int) -> Plan:
        plan, symbol = Plan(), slot.instrument.symbol
        target, stop = wish.target, wish.stop
        if not isfinite(target) or (stop is not None and not isfinite(stop)):
            msg = f"a signal for {target} with the stop {stop} is none"
            raise ValueError(msg)
        slot.signals += 1
        held = self._book.held(symbol)
        if self._book.orders:
            own = self._own(slot)
            in_flight = [order for order in own if order.purpose is not Purpose.PROTECTIVE]
            plan.cancels = in_flight or own
            if in_flight:
                return plan  # what is in flight ends first; the next bar decides on a settled book
        if stop is not None:
            plan.stop = slot.instrument.price(stop)
        same = held > ZERO if target > 0 else held < ZERO if target else False
        if same and target == slot.target:
            plan.cancels = ()
            return plan
        price = self._price(symbol)
        wanted = ZERO
        if target and price is not None:
            of_equity = slot.sizing.kind is not UNITS
            worth = Decimal(repr(equity)) if of_equity else ZERO
            wanted = sizing.units(slot.sizing, slot.instrument, target, price, worth, plan.stop)
        slot.target = target
        if held and not same:
            plan.reduce = self._exit(slot, -held, now_ns, price)
            held = ZERO
        elif same and abs(wanted) < abs(held):
            plan.reduce = self._exit(slot, wanted - held, now_ns, price)
            return plan
        if target and (wanted != held or not wanted):
            plan.increase = order = self.order(
                symbol, slot.trader, slot.strategy, wanted - held if held else wanted, now_ns, price
            )
            if not wanted:
                order.side = BUY if target > 0 else SELL
        return plan

    def _exit(self, slot: Slot, signed: Decimal, now_ns: int, price: Decimal | None) -> Order:
        symbol = slot.instrument.symbol
        order = self.order(symbol, slot.trader, slot.strategy, signed, now_ns, price)
        order.reduce_only, order.purpose = True, EXIT
        return order

    def _request(self, slot: Slot, wish: OrderRequest, now_ns: int) -> Plan:
        for number in (wish.quantity, wish.limit_price, wish.stop_price):
            if number is not None and not number.is_finite():
                msg = f"an order with the number {number} is none"
                raise ValueError(msg)
        signed = wish.quantity if wish.side is BUY else -wish.quantity
        order = self.order(slot.instrument.symbol, slot.trader, slot.strategy, signed, now_ns)
        order.side, order.type, order.tif = wish.side, wish.type, wish.tif
        order.quantity = wish.quantity  # a negative one stays so, and is refused
        if wish.tif is TimeInForce.DAY:
            order.expires_ns = self._day_end(now_ns)
        order.limit_price, order.stop_price = wish.limit_price, wish.stop_price
        held = self._book.held(slot.instrument.symbol)
        reduces = bool(held) and (held > 0) != (wish.side is BUY)
        if wish.reduce_only or (reduces and wish.quantity <= abs(held)):
            order.reduce_only, order.purpose = True, EXIT
            return Plan(reduce=order)
        return Plan(increase=order, stop=None)
