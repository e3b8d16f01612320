"""The pre-trade controls (RSK-1), each a pure function of one case.

`compile_checks` picks those that a set of limits binds, once per limits change, so that an order is
held only against what applies. Removing a line from `CONTROLS` must make a test fail.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tradedeck.execution.book import RATE_WINDOW_NS, Book
from tradedeck.execution.refusals import Refusal
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.risk.limits import Limits
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import BUY, LIMIT, MARKET, STOP, Order


class Case:
    """One increasing order and the book it would join. Prices and values in account currency."""

    __slots__ = (
        "book",
        "equity",
        "instrument",
        "mark",
        "now_ns",
        "order",
        "price",
        "stop",
        "worst",
    )

    def __init__(
        self,
        order: Order,
        book: Book,
        instrument: Instrument,
        mark: Decimal,
        equity: Decimal,
        now_ns: int,
        stop: Decimal | None,
    ) -> None:
        self.order = order
        self.book = book
        self.instrument = instrument
        self.mark = mark
        self.equity = equity
        self.now_ns = now_ns
        self.stop = stop
        self.price = mark if order.type is MARKET else _own_price(order, mark)
        self.worst = book.worst(order.instrument, order.side, order.quantity)

    def value(self) -> Decimal:
        """The most that the order can cost."""
        order, at_most = self.order, self.price
        if not (order.type is LIMIT and order.side is BUY):
            at_most = max(at_most, self.mark)  # only a limit to buy bounds what a unit can cost
        return order.quantity * at_most * self.instrument.multiplier


def _own_price(order: Order, mark: Decimal) -> Decimal:
    """The price its type works at; one that its type does not use counts for nothing."""
    own = mark
    if order.type is LIMIT:
        own = order.limit_price
    elif order.type is STOP:
        own = order.stop_price
    assert own is not None, "the gate held the order's form"
    return own


@dataclass(slots=True)
class Check:
    """One limit held against one order: what was used, what it would become, the bound."""

    limit: str
    used: Decimal
    after: Decimal
    bound: Decimal
    refusal: Refusal
    ok: bool


Control = Callable[[Case, Decimal], Check]


def _bound(name: str, refusal: Refusal, used: Decimal, after: Decimal, bound: Decimal) -> Check:
    return Check(name, used, after, bound, refusal, after <= bound)


def order_quantity(case: Case, bound: Decimal) -> Check:
    """Units of this order."""
    return _bound(
        "order_quantity_max", Refusal.ORDER_QUANTITY_LIMIT, ZERO, case.order.quantity, bound
    )


def order_value(case: Case, bound: Decimal) -> Check:
    """Notional of this order."""
    return _bound("order_value_max", Refusal.ORDER_VALUE_LIMIT, ZERO, case.value(), bound)


def price_collar(case: Case, bound: Decimal) -> Check:
    """Distance of the order's own price from the market."""
    if case.order.type is MARKET:
        return _bound("price_collar", Refusal.PRICE_COLLAR, ZERO, ZERO, bound)
    distance = abs(case.price - case.mark) / case.mark
    return _bound("price_collar", Refusal.PRICE_COLLAR, ZERO, distance, bound)


def orders_per_minute(case: Case, bound: Decimal) -> Check:
    """Increasing orders in the last 60 s of the trading clock, this one included."""
    return _rate(case, case.book.sent_ns, bound)


def own_orders_per_minute(case: Case, bound: Decimal) -> Check:
    """The same, of the order's trader alone."""
    return _rate(case, case.book.own_rate(case.order.trader), bound)


def _rate(case: Case, sent: deque[int], bound: Decimal) -> Check:
    since = case.now_ns - RATE_WINDOW_NS
    while sent and sent[0] <= since:
        sent.popleft()
    used = Decimal(len(sent))
    return _bound("orders_per_minute", Refusal.ORDER_RATE_LIMIT, used, used + 1, bound)


def duplicate(case: Case, bound: Decimal) -> Check:
    """Seconds since the same order; `after` is what of the window is left."""
    order = case.order
    last = case.book.recent.get((order.instrument, order.side, order.quantity))
    left = ZERO
    if last is not None:
        left = max(ZERO, bound - Decimal(case.now_ns - last) / NS_PER_S)
    return Check("duplicate_window_s", left, left, bound, Refusal.ORDER_DUPLICATE, not left)


def open_orders(case: Case, bound: Decimal) -> Check:
    """Orders that can still change the position, this one included."""
    used = Decimal(len(case.book.orders))
    return _bound("open_orders_max", Refusal.ORDERS_OPEN_LIMIT, used, used + 1, bound)


def own_open_orders(case: Case, bound: Decimal) -> Check:
    """The same, of the order's trader alone."""
    trader = case.order.trader
    used = Decimal(sum(order.trader == trader for order in case.book.orders.values()))
    return _bound("open_orders_max", Refusal.ORDERS_OPEN_LIMIT, used, used + 1, bound)


def position_quantity(case: Case, bound: Decimal) -> Check:
    """Units of the instrument at worst case."""
    used = abs(case.book.held(case.order.instrument))
    return _bound("position_quantity_max", Refusal.POSITION_QUANTITY_LIMIT, used, case.worst, bound)


