"""Order life cycle, book, ledger and venue under random hands; after every step they agree.

`SOAK=2000 pytest --timeout=0 tests/cases/test_state_machine.py` looks longer; a failure prints
its steps.
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.cases.kit import ACCOUNT, T0, Rig, d, request
from tradedeck.engine.actions import Action
from tradedeck.engine.planner import utc_day_end
from tradedeck.execution.book import Open
from tradedeck.kernel.canonical import decode, encode
from tradedeck.trading.instrument import CATALOGUE
from tradedeck.trading.market import Bar
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import Side
from tradedeck.trading.signal import CancelRequest
from tradedeck.venue.matching import PaperVenue
from tradedeck.venue.model import ExchangeModel
from tradedeck.venue.report import Report

SYMBOLS = ("AAPL", "IBM")
HOUR = 3600 * 10**9
symbols = st.sampled_from(SYMBOLS)
sides = st.sampled_from(["BUY", "SELL"])
quantities = st.integers(1, 40)
cents = st.integers(-300, 300)


class Hard(Rig):
    """A rig whose line can be cut: reports then wait, and what was sent is UNKNOWN."""

    deaf = False
    busy = False

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.waiting: list[Report] = []

    def settle(self, reports: Any) -> None:
        """In the venue's order, as a process applies them; what follows comes after."""
        self.waiting += reports
        while self.waiting and not self.deaf and not self.busy:
            self.busy = True
            actions = self._take(self.waiting.pop(0))
            self.carry_out(actions)
            self.busy = False

    def _take(self, report: Report) -> list[Action]:
        order = self.book.orders.get(report.client_id)
        before = self.book.held(report.instrument)
        _, actions = self.engine.report(report, report.time_ns)
        if order is not None and order.reduce_only:
            after = self.book.held(report.instrument)
            assert abs(after) <= abs(before), "INV-8: a reduction increased"
            assert after * before >= 0, "INV-8: a reduction flipped"
        return actions

    def carry_out(self, actions: Any) -> None:
        actions = list(actions)
        super().carry_out(actions)
        if self.deaf:
            for action in actions:
                if action.order.client_id in self.book.orders:
                    self.engine.unknown(action.order.client_id, "no answer")

    def hear(self) -> None:
        self.deaf = False
        self.settle([])


