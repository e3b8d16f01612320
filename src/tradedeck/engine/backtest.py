"""Runs a strategy over bars through the very gate, book, ledger and matching of live trading.

Only the clock (the bar's), the feed (an iterable), the venue (in-process matching) and the process
boundary differ. Per bar there is no logging, no JSON, no queue and no task switch.
"""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count, islice
from typing import Any, cast

from tradedeck.engine.account import AccountEngine, TraderSpec
from tradedeck.engine.actions import (
    FILL_ROUNDS_MAX,
    SEND_ROUNDS_MAX,
    Action,
    CancelOrder,
    SubmitOrder,
)
from tradedeck.engine.planner import utc_day_end
from tradedeck.engine.sizing import Sizing, SizingKind
from tradedeck.execution.arming import Mode
from tradedeck.execution.book import Book
from tradedeck.execution.gate import Conditions, Denial
from tradedeck.execution.halt import Halts
from tradedeck.execution.ledger import Posting
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.risk.limits import Limits
from tradedeck.risk.running import Breach
from tradedeck.strategies import memory
from tradedeck.strategies.interface import Strategy
from tradedeck.trading.fill import Fill
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.market import Bar
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import Order
from tradedeck.trading.position import Position
from tradedeck.trading.signal import Wish
from tradedeck.venue.matching import PaperVenue
from tradedeck.venue.model import ExchangeModel
from tradedeck.venue.report import Report

CURVE_POINTS_MAX = 4_000  # a screen is less wide than that; the curve thins itself as it grows
PROGRESS_EVERY = 20_000
_BATCHES = (list, tuple)
GC_ALLOCATIONS = 100_000  # before the youngest generation is looked through; 700 by default


@dataclass(slots=True)
class BacktestSpec:
    """What to run.

    Args:
        strategy: the class.
        params: a checked instance of its `Params`.
        instrument: what the bars are of.
        balance: opening balance, in the instrument's currency.
        sizing: from target to units.
        limits: account limits; the trader has none of its own.
        model: frictions of the paper exchange.
        session_open: whether the market is open at a time; None: always.
        day_end_ns: the next day boundary after a time.
    """

    strategy: type[Strategy]
    params: Any
    instrument: Instrument
    balance: Decimal = Decimal(100_000)
    sizing: Sizing = field(default_factory=lambda: Sizing(SizingKind.EQUITY_FRACTION, Decimal(1)))
    limits: Limits = field(default_factory=Limits)
    model: ExchangeModel = field(default_factory=ExchangeModel)
    session_open: Callable[[int], bool] | None = None
    day_end_ns: Callable[[int], int] = utc_day_end


@dataclass(slots=True)
class BacktestResult:
    """What came out. Money is exact; the curve is of marks."""

    bars: int = 0
    orders: int = 0
    denied: int = 0
    seconds: float = 0.0
    opening_balance: Decimal = ZERO
    final_balance: Decimal = ZERO
    final_equity: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    max_drawdown: float = 0.0
    exposure: float = 0.0
    fills: list[Fill] = field(default_factory=list)
    denials: dict[str, int] = field(default_factory=dict)
    curve: list[tuple[int, float]] = field(default_factory=list)
    halts: list[dict[str, Any]] = field(default_factory=list)
    postings: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    cancelled: bool = False

    @property
    def pnl(self) -> Decimal:
        """Change of equity over the run, open P&L at the last mark included."""
        return self.final_equity - self.opening_balance

    @property
    def bars_per_second(self) -> float:
        """Bars divided by the seconds of the loop, data loading excluded."""
        return self.bars / self.seconds if self.seconds else 0.0


