"""The gate's table: for each refusal what is refused, and its neighbour just inside that passes.

Both, because a gate that refuses everything would pass a table of refusals alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.cases.kit import T0, S, d, order
from tradedeck.execution import gate
from tradedeck.execution.arming import Mode
from tradedeck.execution.book import Book
from tradedeck.execution.checks import compile_checks
from tradedeck.execution.gate import Conditions, Denial
from tradedeck.execution.halt import Level
from tradedeck.risk.limits import Limits
from tradedeck.trading.instrument import CATALOGUE, Instrument
from tradedeck.trading.order import Order
from tradedeck.trading.position import Position
from tradedeck.venue.permit import Permit

NOW = T0 + 3600 * S
YEN = Instrument("YEN", "JPY", Decimal(1), Decimal(1), "24x7")


def a_book(balance: object = 100_000, marks: dict[str, float] | None = None) -> Book:
    book = Book("main", "USD", {**CATALOGUE, "YEN": YEN}, d(balance))
    book.marks.update({"AAPL": 100.0, "IBM": 50.0} if marks is None else marks)
    return book


@dataclass
class Try:
    """One order against one standing of the world. `limits` are the account's."""

    order: Order = field(default_factory=order)
    limits: dict[str, Any] = field(default_factory=dict)
    trader_limits: dict[str, Any] = field(default_factory=dict)
    conditions: Conditions = field(default_factory=lambda: Conditions(Mode.PAPER))
    balance: object = 100_000
    equity: object = 100_000
    stop: object = None
    marks: dict[str, float] | None = None
    before: Callable[[Book], None] = lambda _book: None

    def answer(self) -> Permit | Denial:
        book = a_book(self.balance, self.marks)
        self.before(book)
        bounds = compile_checks(
            Limits.from_document(self.limits), Limits.from_document(self.trader_limits)
        )
        stop = None if self.stop is None else d(self.stop)
        return gate.decide(self.order, book, bounds, self.conditions, d(self.equity), NOW, stop)

    @property
    def reason(self) -> str:
        answer = self.answer()
        return answer.refusal.value if isinstance(answer, Denial) else "allowed"


def hold(symbol: str, units: object, price: object) -> Callable[[Book], None]:
    """A book that holds a position."""

    def act(book: Book) -> None:
        position = book.positions.setdefault(symbol, Position("main", symbol, "t"))
        position.apply(d(units), d(price), Decimal(1), T0)

    return act


def opened(*orders: Order) -> Callable[[Book], None]:
    def act(book: Book) -> None:
        for each in orders:
            book.add(each)

    return act


def sent(count: int, ago_s: float, quantity: object = 7) -> Callable[[Book], None]:
    def act(book: Book) -> None:
        for _ in range(count):
            book.sent(order(quantity=quantity), NOW - int(ago_s * S))

    return act


def with_(mode: Mode = Mode.PAPER, **more: Any) -> Conditions:
    return Conditions(mode, **more)


