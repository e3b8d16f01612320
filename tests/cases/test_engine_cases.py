"""The engine cases that were seen failing in peers, each by its id."""

from __future__ import annotations

import random
from collections.abc import Iterable
from decimal import Decimal

import pytest

from tests.cases.kit import AAPL, MINUTE, Rig, bar, d, limits, request
from tradedeck.engine.actions import CancelOrder, ReduceOrder, SubmitOrder
from tradedeck.execution.arming import Mode
from tradedeck.execution.halt import Level
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.market import Bar
from tradedeck.trading.order import Purpose, Status
from tradedeck.trading.signal import Signal
from tradedeck.venue.model import ExchangeModel
from tradedeck.venue.report import Report

FIFTY = [
    Instrument(f"S{n:02}", "USD", Decimal("0.01"), Decimal(1), "24x7", margin_rate=d("0.02"))
    for n in range(50)
]


def many() -> Rig:
    """Fifty traders, each holding ten units, and a resting order each."""
    rig = Rig(instruments=FIFTY, limits=limits(orders_per_minute=100), balance=1_000_000)
    for n, spec in enumerate(FIFTY):
        slot = rig.trader(spec.symbol)
        rig.bar(bar(100, symbol=spec.symbol))
        side, away, target = ("BUY", 50, 1.0) if n % 2 else ("SELL", 150, -1.0)
        rig.signal(slot, target)
        rig.want(slot, request(side, 1, type="LIMIT", limit_price=away))
    assert sum(bool(p.quantity) for p in rig.book.positions.values()) == 50
    assert len(rig.working()) == 50
    return rig


def test_eng_1_halted_then_close_all_goes_through() -> None:
    rig = many()
    for scope in ("all", "account/main", "trader/on-S07"):
        rig.engine.halt(scope, Level.HALTED, "drill", "person")
    rig.carry_out(rig.engine.flatten(None, by="person"))
    assert rig.flat()
    assert not rig.working()
    assert not rig.sink.denials
    rig.agree()


@pytest.mark.parametrize("level", [Level.PAUSE, Level.REDUCE_ONLY, Level.HALTED])
def test_eng_1_each_level_stops_entries_and_no_exit(level: Level) -> None:
    rig = Rig()
    slot = rig.trader()
    rig.bar(bar(100))
    rig.signal(slot, 1.0)
    rig.engine.halt("trader/on-AAPL", level, "drill", "person")
    rig.signal(slot, -1.0)  # a turn-around: its exit goes, its entry does not
    assert rig.flat()
    assert rig.sink.reasons == [f"HALT_{'PAUSED' if level is Level.PAUSE else level.name}"]


def test_eng_2_flatten_fifty_positions_with_the_rate_limit_exhausted() -> None:
    rig = many()
    slot = rig.engine.slots["on-S00"]
    rig.want(slot, request("SELL", 1, type="LIMIT", limit_price=149))
    assert rig.sink.reasons == ["ORDER_RATE_LIMIT"]  # a hundred were sent within the minute
    rig.carry_out(rig.engine.flatten(None, by="person"))
    assert rig.flat()
    assert not rig.working()
    assert len(rig.sink.denials) == 1
    rig.agree()


def test_eng_2_flatten_takes_exactly_its_scope() -> None:
    rig = many()
    rig.carry_out(rig.engine.flatten({"on-S03", "on-S04"}, by="person"))
    gone = [s for s, p in rig.book.positions.items() if not p.quantity]
    assert sorted(gone) == ["S03", "S04"]
    assert len(rig.working()) == 48
    rig.agree()


def test_eng_3_inv_8_reduce_only_sells_what_is_held_and_is_denied_when_flat() -> None:
    rig = Rig(balance=10_000_000)
    slot = rig.trader(value=10_000)
    rig.bar(bar(100))
    rig.signal(slot, 1.0)
    rig.want(slot, request("SELL", 50_000, reduce_only=True))
    assert rig.sent[-1].order.quantity == 10_000  # cut before it is sent, not by the venue alone
    assert rig.book.held("AAPL") == 0
    assert [f.signed for f in rig.sink.fills] == [10_000, -10_000]
    rig.want(slot, request("BUY", 70_000, reduce_only=True))
    assert rig.sink.reasons == ["REDUCE_NOTHING_HELD"]
    assert rig.flat()
    rig.agree()