class _Recorder:
    """The sink of a backtest: counts and keeps, writes nothing."""

    def __init__(self, result: BacktestResult) -> None:
        self._result = result
        self._keep = result.fills.append
        self._postings: list[Posting] = []

    def intent(self, order: Order) -> None:
        del order
        self._result.orders += 1

    def denied(self, order: Order, denial: Denial) -> None:
        del order
        self._result.denied += 1
        reasons = self._result.denials
        reasons[denial.refusal.value] = reasons.get(denial.refusal.value, 0) + 1

    def cancel_requested(self, order: Order, by: str) -> None:
        """Counted with the order's end."""

    def reported(self, order: Order, report: Report) -> None:
        """Nothing to keep."""

    def unknown(self, order: Order, reason: str) -> None:
        """Cannot happen in process."""

    def filled(
        self,
        order: Order,
        fill: Fill,
        position: Position,
        postings: list[Posting],
        balance: Decimal,
    ) -> None:
        del order, position, balance
        self._keep(fill)
        self._postings += postings

    def settle(self) -> None:
        """Add up what was posted since the last time: many at once cost a third of one by one."""
        totals = self._result.postings
        for account, amount in self._postings:
            totals[account] += amount
        self._postings.clear()

    def breached(self, scope: str, breach: Breach) -> None:
        self._result.halts.append(
            {
                "scope": scope,
                "limit": breach.limit,
                "value": str(breach.value),
                "bound": str(breach.bound),
                "action": breach.action.value,
            }
        )

    def halted(self, row: dict[str, Any]) -> None:
        """Stated by the breach already."""

    def considered(self, decision: dict[str, Any]) -> None:
        """Not called in backtests."""


