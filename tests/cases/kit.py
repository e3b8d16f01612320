"""What the trading cases share: short makers of values, a sink that remembers, and a rig that
carries the engine's actions to a paper venue the way a process does.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tradedeck.engine.account import AccountEngine, TraderSpec
from tradedeck.engine.actions import Action, CancelOrder, ReduceOrder, SubmitOrder
from tradedeck.engine.sizing import Sizing, SizingKind
from tradedeck.engine.slot import Slot
from tradedeck.execution.arming import Mode
from tradedeck.execution.book import Book
from tradedeck.execution.checks import compile_checks
from tradedeck.execution.gate import Conditions, Denial
from tradedeck.execution.halt import Halts, Level, level
from tradedeck.execution.ledger import Posting, balanced
from tradedeck.risk.limits import Limits
from tradedeck.risk.running import Breach
from tradedeck.trading.fill import Fill
from tradedeck.trading.instrument import CATALOGUE, Instrument
from tradedeck.trading.market import Bar
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import Order, OrderType, Purpose, Side, Status, TimeInForce
from tradedeck.trading.position import Position
from tradedeck.trading.signal import OrderRequest, Signal, Wish
from tradedeck.venue.matching import PaperVenue
from tradedeck.venue.model import ExchangeModel
from tradedeck.venue.permit import Permit
from tradedeck.venue.report import Report

S = 1_000_000_000
MINUTE = 60 * S
DAY = 86_400 * S
T0 = 1_700_000_000 * S - 1_700_000_000 * S % DAY
AAPL = CATALOGUE["AAPL"]
IBM = CATALOGUE["IBM"]
ACCOUNT = "main"


def d(value: object) -> Decimal:
    return Decimal(str(value))


def bar(
    close: float,
    n: int = 1,
    *,
    symbol: str = "AAPL",
    open: float | None = None,  # noqa: A002 - the word of the bar's own field
    high: float | None = None,
    low: float | None = None,
    volume: float = 0.0,
    bid: float | None = None,
    ask: float | None = None,
    step: int = MINUTE,
) -> Bar:
    """Bar number `n`, flat at `close` but for what is given."""
    start = close if open is None else open
    return Bar(
        symbol,
        T0 + (n - 1) * step,
        T0 + n * step,
        start,
        max(start, close) if high is None else high,
        min(start, close) if low is None else low,
        close,
        volume,
        bid,
        ask,
    )


_COUNT = [0]


def order(
    side: str = "BUY",
    quantity: object = 10,
    *,
    type: str = "MARKET",  # noqa: A002 - the word of the order's own field
    limit: object = None,
    stop: object = None,
    tif: str = "GTC",
    expires: int | None = None,
    reduce_only: bool = False,
    symbol: str = "AAPL",
    name: str | None = None,
    trader: str = "t",
    purpose: Purpose = Purpose.ENTRY,
    account: str = ACCOUNT,
) -> Order:
    _COUNT[0] += 1
    name = name or f"o{_COUNT[0]}"
    return Order(
        name,
        name,
        account,
        trader,
        "s",
        symbol,
        Side(side),
        OrderType(type),
        d(quantity),
        T0,
        None if limit is None else d(limit),
        None if stop is None else d(stop),
        TimeInForce(tif),
        expires,
        reduce_only,
        purpose,
    )


def venue(
    model: ExchangeModel | None = None, balance: object = 100_000, *more: Instrument
) -> PaperVenue:
    made = PaperVenue({**CATALOGUE, **{spec.symbol: spec for spec in more}})
    made.open_account(ACCOUNT, "USD", d(balance), model or ExchangeModel())
    return made


def send(to: PaperVenue, what: Order) -> list[Report]:
    """Through the port that fits, as a process would."""
    if what.reduce_only:
        return list(to.reduce(what))
    return list(to.submit(what, Permit(what.id)))


class Memory:
    """A sink that remembers every fact, and holds each posting set to zero."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, Any]] = []
        self.denials: list[tuple[Order, Denial]] = []
        self.fills: list[Fill] = []
        self.breaches: list[tuple[str, Breach]] = []
        self.halts: list[tuple[str, Level]] = []
        self.posted: dict[str, Decimal] = {}

    def intent(self, order: Order) -> None:
        self.facts.append(("intent", order.to_body()))

    def denied(self, order: Order, denial: Denial) -> None:
        assert order.status is Status.DENIED
        order.to_body()
        self.facts.append(("denied", denial.refusal.value))
        self.denials.append((order, denial))

    def cancel_requested(self, order: Order, by: str) -> None:
        self.facts.append(("cancel", order.id))

    def reported(self, order: Order, report: Report) -> None:
        self.facts.append(("reported", report.to_body()))

    def unknown(self, order: Order, reason: str) -> None:
        self.facts.append(("unknown", order.id))

    def filled(
        self,
        order: Order,
        fill: Fill,
        position: Position,
        postings: list[Posting],
        balance: Decimal,
    ) -> None:
        assert balanced(postings)
        for account, amount in postings:
            self.posted[account] = self.posted.get(account, ZERO) + amount
        self.fills.append(fill)
        self.facts.append(("filled", fill.to_body()))

    def breached(self, scope: str, breach: Breach) -> None:
        self.breaches.append((scope, breach))
        self.facts.append(("breached", scope))

    def halted(self, row: dict[str, Any]) -> None:
        self.halts.append((row["scope"], level(row["level"])))

    def considered(self, decision: dict[str, Any]) -> None:
        self.facts.append(("considered", decision))

    @property
    def reasons(self) -> list[str]:
        return [denial.refusal.value for _, denial in self.denials]