@pytest.mark.parametrize("mode", [Mode.SIGNALS, Mode.BLOCKED])
def test_eng_6_inv_1_every_submit_in_signals_mode_is_a_recorded_denial(mode: Mode) -> None:
    rig = Rig(mode=mode)
    slot = rig.trader()
    for n in range(1, 11):
        rig.bar(bar(100 + n, n))
        rig.signal(slot, 1.0 if n % 2 else -1.0)
    rig.want(slot, request("SELL", 1, reduce_only=True))
    reason = "MODE_SIGNALS_ONLY" if mode is Mode.SIGNALS else "MODE_BLOCKED"
    assert rig.sink.reasons == [reason] * 11
    assert slot.signals == 10  # counted
    assert slot.executed == 0
    assert rig.sent == []
    assert all(o.status is Status.DENIED for o, _ in rig.sink.denials)
    assert not rig.book.orders


@pytest.mark.parametrize("seed", range(5))
def test_eng_8_two_hundred_flips_ending_flat_pnl_is_the_change_of_balance(seed: int) -> None:
    model = ExchangeModel(d(3), d(2), d("1.7"), d("0.99"))
    rig = Rig(model=model, balance="100000")
    slot = rig.trader(value=137)
    dice = random.Random(seed)
    price = 100.0
    rig.bar(bar(price, 1))
    for n in range(200):
        rig.signal(slot, 1.0 if n % 2 else -1.0)
        price = round(max(5.0, price * (1 + dice.uniform(-0.03, 0.03))), 2)
        rig.bar(bar(price, n + 2))
    rig.signal(slot, 0.0)
    assert rig.flat()
    change = rig.book.balance - rig.opening
    assert change == slot.realised - slot.fees == rig.book.realised - rig.book.fees
    assert len(rig.sink.fills) == 400
    cash = sum((-f.signed * f.price - f.fee for f in rig.sink.fills), Decimal(0))
    assert change == cash  # an account of nothing but what was paid and received
    assert round(rig.engine.equity, 2) == float(round(rig.book.balance, 2))
    rig.agree()


def test_eng_13_nothing_an_order_touches_grows_with_the_orders_before_it() -> None:
    """After 100,000 orders every container an order walks is as small as at the first."""
    rig = Rig(balance=10_000_000)
    book, engine = rig.book, rig.engine
    slot = rig.trader()
    rig.bar(bar(100))
    for n in range(100_000):
        order = engine._planner.order("AAPL", "on-AAPL", "s", d(1 + n % 5_000), n)
        book.sent(order, n * MINUTE)
        if n < 2_000:
            continue
        book.add(order)
        book.discard(order, Status.REJECTED)
    assert len(book.recent) <= 1_000
    assert len(book.sent_ns) <= 10_000
    assert not book.orders
    assert len(book.open_units) == 1
    assert book.open_units["AAPL"].buy == book.open_units["AAPL"].sell == 0
    for n in range(2_000):
        rig.bar(bar(100, n + 2))
        rig.signal(slot, 1.0 if n % 2 else -1.0)
    sizes = [len(book.orders), len(book.positions), len(book.open_units), len(book.marks),
             len(engine._doomed), len(engine._ends), len(slot.breached)]  # fmt: skip
    assert sizes == [0, 1, 1, 1, 0, 0, 0]
    assert not any(rig.venue.working.values())


def test_eng_13_the_newest_duplicate_is_never_the_one_forgotten() -> None:
    """One order repeated among a thousand other sizes stays known."""
    rig = Rig(limits=limits(duplicate_window_s=3600))
    slot = rig.trader()
    rig.bar(bar(100))
    make = rig.engine._planner.order
    first = make("AAPL", "t", "s", d(7), 0)
    rig.book.sent(first, rig.engine.now_ns)
    for n in range(990):
        rig.book.sent(make("AAPL", "t", "s", d(1_000 + n), 0), rig.engine.now_ns)
    rig.book.sent(first, rig.engine.now_ns)
    for n in range(20):
        rig.book.sent(make("AAPL", "t", "s", d(5_000 + n), 0), rig.engine.now_ns)
    rig.want(slot, request("BUY", 7))
    assert rig.sink.reasons == ["ORDER_DUPLICATE"]


# -- ENG-14, the part that is in the engine ------------------------------------------------------


class Slow(Rig):
    """Reports arrive only when they are fetched."""

    queue: list[Report]

    def settle(self, reports: Iterable[Report]) -> None:
        self.queue = [*getattr(self, "queue", []), *reports]

    def fetch(self) -> None:
        while self.queue:
            report = self.queue.pop(0)
            _, actions = self.engine.report(report, report.time_ns)
            self.carry_out(actions)