class Trading(RuleBasedStateMachine):
    @initialize(
        share=st.sampled_from([None, "0.1", "0.5"]),
        spread=st.sampled_from([0, 7]),
        slippage=st.sampled_from([0, 3]),
        fee=st.sampled_from([0, 2]),
    )
    def open(self, share: str | None, spread: int, slippage: int, fee: int) -> None:
        model = ExchangeModel(
            d(spread), d(slippage), d(fee), d("0.35") * fee, None if share is None else d(share)
        )
        self.rig = Hard(model=model, day_end=utc_day_end, balance=1_000_000)
        self.rows: dict[str, Any] = {}
        self.time = T0
        self.last = {"AAPL": 100_00, "IBM": 50_00}
        self.slots = {s: self.rig.trader(s) for s in SYMBOLS}
        for symbol in SYMBOLS:
            self.rig.bar(self._bar(symbol, 0, 0, 0, 100))

    def _bar(self, symbol: str, gap: int, move: int, wick: int, volume: int) -> Bar:
        start = max(500, self.last[symbol] + gap)
        close = max(500, start + move)
        self.last[symbol] = close
        high, low = max(start, close) + wick, min(start, close) - wick
        prices = [n / 100 for n in (start, high, max(1, low), close)]
        return Bar(symbol, self.time, self.time + HOUR, *prices, float(volume))

    @rule(
        symbol=symbols, gap=cents, move=cents, wick=st.integers(0, 400), volume=st.integers(0, 300)
    )
    def price(self, symbol: str, gap: int, move: int, wick: int, volume: int) -> None:
        self.time += HOUR
        worst = {s: self.rig.book.worst_either(s) for s in SYMBOLS}
        sent = len(self.rig.sent)
        self.rig.bar(self._bar(symbol, gap, move, wick, volume))
        assert all(a.order.reduce_only or a.order.filled for a in self.rig.sent[sent:])
        for each in SYMBOLS:
            assert abs(self._actual(each)) <= worst[each], "worst() was below what happened"

    @rule(
        symbol=symbols,
        side=sides,
        quantity=quantities,
        kind=st.sampled_from(["MARKET", "LIMIT", "STOP"]),
        away=cents,
        tif=st.sampled_from(["GTC", "DAY", "IOC", "FOK"]),
        reduce_only=st.booleans(),
    )
    def ask(
        self,
        symbol: str,
        side: str,
        quantity: int,
        kind: str,
        away: int,
        tif: str,
        reduce_only: bool,
    ) -> None:
        price = d(max(100, self.last[symbol] + away)) / 100
        self.rig.want(
            self.slots[symbol],
            request(
                side,
                quantity,
                type=kind,
                limit_price=price if kind == "LIMIT" else None,
                stop_price=price if kind == "STOP" else None,
                tif=tif,
                reduce_only=reduce_only,
            ),
        )

    @rule(symbol=symbols, wanted=st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), stop=st.booleans())
    def signal(self, symbol: str, wanted: float, stop: bool) -> None:
        wrong = 1.03 if wanted < 0 else 0.97
        level = self.last[symbol] / 100 * wrong if stop and wanted else None
        self.rig.signal(self.slots[symbol], wanted, level)

    @rule(symbol=symbols)
    def withdraw(self, symbol: str) -> None:
        self.rig.want(self.slots[symbol], CancelRequest())

    @precondition(lambda self: self.rig.working())
    @rule(data=st.data())
    def withdraw_one(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(sorted(o.id for o in self.rig.working())))
        found = [o for o in self.rig.book.orders.values() if o.id == chosen]
        self.rig.carry_out(self.rig.engine.cancel(found, "person"))

    @precondition(lambda self: self.rig.working() and not self.rig.deaf)
    @rule(data=st.data(), quantity=st.one_of(st.none(), quantities), away=cents)
    def replace(self, data: st.DataObject, quantity: int | None, away: int) -> None:
        names = sorted(o.client_id for o in self.rig.working())
        found = self.rig.book.orders[data.draw(st.sampled_from(names))]
        price = d(max(100, self.last[found.instrument] + away)) / 100
        self.rig.settle(
            self.rig.venue.replace(
                found.instrument,
                found.client_id,
                None if quantity is None else d(quantity),
                None if found.limit_price is None else price,
                None if found.stop_price is None else price,
            )
        )

    @rule(symbol=symbols)
    def close(self, symbol: str) -> None:
        self.rig.carry_out(self.rig.engine.close(symbol, "person"))

    @rule()
    def flatten(self) -> None:
        self.rig.carry_out(self.rig.engine.flatten(None, "person"))

    @precondition(lambda self: not self.rig.deaf)
    @rule()
    def cut(self) -> None:
        self.rig.deaf = True

    @precondition(lambda self: self.rig.deaf)
    @rule()
    def hear(self) -> None:
        self.rig.hear()

    def _actual(self, symbol: str) -> Decimal:
        position = self.rig.venue.positions.get((ACCOUNT, symbol))
        return position.quantity if position else ZERO

    @invariant()
    def inv_5_one_story(self) -> None:
        if not self.rig.deaf:
            self.rig.agree()

    @invariant()
    def inv_4_worst_case_covers_what_is(self) -> None:
        """Also while the line is cut: what the venue holds is within what we count."""
        book = self.rig.book
        for symbol in SYMBOLS:
            assert abs(self._actual(symbol)) <= book.worst_either(symbol)
            units = book.open_units.get(symbol) or Open()
            counted = [units.buy, units.sell, units.reduce_buy, units.reduce_sell]
            listed = [ZERO] * 4
            for order in book.orders.values():
                if order.instrument == symbol:
                    listed[2 * order.reduce_only + (order.side is Side.SELL)] += order.remaining
            assert counted == listed
            assert all(o.open for o in book.orders.values())

    @invariant()
    def the_slots_floats_follow_the_book(self) -> None:
        assert abs(self.rig.engine.equity - float(self.rig.book.equity())) < 1e-6

    @invariant()
    def inv_12_what_the_venue_kept_is_what_it_is(self) -> None:
        """Rows written after each step, read back into a new venue: the same state."""
        venue = self.rig.venue
        for name, row in venue.changes().items():
            if row is None:
                self.rows.pop(name, None)
            else:
                self.rows[name] = decode(encode(row))
        back = PaperVenue(CATALOGUE)
        back.restore(self.rows, venue.seq)
        assert {a: b.balance for a, b in back.accounts.items()} == {
            a: b.balance for a, b in venue.accounts.items()
        }
        assert back.positions == venue.positions
        kept = {s: {c: w.to_row() for c, w in r.items()} for s, r in back.working.items() if r}
        real = {s: {c: w.to_row() for c, w in r.items()} for s, r in venue.working.items() if r}
        assert kept == real

    def teardown(self) -> None:
        """Whatever happened: heard, cancelled and closed, it ends flat and settled (INV-6)."""
        if not hasattr(self, "rig"):
            return
        self.rig.hear()
        for n in range(60):
            if self.rig.flat() and not self.rig.working():
                break
            self.rig.carry_out(self.rig.engine.flatten(None, "person"))
            self.time += HOUR
            for symbol in SYMBOLS:
                self.rig.bar(self._bar(symbol, 0, 0, 0, 1_000 * (n + 1)))
        assert self.rig.flat()
        assert not self.rig.working()
        self.rig.agree()
        assert self.rig.book.equity() == self.rig.book.balance


TestTrading = Trading.TestCase
TestTrading.settings = settings(
    max_examples=int(os.environ.get("SOAK", "10")),
    stateful_step_count=50,
    # A failure is shown as it was found: shrinking it takes minutes.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