class Rig:
    """One account: engine, book, halts, sink and a venue that answers at once."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        balance: object = 100_000,
        model: ExchangeModel | None = None,
        mode: Mode = Mode.PAPER,
        day_end: Any = None,
        instruments: Iterable[Instrument] = (),
    ) -> None:
        extra = {spec.symbol: spec for spec in instruments}
        self.venue = venue(model, balance, *extra.values())
        self.book = Book(ACCOUNT, "USD", {**CATALOGUE, **extra}, d(balance))
        self.opening = d(balance)
        self.halts = Halts()
        self.sink = Memory()
        self.mode = mode
        self.sent: list[Action] = []
        self.outage = False
        self._ids = 0
        self.engine = AccountEngine(
            self.book, limits or Limits(), self.halts, self.sink, self._id, day_end
        )

    def _id(self) -> str:
        self._ids += 1
        return f"e{self._ids}"

    def trader(
        self,
        symbol: str = "AAPL",
        *,
        name: str | None = None,
        limits: Limits | None = None,
        kind: SizingKind = SizingKind.UNITS,
        value: object = 10,
    ) -> Slot:
        spec = TraderSpec(
            name or f"on-{symbol}", "s", symbol, Sizing(kind, d(value)), limits or Limits()
        )
        return self.engine.add_trader(spec, Conditions(self.mode))

    def bar(self, what: Bar) -> None:
        """Reports on the bar, the mark, and what the mark demands."""
        self.settle(self.venue.bar(what))
        self.carry_out(self.engine.mark(what))

    def want(self, slot: Slot, *wishes: Wish) -> list[Action]:
        actions = self.engine.decide(slot, wishes, self.engine.now_ns)
        self.carry_out(actions)
        return actions

    def signal(self, slot: Slot, target: float, stop: float | None = None) -> list[Action]:
        return self.want(slot, Signal(target, "", stop))

    def carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            self.sent.append(action)
            if self.outage:
                continue
            wired = Order.from_body(action.order.to_body())  # the venue has a copy, as over a wire
            if isinstance(action, SubmitOrder):
                reports = self.venue.submit(wired, action.permit)
            elif isinstance(action, CancelOrder):
                reports = self.venue.cancel(wired)
            else:
                assert isinstance(action, ReduceOrder)
                reports = self.venue.reduce(wired)
            self.settle(reports)

    def settle(self, reports: Iterable[Report]) -> None:
        for report in reports:
            _, actions = self.engine.report(report, report.time_ns)
            self.carry_out(actions)

    def flat(self) -> bool:
        return not any(p.quantity for p in self.venue.positions.values())

    def working(self) -> list[Order]:
        return [
            entry.order for resting in self.venue.working.values() for entry in resting.values()
        ]

    def agree(self) -> None:
        """INV-5: fills, postings, our book and the venue's tell one story."""
        account = self.venue.accounts[ACCOUNT]
        assert self.book.balance == account.balance
        assert self.sink.posted.get("cash", ZERO) == self.book.balance - self.opening
        assert sum(self.sink.posted.values(), ZERO) == 0
        assert self.book.realised - self.book.fees == self.book.balance - self.opening
        units: dict[str, Decimal] = {}
        for fill in self.sink.fills:
            units[fill.instrument] = units.get(fill.instrument, ZERO) + fill.signed
        for (_, symbol), position in self.venue.positions.items():
            assert units.get(symbol, ZERO) == position.quantity == self.book.held(symbol)
            assert self.book.positions[symbol].cost == position.cost
        assert sorted(o.client_id for o in self.working()) == sorted(self.book.orders)


def request(side: str, quantity: object, **more: Any) -> OrderRequest:
    """An explicit order of a strategy."""
    for key in ("limit_price", "stop_price"):
        if more.get(key) is not None:
            more[key] = d(more[key])
    more["type"] = OrderType(more.get("type", "MARKET"))
    more["tif"] = TimeInForce(more.get("tif", "GTC"))
    return OrderRequest(Side(side), d(quantity), **more)


def bounds(**limits: object) -> Any:
    """Compiled account limits; numbers as they would be in a document."""
    return compile_checks(Limits.from_document(limits), Limits())


def limits(**values: Any) -> Limits:
    return Limits.from_document(values)