def slow() -> Slow:
    rig = Slow()
    rig.trader()
    rig.bar(bar(100))
    return rig


def test_eng_14_an_entry_in_flight_that_fills_after_the_flatten_is_closed() -> None:
    rig = slow()
    rig.signal(rig.engine.slots["on-AAPL"], 1.0)  # filled at the venue, its report is on the way
    rig.carry_out(rig.engine.flatten(None, by="person"))
    assert not rig.flat()
    rig.fetch()
    assert rig.flat()
    rig.agree()


def test_eng_14_closing_twice_with_the_first_close_in_flight_never_flips() -> None:
    rig = slow()
    rig.signal(rig.engine.slots["on-AAPL"], 1.0)
    rig.fetch()
    for _ in range(3):
        rig.carry_out(rig.engine.flatten(None, by="person"))
    rig.fetch()
    assert rig.flat()
    assert sum(f.signed for f in rig.sink.fills) == 0
    rig.agree()


def test_eng_14_the_late_entry_is_remembered_over_a_restart() -> None:
    rig = slow()
    rig.signal(rig.engine.slots["on-AAPL"], 1.0)
    rig.carry_out(rig.engine.flatten(None, by="person"))
    kept = rig.engine.dump()
    rig.engine._doomed.clear()
    rig.engine.restore(kept)
    rig.fetch()
    assert rig.flat()


# -- protective stops ----------------------------------------------------------------------------


def protected(**more: object) -> Rig:
    rig = Rig(**more)  # type: ignore[arg-type]: cases are tables of keywords
    slot = rig.trader()
    rig.bar(bar(100))
    rig.signal(slot, 1.0, 95.0)
    return rig


def stops(rig: Rig) -> list[tuple[Decimal, Decimal | None]]:
    return [
        (entry.left, entry.stop_price)
        for resting in rig.venue.working.values()
        for entry in resting.values()
        if entry.order.purpose is Purpose.PROTECTIVE
    ]


def test_a_protective_stop_follows_the_entry_and_closes_on_its_price() -> None:
    rig = protected()
    assert stops(rig) == [(10, 95)]
    assert all(o.reduce_only for o in rig.working())
    rig.bar(bar(96, 2))
    assert rig.book.held("AAPL") == 10
    rig.bar(bar(94, 3, open=96))
    assert rig.flat()
    assert rig.sink.fills[-1].price == 95
    rig.agree()


def test_a_short_is_protected_above() -> None:
    rig = Rig()
    slot = rig.trader()
    rig.bar(bar(100))
    rig.signal(slot, -1.0, 105.0)
    assert stops(rig) == [(10, 105)]
    rig.bar(bar(106, 2, open=100))
    assert rig.flat()


def test_a_protective_stop_is_withdrawn_immediately_before_the_exit() -> None:
    rig = protected()
    rig.sent.clear()
    rig.signal(rig.engine.slots["on-AAPL"], 0.0)
    assert [type(a) for a in rig.sent] == [CancelOrder, ReduceOrder]
    assert rig.flat()
    assert not rig.working()


def test_close_withdraws_protective_stops_last() -> None:
    rig = protected()
    slot = rig.engine.slots["on-AAPL"]
    rig.want(slot, request("BUY", 1, type="LIMIT", limit_price=50))
    rig.sent.clear()
    rig.carry_out(rig.engine.close("AAPL", by="person"))
    purposes = [(type(a).__name__, a.order.purpose.value) for a in rig.sent]
    assert purposes == [
        ("CancelOrder", "entry"),
        ("CancelOrder", "protective"),
        ("ReduceOrder", "close"),
    ]
    assert rig.flat()
    assert not rig.working()
    assert slot.stop is None


def test_a_turn_around_protects_the_new_side_only() -> None:
    rig = protected()
    rig.signal(rig.engine.slots["on-AAPL"], -1.0, 105.0)
    assert rig.book.held("AAPL") == -10
    assert stops(rig) == [(10, 105)]
    rig.agree()


def test_a_reduced_position_keeps_its_protection_at_its_new_size() -> None:
    rig = protected()
    rig.signal(rig.engine.slots["on-AAPL"], 0.5)
    assert rig.book.held("AAPL") == 5
    assert stops(rig) == [(5, 95)]


def test_a_denied_addition_leaves_the_protection_where_it_is() -> None:
    rig = Rig(limits=limits(position_quantity_max=5))
    slot = rig.trader()
    rig.bar(bar(100))
    rig.signal(slot, 0.5, 95.0)
    rig.signal(slot, 1.0, 96.0)
    assert rig.sink.reasons == ["POSITION_QUANTITY_LIMIT"]
    assert stops(rig) == [(5, 95)]