class Backtest:
    """One run. `run` may be called once."""

    def __init__(self, spec: BacktestSpec) -> None:
        self._spec = spec
        self.result = BacktestResult(opening_balance=spec.balance)
        symbol = spec.instrument.symbol
        instruments = {symbol: spec.instrument}
        self._venue = PaperVenue(instruments)
        self._venue.open_account("backtest", spec.instrument.currency, spec.balance, spec.model)
        book = Book("backtest", spec.instrument.currency, instruments, spec.balance)
        new_id = map("b{}".format, count(1)).__next__
        self._recorder = _Recorder(self.result)
        self._engine = AccountEngine(
            book, spec.limits, Halts(), self._recorder, new_id, spec.day_end_ns
        )
        self._slot = self._engine.add_trader(
            TraderSpec("backtest", spec.strategy.meta.name, symbol, spec.sizing, Limits()),
            Conditions(Mode.PAPER),
        )
        self._strategy = spec.strategy(spec.params, memory.load(spec.strategy, None, spec.params))
        self._hears_fills = spec.strategy.on_fill is not Strategy.on_fill
        self._untold: list[Fill] = []

    def run(
        self, bars: Iterable[Bar], progress: Callable[[int], bool] | None = None
    ) -> BacktestResult:
        """Feed every bar; `progress(bars_done)` is asked now and then, False cancels."""
        result = self.result
        # What is kept (fills) holds no cycles: looking through it all again costs a tenth.
        thresholds = gc.get_threshold()
        gc.set_threshold(GC_ALLOCATIONS, *thresholds[1:])
        started = time.perf_counter()
        try:
            self._strategy.on_start()
            exposed = self._loop(bars, progress)
            self._strategy.on_stop()
        finally:
            gc.set_threshold(*thresholds)
        result.seconds = time.perf_counter() - started
        book = self._engine.book
        result.final_balance, result.final_equity = book.balance, book.equity()
        result.realised, result.fees = book.realised, book.fees
        result.max_drawdown = self._engine.watch.max_drawdown()
        result.exposure = exposed / result.bars if result.bars else 0.0
        return result

    def _loop(self, bars: Iterable[Bar], progress: Callable[[int], bool] | None) -> int:
        """All bars, up to the next point of the curve or question of progress at a time."""
        engine, result = self._engine, self.result
        curve = result.curve
        exposed = point = 0
        every, ask = 1, PROGRESS_EVERY
        ahead = iter(bars)
        while True:
            stretch = min(point + 1, ask) - result.bars
            done, held = self._stretch(islice(ahead, stretch))
            exposed += held
            result.bars += done
            self._recorder.settle()
            if done < stretch:
                break
            if result.bars == point + 1:
                curve.append((engine.now_ns, engine.equity))
                if len(curve) >= CURVE_POINTS_MAX:
                    del curve[1::2]
                    every *= 2
                point += every - point % every
            if result.bars == ask:
                ask += PROGRESS_EVERY
                if progress is not None and not progress(result.bars):
                    result.cancelled = True
                    break
        if result.bars:
            curve.append((engine.now_ns, engine.equity))
        return exposed

    def _stretch(self, bars: Iterable[Bar]) -> tuple[int, int]:
        """Feed some bars; returns how many there were, and on how many a position was held."""
        engine, venue, slot, strategy = self._engine, self._venue, self._slot, self._strategy
        on_bar, mark, feed = strategy.on_bar, engine.mark, venue.bar
        gate_session = self._spec.session_open
        context, untold = strategy.context, self._untold
        done = exposed = 0
        for bar in bars:
            done += 1
            if reports := feed(bar):
                self._carry_out([*self._book(reports), *mark(bar)])
            elif actions := mark(bar):
                self._carry_out(actions)
            context.equity = engine.equity
            wishes = on_bar(bar)
            if wishes is not None:
                if gate_session is not None:
                    slot.conditions.session_open = gate_session(bar.end_ns)
                self._carry_out(self._decided(wishes, bar.end_ns))
            if untold:
                self._tell(bar.end_ns)
            if slot.units:
                exposed += 1
        return done, exposed

    def _decided(self, wishes: Wish | Sequence[Wish], now_ns: int) -> list[Action]:
        # By concrete type: asking for `Sequence` costs more than the rest of this line.
        batch = wishes if isinstance(wishes, _BATCHES) else (cast("Wish", wishes),)
        return self._engine.decide(self._slot, batch, now_ns)

    def _carry_out(self, actions: Sequence[Action]) -> None:
        """Send, book, and again for what follows: the rounds of the runner's own `carry_out`."""
        venue, rounds = self._venue, 0
        while actions:
            if rounds == SEND_ROUNDS_MAX:
                raise _endless(f"what follows from fills was sent {rounds} times on one bar")
            rounds += 1
            reports: list[Report] = []
            for action in actions:
                if isinstance(action, SubmitOrder):
                    reports += venue.submit(action.order, action.permit)
                elif isinstance(action, CancelOrder):
                    reports += venue.cancel(action.order)
                else:
                    reports += venue.reduce(action.order)
            actions = self._book(reports)

    def _book(self, reports: Sequence[Report]) -> list[Action]:
        """Book reports, and the position they leave into the strategy's context."""
        engine = self._engine
        followed: list[Action] = []
        filled = False
        for report in reports:
            fill, actions = engine.report(report, report.time_ns)
            if actions:
                followed += actions
            if fill is not None:
                filled = True
                if self._hears_fills:
                    self._untold.append(fill)
        if filled:
            slot, context = self._slot, self._strategy.context
            context.position = float(engine.book.held(slot.instrument.symbol))
            context.average_price = slot.cost / slot.units if slot.units else None
        return followed

    def _tell(self, now_ns: int) -> None:
        """Tell the strategy its fills; what it answers may fill, and be told, in its turn."""
        rounds = 0
        while self._untold:
            if rounds == FILL_ROUNDS_MAX:
                raise _endless(f"the strategy answered its own fills {rounds} times on one bar")
            rounds += 1
            told, self._untold[:] = self._untold[:], ()
            actions: list[Action] = []
            for fill in told:
                wishes = self._strategy.on_fill(fill)
                if wishes is not None:
                    actions += self._decided(wishes, now_ns)
            self._carry_out(actions)


def _endless(what: str) -> TradedeckError:
    return TradedeckError(
        Code.STRATEGY, what, hint="Let `on_fill` answer only where something is still wanted."
    )


def run_backtest(
    spec: BacktestSpec, bars: Iterable[Bar], progress: Callable[[int], bool] | None = None
) -> BacktestResult:
    """Run `spec` over `bars`, oldest first."""
    return Backtest(spec).run(bars, progress)