def position_value(case: Case, bound: Decimal) -> Check:
    """Notional of the instrument at worst case."""
    scale = case.mark * case.instrument.multiplier
    return _bound(
        "position_value_max",
        Refusal.POSITION_VALUE_LIMIT,
        abs(case.book.held(case.order.instrument)) * scale,
        case.worst * scale,
        bound,
    )


def _others(case: Case, *, margin: bool) -> Decimal:
    """Worst-case notional (or margin) of every other instrument of the account."""
    total, book = ZERO, case.book
    for symbol in book.touched(besides=case.order.instrument):
        spec, mark = book.instruments[symbol], book.marks.get(symbol)
        if mark is None:
            return Decimal("Infinity")  # unknown worth counts at worst case
        value = book.worst_either(symbol) * spec.price(mark) * spec.multiplier
        total += value * spec.margin_rate if margin else value
    return total


def _share(
    case: Case, name: str, refusal: Refusal, used: Decimal, after: Decimal, bound: Decimal
) -> Check:
    equity = case.equity
    if equity <= ZERO or not equity.is_finite():
        return Check(name, used, after, bound, refusal, ok=False)
    share = after / equity
    return Check(name, used / equity, share, bound, refusal, share <= bound)


def gross_exposure(case: Case, bound: Decimal) -> Check:
    """Sum of absolute positions at worst case, x equity."""
    return _exposure(case, _others(case, margin=False), bound)


def own_exposure(case: Case, bound: Decimal) -> Check:
    """The same, of the order's trader: the one instrument that is its own."""
    return _exposure(case, ZERO, bound)


def _exposure(case: Case, others: Decimal, bound: Decimal) -> Check:
    scale = case.mark * case.instrument.multiplier
    held = abs(case.book.held(case.order.instrument)) * scale
    return _share(
        case,
        "gross_exposure_max",
        Refusal.EXPOSURE_LIMIT,
        others + held,
        others + case.worst * scale,
        bound,
    )


def concentration(case: Case, bound: Decimal) -> Check:
    """The one instrument at worst case, x equity."""
    scale = case.mark * case.instrument.multiplier
    return _share(
        case,
        "concentration_max",
        Refusal.CONCENTRATION_LIMIT,
        abs(case.book.held(case.order.instrument)) * scale,
        case.worst * scale,
        bound,
    )


def margin_use(case: Case, bound: Decimal) -> Check:
    """Margin of all positions at worst case, x equity."""
    return _margin(case, _others(case, margin=True), bound)


def own_margin(case: Case, bound: Decimal) -> Check:
    """The same, of the order's trader: the one instrument that is its own."""
    return _margin(case, ZERO, bound)


def _margin(case: Case, others: Decimal, bound: Decimal) -> Check:
    scale = case.mark * case.instrument.multiplier * case.instrument.margin_rate
    held = abs(case.book.held(case.order.instrument)) * scale
    return _share(
        case,
        "margin_use_max",
        Refusal.MARGIN_LIMIT,
        others + held,
        others + case.worst * scale,
        bound,
    )


def risk_per_trade(case: Case, bound: Decimal) -> Check:
    """Loss of this order at its stop, x equity; without a stop the entry is refused."""
    if case.stop is None:
        return Check("risk_per_trade_max", ZERO, ZERO, bound, Refusal.RISK_STOP_MISSING, ok=False)
    distance = abs(case.price - case.stop)
    if case.order.type is STOP:  # the market may be beyond its trigger already
        distance = max(distance, abs(case.mark - case.stop))
    loss = distance * case.order.quantity * case.instrument.multiplier
    return _share(case, "risk_per_trade_max", Refusal.RISK_PER_TRADE_LIMIT, ZERO, loss, bound)


CONTROLS: dict[str, Control] = {
    "order_quantity_max": order_quantity,
    "order_value_max": order_value,
    "price_collar": price_collar,
    "orders_per_minute": orders_per_minute,
    "duplicate_window_s": duplicate,
    "open_orders_max": open_orders,
    "position_quantity_max": position_quantity,
    "position_value_max": position_value,
    "gross_exposure_max": gross_exposure,
    "concentration_max": concentration,
    "margin_use_max": margin_use,
    "risk_per_trade_max": risk_per_trade,
}
"""Limit name → the control that holds an order against it."""

OWN: dict[str, Control] = {
    "orders_per_minute": own_orders_per_minute,
    "open_orders_max": own_open_orders,
    "gross_exposure_max": own_exposure,
    "margin_use_max": own_margin,
}
"""Where a trader's bound counts its own share of what the account's counts in whole. One trader has
an instrument of an account, so the rest of the controls mean the same for both."""

FULL_MARGIN = Decimal(1)
"""Without a limit of its own an account still cannot hold more margin than its equity."""

Bound = tuple[Control, Decimal, str]


def compile_checks(account: Limits, trader: Limits) -> tuple[Bound, ...]:
    """The controls that bind under both sets of limits, with bound and scope, account's first."""
    bounds: list[Bound] = []
    for scope, limits in (("account", account), ("trader", trader)):
        for name, control in CONTROLS.items():
            value = getattr(limits, name)
            if value is None and name == "margin_use_max" and scope == "account":
                value = FULL_MARGIN
            if value is not None:
                own = OWN.get(name, control) if scope == "trader" else control
                bounds.append((own, Decimal(value), scope))
    return tuple(bounds)