# (refusal, id) → refused, allowed
TABLE: dict[tuple[str, str], tuple[Try, Try]] = {
    ("MODE_SIGNALS_ONLY", "signals"): (Try(conditions=with_(Mode.SIGNALS)), Try()),
    ("MODE_BLOCKED", "blocked"): (
        Try(conditions=with_(Mode.BLOCKED)),
        Try(conditions=with_(Mode.LIVE)),
    ),
    ("HALT_PAUSED", "pause"): (Try(conditions=with_(halt=Level.PAUSE)), Try()),
    ("HALT_REDUCE_ONLY", "reduce-only"): (Try(conditions=with_(halt=Level.REDUCE_ONLY)), Try()),
    ("HALT_HALTED", "halted"): (Try(conditions=with_(halt=Level.HALTED)), Try()),
    ("GUARD_ABSENT", "no-guard"): (Try(conditions=with_(guarded=False)), Try()),
    ("ACCOUNT_HELD", "held"): (Try(conditions=with_(owned=False)), Try()),
    ("JOURNAL_FULL", "full"): (Try(conditions=with_(journal_room=False)), Try()),
    ("BREAKER_OPEN", "open"): (Try(conditions=with_(breaker="rejects")), Try()),
    ("TRADER_NOT_RUNNING", "stopped"): (Try(conditions=with_(running=False)), Try()),
    ("SESSION_CLOSED", "closed"): (Try(conditions=with_(session_open=False)), Try()),
    ("DATA_STALE", "stale"): (Try(conditions=with_(data_fresh=False)), Try()),
    ("VENUE_UNAVAILABLE", "venue"): (Try(conditions=with_(venue_ready=False)), Try()),
    ("DATA_MISSING", "no-mark"): (Try(marks={}), Try()),
    ("DATA_MISSING", "no-instrument"): (Try(order=order(symbol="NONE")), Try()),
    ("DATA_MISSING", "mark-zero"): (Try(marks={"AAPL": 0.0}), Try(marks={"AAPL": 0.01})),
    ("DATA_MISSING", "mark-below-half-a-tick"): (Try(marks={"AAPL": 0.001}), Try()),
    ("DATA_MISSING", "mark-negative"): (Try(marks={"AAPL": -100.0}), Try()),
    ("DATA_MISSING", "mark-nan"): (Try(marks={"AAPL": float("nan")}), Try()),
    ("DATA_MISSING", "mark-inf"): (Try(marks={"AAPL": float("inf")}), Try()),
    ("INSTRUMENT_CURRENCY", "yen"): (Try(order=order(symbol="YEN"), marks={"YEN": 5.0}), Try()),
    ("QUANTITY_INVALID", "zero"): (Try(order=order(quantity=0)), Try(order=order(quantity=1))),
    ("QUANTITY_INVALID", "negative"): (Try(order=order(quantity=-1)), Try(order=order(quantity=1))),
    ("QUANTITY_STEP", "half"): (Try(order=order(quantity="1.5")), Try(order=order(quantity=2))),
    ("PRICE_INVALID", "limit-absent"): (
        Try(order=order(type="LIMIT")),
        Try(order=order(type="LIMIT", limit=1)),
    ),
    ("PRICE_INVALID", "limit-zero"): (
        Try(order=order(type="LIMIT", limit=0)),
        Try(order=order(type="LIMIT", limit="0.01")),
    ),
    ("PRICE_INVALID", "limit-negative"): (
        Try(order=order(type="LIMIT", limit=-1)),
        Try(order=order(type="LIMIT", limit=1)),
    ),
    ("PRICE_INVALID", "stop-absent"): (
        Try(order=order(type="STOP")),
        Try(order=order(type="STOP", stop=101)),
    ),
    ("PRICE_INVALID", "stop-zero"): (
        Try(order=order(type="STOP", stop=0)),
        Try(order=order(type="STOP", stop=101)),
    ),
    ("PRICE_INVALID", "market-with-negative-limit"): (Try(order=order(limit=-1)), Try()),
    ("PRICE_TICK", "limit"): (
        Try(order=order(type="LIMIT", limit="99.995")),
        Try(order=order(type="LIMIT", limit="99.99")),
    ),
    ("PRICE_TICK", "stop"): (
        Try(order=order(type="STOP", stop="101.001")),
        Try(order=order(type="STOP", stop="101.01")),
    ),
    ("PRICE_COLLAR", "limit-above"): (
        Try(order=order(type="LIMIT", limit="105.01"), limits={"price_collar": "0.05"}),
        Try(order=order(type="LIMIT", limit="105.00"), limits={"price_collar": "0.05"}),
    ),
    ("PRICE_COLLAR", "limit-below"): (
        Try(order=order(type="LIMIT", limit="94.99"), limits={"price_collar": "0.05"}),
        Try(order=order(type="LIMIT", limit="95.00"), limits={"price_collar": "0.05"}),
    ),
    ("PRICE_COLLAR", "stop"): (
        Try(order=order(type="STOP", stop="105.01"), limits={"price_collar": "0.05"}),
        Try(order=order(type="STOP", stop="105.00"), limits={"price_collar": "0.05"}),
    ),
    ("ORDER_QUANTITY_LIMIT", "step-above"): (
        Try(order=order(quantity=11), limits={"order_quantity_max": 10}),
        Try(order=order(quantity=10), limits={"order_quantity_max": 10}),
    ),
    ("ORDER_QUANTITY_LIMIT", "traders-own"): (
        Try(order=order(quantity=11), trader_limits={"order_quantity_max": 10}),
        Try(order=order(quantity=10), trader_limits={"order_quantity_max": 10}),
    ),
    ("ORDER_VALUE_LIMIT", "step-above"): (
        Try(order=order(quantity=11), limits={"order_value_max": 1000}),
        Try(order=order(quantity=10), limits={"order_value_max": 1000}),
    ),
    ("ORDER_VALUE_LIMIT", "limit-price-counts"): (
        Try(order=order(type="LIMIT", limit="100.01"), limits={"order_value_max": 1000}),
        Try(order=order(type="LIMIT", limit="99.99"), limits={"order_value_max": 1000}),
    ),
    ("ORDER_VALUE_LIMIT", "market-hides-behind-a-limit-price"): (
        Try(order=order(quantity=11, limit="0.01"), limits={"order_value_max": 1000}),
        Try(order=order(quantity=10, limit="0.01"), limits={"order_value_max": 1000}),
    ),
    ("ORDER_VALUE_LIMIT", "sell-limit-far-below-fills-at-the-market"): (
        Try(order=order("SELL", 11, type="LIMIT", limit="1"), limits={"order_value_max": 1000}),
        Try(order=order("SELL", 10, type="LIMIT", limit="1"), limits={"order_value_max": 1000}),
    ),
    ("ORDER_VALUE_LIMIT", "stop-hides-behind-a-limit-price"): (
        Try(
            order=order(quantity=11, type="STOP", stop=100, limit="0.01"),
            limits={"order_value_max": 1000},
        ),
        Try(
            order=order(quantity=10, type="STOP", stop=100, limit="0.01"),
            limits={"order_value_max": 1000},
        ),
    ),
    ("ORDER_RATE_LIMIT", "one-too-many"): (
        Try(limits={"orders_per_minute": 3}, before=sent(3, 59.999)),
        Try(limits={"orders_per_minute": 3}, before=sent(2, 59.999)),
    ),
    ("ORDER_RATE_LIMIT", "window-just-open"): (
        Try(limits={"orders_per_minute": 3}, before=sent(3, 59.999999999)),
        Try(limits={"orders_per_minute": 3}, before=sent(3, 60)),
    ),
    ("ORDER_DUPLICATE", "same-order"): (
        Try(limits={"duplicate_window_s": 5}, before=sent(1, 4.999999999, 10)),
        Try(limits={"duplicate_window_s": 5}, before=sent(1, 5, 10)),
    ),
    ("ORDER_DUPLICATE", "other-size-is-another-order"): (
        Try(limits={"duplicate_window_s": 5}, before=sent(1, 1, 10)),
        Try(limits={"duplicate_window_s": 5}, before=sent(1, 1, 9)),
    ),
    ("ORDERS_OPEN_LIMIT", "one-too-many"): (
        Try(limits={"open_orders_max": 2}, before=opened(order(), order())),
        Try(limits={"open_orders_max": 2}, before=opened(order())),
    ),
    ("POSITION_QUANTITY_LIMIT", "held-and-order"): (
        Try(
            order=order(quantity=6),
            limits={"position_quantity_max": 10},
            before=hold("AAPL", 5, 100),
        ),
        Try(
            order=order(quantity=5),
            limits={"position_quantity_max": 10},
            before=hold("AAPL", 5, 100),
        ),
    ),
    ("POSITION_QUANTITY_LIMIT", "short"): (
        Try(
            order=order("SELL", 6),
            limits={"position_quantity_max": 10},
            before=hold("AAPL", -5, 100),
        ),
        Try(
            order=order("SELL", 5),
            limits={"position_quantity_max": 10},
            before=hold("AAPL", -5, 100),
        ),
    ),
    ("POSITION_QUANTITY_LIMIT", "open-orders-count"): (
        Try(limits={"position_quantity_max": 19}, before=opened(order(quantity=10))),
        Try(limits={"position_quantity_max": 20}, before=opened(order(quantity=10))),
    ),
    ("POSITION_VALUE_LIMIT", "step-above"): (
        Try(
            order=order(quantity=6), limits={"position_value_max": 1000}, before=hold("AAPL", 5, 1)
        ),
        Try(
            order=order(quantity=5), limits={"position_value_max": 1000}, before=hold("AAPL", 5, 1)
        ),
    ),
    ("EXPOSURE_LIMIT", "alone"): (
        Try(order=order(quantity=11), limits={"gross_exposure_max": "0.01"}),
        Try(order=order(quantity=10), limits={"gross_exposure_max": "0.01"}),
    ),
    ("EXPOSURE_LIMIT", "others-count"): (
        Try(
            order=order(quantity=6),
            limits={"gross_exposure_max": "0.01"},
            before=hold("IBM", -10, 1),
        ),
        Try(
            order=order(quantity=5),
            limits={"gross_exposure_max": "0.01"},
            before=hold("IBM", -10, 1),
        ),
    ),
    ("EXPOSURE_LIMIT", "others-without-a-price"): (
        Try(limits={"gross_exposure_max": 1000}, before=hold("MSFT", 1, 1)),
        Try(limits={"gross_exposure_max": 1000}, before=hold("IBM", 1, 1)),
    ),
    ("CONCENTRATION_LIMIT", "step-above"): (
        Try(order=order(quantity=11), limits={"concentration_max": "0.01"}),
        Try(
            order=order(quantity=10),
            limits={"concentration_max": "0.01"},
            before=hold("IBM", 999, 1),
        ),
    ),
    ("MARGIN_LIMIT", "half-rate"): (
        Try(order=order(quantity=21), limits={"margin_use_max": "0.01"}),
        Try(order=order(quantity=20), limits={"margin_use_max": "0.01"}),
    ),
    ("MARGIN_LIMIT", "full-margin-without-a-limit"): (
        Try(order=order(quantity=2001)),
        Try(order=order(quantity=2000)),
    ),
    ("MARGIN_LIMIT", "no-equity"): (Try(equity=0), Try(equity=1_000)),
    ("MARGIN_LIMIT", "equity-negative"): (Try(equity=-1_000_000), Try()),
    ("RISK_STOP_MISSING", "no-stop"): (
        Try(limits={"risk_per_trade_max": "0.01"}),
        Try(limits={"risk_per_trade_max": "0.01"}, stop=99),
    ),
    ("RISK_PER_TRADE_LIMIT", "step-above"): (
        Try(order=order(quantity=101), limits={"risk_per_trade_max": "0.01"}, stop=90),
        Try(order=order(quantity=100), limits={"risk_per_trade_max": "0.01"}, stop=90),
    ),
    ("RISK_PER_TRADE_LIMIT", "market-hides-behind-a-limit-price"): (
        Try(
            order=order(quantity=101, limit="90.01"), limits={"risk_per_trade_max": "0.01"}, stop=90
        ),
        Try(
            order=order(quantity=100, limit="90.01"), limits={"risk_per_trade_max": "0.01"}, stop=90
        ),
    ),
    ("CHECK_FAILED", "quantity-nan"): (Try(order=order(quantity="NaN")), Try()),
    ("CHECK_FAILED", "quantity-inf"): (Try(order=order(quantity="Infinity")), Try()),
    ("CHECK_FAILED", "limit-nan"): (Try(order=order(type="LIMIT", limit="NaN")), Try()),
    ("CHECK_FAILED", "limit-inf"): (Try(order=order(type="LIMIT", limit="Infinity")), Try()),
    ("CHECK_FAILED", "stop-nan"): (Try(order=order(type="STOP", stop="NaN")), Try()),
    ("CHECK_FAILED", "equity-nan"): (Try(equity="NaN"), Try()),
    ("CHECK_FAILED", "risk-stop-nan"): (
        Try(limits={"risk_per_trade_max": "0.01"}, stop="NaN"),
        Try(limits={"risk_per_trade_max": "0.01"}, stop=99),
    ),
    ("MARGIN_LIMIT", "equity-inf"): (Try(equity="Infinity"), Try()),
}
