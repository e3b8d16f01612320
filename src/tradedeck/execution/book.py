"""The book of one account: what we believe to be true of money, positions and open orders.

Every change comes through a method here; live, the same methods rebuild the book from the journal.
Sent orders count at once, and an UNKNOWN order counts in full, in whichever direction hurts.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from tradedeck.kernel.clock import NS_PER_S
from tradedeck.trading.fill import Fill
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import BUY, SELL, Order, Side, Status
from tradedeck.trading.position import Position
from tradedeck.venue.report import Report, ReportKind

_ENDINGS = {
    ReportKind.CANCELLED: Status.CANCELLED,
    ReportKind.EXPIRED: Status.EXPIRED,
    ReportKind.REJECTED: Status.REJECTED,
}
_FILL = ReportKind.FILLED
RATE_WINDOW_NS = 60 * NS_PER_S  # orders are counted by the minute
SENT_MAX = 10_000  # of one window
_DONE, _PART = Status.FILLED, Status.PARTIALLY_FILLED


Booked = tuple[Order, Fill | None, Decimal]
"""What a report changed: the order, and its fill with the P&L that realised, if it was one."""


@dataclass(slots=True)
class Open:
    """Units of one instrument in orders that can still fill.

    Reduce-only units are apart: the venue holds them to reducing, so they never open.
    """

    buy: Decimal = ZERO
    sell: Decimal = ZERO
    reduce_buy: Decimal = ZERO
    reduce_sell: Decimal = ZERO


@dataclass(slots=True)
class Book:
    """Money, positions and open orders of one account.

    Args:
        account: its id.
        currency: all amounts are in it.
        instruments: by symbol.
        balance: deposits + realised P&L - fees; what the broker calls balance.
        sent_ns: when the account's increasing orders of late were sent.
        own_sent: the same by trader, for those with a bound of their own on their rate.
    """

    account: str
    currency: str
    instruments: dict[str, Instrument]
    balance: Decimal = ZERO
    fees: Decimal = ZERO
    realised: Decimal = ZERO
    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    open_units: dict[str, Open] = field(default_factory=dict)
    marks: dict[str, float] = field(default_factory=dict)
    sent_ns: deque[int] = field(default_factory=lambda: deque(maxlen=SENT_MAX))
    own_sent: dict[str, deque[int]] = field(default_factory=dict[str, deque[int]])
    recent: dict[tuple[str, Side, Decimal], int] = field(default_factory=dict)
    fills: int = 0
    sends_moved: bool = False  # since the windows of what was sent were last kept

    def add(self, order: Order) -> None:
        """Take an order that is about to be sent; from now on it counts."""
        self.orders[order.client_id] = order
        self._reserve(order, order.quantity - order.filled)

    def sent(self, order: Order, now_ns: int) -> None:
        """Count an increasing order in the rate and duplicate windows (trading clock)."""
        sent, since, self.sends_moved = self.sent_ns, now_ns - RATE_WINDOW_NS, True
        sent.append(now_ns)
        while sent[0] <= since:
            sent.popleft()
        if self.own_sent and (own := self.own_sent.get(order.trader)) is not None:
            own.append(now_ns)
            while own[0] <= since:
                own.popleft()
        key = (order.instrument, order.side, order.quantity)
        self.recent.pop(key, None)  # the newest come last, so that the oldest are dropped
        self.recent[key] = now_ns
        if len(self.recent) > 1_000:  # one trader sends a handful of sizes; keep the newest
            for old in list(self.recent)[:500]:
                del self.recent[old]

    def forget_sends(self) -> None:
        """The trading clock went back: what was sent before it is in no window."""
        self.sent_ns.clear()
        self.own_sent.clear()
        self.recent.clear()
        self.sends_moved = True

    def own_rate(self, trader: str) -> deque[int]:
        """When the trader's own increasing orders were sent. Kept from the first question on: what
        the account sent before it counts as the trader's, at worst case.
        """
        own = self.own_sent.get(trader)
        if own is None:
            own = self.own_sent[trader] = deque(self.sent_ns, maxlen=SENT_MAX)
        return own

    def _reserve(self, order: Order, units: Decimal) -> None:
        open_units = self.open_units.get(order.instrument)
        if open_units is None:
            open_units = self.open_units[order.instrument] = Open()
        if order.reduce_only:
            if order.side is BUY:
                open_units.reduce_buy += units
            else:
                open_units.reduce_sell += units
        elif order.side is BUY:
            open_units.buy += units
        else:
            open_units.sell += units

    def unknown(self, order: Order) -> None:
        """The order's outcome is not known; it keeps counting in full."""
        order.move(Status.UNKNOWN)

    def discard(self, order: Order, status: Status) -> None:
        """End an order without a venue report (it provably never reached the venue)."""
        order.move(status)
        self._close(order, order.remaining)

    def book(self, report: Report, at_ns: int) -> Booked | None:
        """Apply a venue report; None where it tells nothing about an order we hold."""
        order = self.orders.get(report.client_id)
        if order is None:
            return None
        if order.acked_at_ns is None:
            order.acked_at_ns = at_ns
            order.venue_order = report.venue_order
        kind = report.kind
        if kind is _FILL:
            return self._filled(order, report, at_ns)
        if kind is ReportKind.ACCEPTED:
            order.move(Status.PARTIALLY_FILLED if order.filled else Status.ACCEPTED)
        elif kind is ReportKind.REPLACED:
            self._reserve(order, report.quantity - order.quantity)
            order.quantity = report.quantity
            order.limit_price, order.stop_price = report.price, report.stop_price
            order.move(Status.PARTIALLY_FILLED if order.filled else Status.ACCEPTED)
        else:
            order.move(_ENDINGS[kind])
            self._close(order, order.remaining)
        return order, None, ZERO

    def _filled(self, order: Order, report: Report, at_ns: int) -> Booked:
        """Book the units and the money of a fill; what it realised is gross of its fee."""
        symbol, price, quantity, fee = order.instrument, report.price, report.quantity, report.fee
        assert price is not None
        fill = Fill(
            order.id,
            order.client_id,
            self.account,
            order.trader,
            symbol,
            order.side,
            quantity,
            price,
            fee,
            self.currency,
            report.time_ns,
            report.seq,
            at_ns,
            report.liquidity,
        )
        reserved = order.quantity - order.filled
        order.filled += quantity
        order.cost += quantity * price
        if report.done:
            order.move(_DONE)
            self._close(order, reserved)
        else:
            order.move(_PART)
            self._reserve(order, -quantity)
        position = self.positions.get(symbol)
        if position is None:
            position = self.positions[symbol] = Position(self.account, symbol, order.trader)
        elif not position.quantity:
            position.trader = order.trader
        signed = quantity if order.side is BUY else -quantity
        multiplier = self.instruments[symbol].multiplier
        realised = position.apply(signed, price, multiplier, report.time_ns)
        self.balance += realised - fee
        self.realised += realised
        self.fees += fee
        self.fills += 1
        return order, fill, realised

    def _close(self, order: Order, reserved: Decimal) -> None:
        self._reserve(order, -reserved)
        self.orders.pop(order.client_id, None)

    def held(self, instrument: str) -> Decimal:
        """Signed units held."""
        position = self.positions.get(instrument)
        return ZERO if position is None else position.quantity

    def worst(self, instrument: str, side: Side, more: Decimal) -> Decimal:
        """Greatest absolute units if every open order on `side`, and `more`, were to fill; whether
        the reducing ones among them fill or not.
        """
        held = self.held(instrument)
        open_units = self.open_units.get(instrument)
        if open_units is None:
            return abs(held + more if side is BUY else held - more)
        if side is BUY:
            added = more + open_units.buy
            reduced = min(ZERO, held + open_units.reduce_buy) if held < ZERO else held
        else:
            added = -more - open_units.sell
            reduced = max(ZERO, held - open_units.reduce_sell) if held > ZERO else held
        return max(abs(held + added), abs(reduced + added))

    def worst_either(self, instrument: str) -> Decimal:
        """Greatest absolute units whichever open orders fill."""
        return max(self.worst(instrument, BUY, ZERO), self.worst(instrument, SELL, ZERO))

    def touched(self, besides: str = "") -> set[str]:
        """Instruments that are held or have open orders, but for `besides`."""
        touched: set[str] = set()
        for order in self.orders.values():
            if order.instrument != besides:
                touched.add(order.instrument)
        for symbol, position in self.positions.items():
            if symbol != besides and position.quantity:
                touched.add(symbol)
        return touched

    def unrealised(self, instrument: str) -> Decimal:
        """Open P&L of one instrument at its last mark; zero where there is no mark yet."""
        position, mark = self.positions.get(instrument), self.marks.get(instrument)
        if position is None or mark is None or not position.quantity:
            return ZERO
        spec = self.instruments[instrument]
        return position.unrealised(spec.price(mark), spec.multiplier)

    def equity(self) -> Decimal:
        """Balance plus open P&L at the last marks, exact."""
        return self.balance + sum((self.unrealised(symbol) for symbol in self.positions), ZERO)