def test_an_addition_moves_the_protection_to_the_whole_position() -> None:
    rig = Rig()
    slot = rig.trader()
    rig.bar(bar(100))
    rig.signal(slot, 0.5, 95.0)
    rig.signal(slot, 1.0)  # no stop of its own: the standing one covers all
    assert stops(rig) == [(10, 95)]
    rig.signal(slot, 0.5, 97.0)
    assert stops(rig) == [(5, 97)]


def test_a_partly_filled_entry_that_ends_is_protected_for_what_it_got() -> None:
    rig = Rig(model=ExchangeModel(volume_share_max=d("0.1")))
    slot = rig.trader()
    rig.bar(bar(100, volume=40))
    rig.signal(slot, 1.0, 95.0)
    assert rig.book.held("AAPL") == 4
    rig.signal(slot, 0.0)  # withdraws what is in flight; the next bar decides
    assert stops(rig) == [(4, 95)]


def test_a_close_that_the_venue_refuses_leaves_the_position_protected() -> None:
    rig = protected()
    rig.venue.accounts, kept = {}, rig.venue.accounts
    actions = rig.engine.close("AAPL", by="person")
    rig.carry_out([a for a in actions if isinstance(a, ReduceOrder)])
    rig.venue.accounts = kept
    assert rig.book.held("AAPL") == 10
    cancelled = [a for a in actions if isinstance(a, CancelOrder)]
    again = [a.order for a in rig.sent if a.order.purpose is Purpose.PROTECTIVE]
    assert len(cancelled) == 1
    assert again
    assert rig.engine.slots["on-AAPL"].stop == 95


def test_protection_goes_to_the_tick_grid() -> None:
    rig = Rig()
    slot = rig.trader()
    rig.bar(bar(100))
    rig.signal(slot, 1.0, 94.99999)
    [(_, price)] = stops(rig)
    assert price is not None
    assert AAPL.on_tick(price)


def test_flips_are_a_close_without_permission_and_an_open_through_the_gate() -> None:
    rig = Rig()
    slot = rig.trader()
    rig.bar(bar(100))
    rig.signal(slot, 1.0)
    rig.sent.clear()
    rig.signal(slot, -1.0)
    assert [(type(a), a.order.purpose) for a in rig.sent] == [
        (ReduceOrder, Purpose.EXIT),
        (SubmitOrder, Purpose.ENTRY),
    ]
    assert rig.book.held("AAPL") == -10


@pytest.mark.parametrize("price", [float("nan"), float("inf"), -5.0, 0.0])
def test_inv_10_a_price_that_is_none_moves_nothing(price: float) -> None:
    """One NaN would make equity NaN for good, and every running limit blind."""
    rig = Rig(limits=limits(drawdown_max={"bound": "0.01", "action": "flatten"}), balance=10_000)
    slot = rig.trader(value=50)
    rig.bar(bar(100))
    rig.signal(slot, 1.0)
    broken = Bar("AAPL", 0, bar(1, 2).end_ns, price, price, price, price)
    rig.carry_out(rig.engine.mark(broken))
    assert rig.engine.equity == 10_000
    rig.bar(bar(90, 3))
    assert rig.flat()


@pytest.mark.parametrize("wrong", [Signal(float("nan")), Signal(1.0, "", float("nan")),
                                   Signal(float("inf")), Signal(1.0, "", float("-inf")),
                                   request("BUY", "NaN"), request("SELL", "Infinity"),
                                   request("BUY", 1, type="LIMIT", limit_price="NaN")])  # fmt: skip
def test_inv_11_a_wish_without_a_number_is_no_order(wrong: object) -> None:
    rig = Rig()
    slot = rig.trader()
    rig.bar(bar(100))
    with pytest.raises(ValueError, match="is none"):
        rig.want(slot, wrong)  # type: ignore[arg-type]: cases are tables of keywords
    assert rig.sent == []


@pytest.mark.parametrize("quantity", [0, -5])
@pytest.mark.parametrize("reduce_only", [False, True])
def test_inv_10_a_wish_for_nothing_or_less_is_denied(quantity: int, reduce_only: bool) -> None:
    rig = Rig()
    slot = rig.trader()
    rig.bar(bar(100))
    rig.signal(slot, 1.0)
    rig.want(slot, request("SELL", quantity, reduce_only=reduce_only))
    assert rig.sink.reasons == ["QUANTITY_INVALID"]
    assert rig.book.held("AAPL") == 10
