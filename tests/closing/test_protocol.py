"""The closing protocol case by case; what it survives is in `test_simulation.py`."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.cases.kit import ACCOUNT, T0, S, order, venue
from tests.closing.desk import Desk
from tradedeck.closing.legs import Budget, client_id
from tradedeck.closing.protocol import Closer, Phase
from tradedeck.closing.types import (
    AskLookup,
    AskRead,
    Begin,
    CancelAll,
    CancelOne,
    Cancels,
    CloseOut,
    Done,
    Flat,
    Lost,
    OpenIntent,
    Owner,
    Read,
    Refused,
    ReplaceProtective,
    Resume,
    Sent,
    Tick,
    Truth,
    Watching,
)
from tradedeck.trading.instrument import CATALOGUE
from tradedeck.trading.order import OrderType, Purpose, Side
from tradedeck.venue.capability import PAPER, Capability, Close, Idempotency, Lookup
from tradedeck.venue.read import WorkingOrder
from tradedeck.venue.report import Report, ReportKind

D = Decimal
SYMBOLS = [symbol for symbol, spec in CATALOGUE.items() if spec.currency == "USD"]
PLAIN = replace(
    PAPER,
    venue="bare",
    close=Close.PLAIN,
    max_late_s=20.0,
    cancel_all="loop",
    lookup_by_client_id=Lookup.NONE,
    submit_idempotency=Idempotency.NONE,
)


def protective(side: str, quantity: int, stop: int, **more: object) -> object:
    return order(
        side, quantity, type="STOP", stop=stop, reduce_only=True, purpose=Purpose.PROTECTIVE, **more
    )


def shown(name: str, side: str, units: int, purpose: Purpose, *, reduce_only: bool) -> WorkingOrder:
    return WorkingOrder(
        name, name, "AAPL", Side(side), OrderType.LIMIT, D(units), reduce_only, purpose, "t", "s"
    )


def closes(outputs: list[object]) -> list[tuple[str, str]]:
    return [(o.sent.side, str(o.sent.quantity)) for o in outputs if isinstance(o, CloseOut)]


class Bare:
    """A closer that is answered by hand."""

    def __init__(self, capability: Capability = PLAIN, **begin: object) -> None:
        self.now = T0
        self.closer = Closer(ACCOUNT, "kill_1", Owner.GUARD)
        self.reads, self.waiting = 0, False
        self.begin = Begin(None, True, capability, (), self.now)
        self.begin = replace(self.begin, **begin)

    def start(self, *more: Resume) -> list[object]:
        out = self.give(self.begin)
        for each in more:
            out += self.give(each)
        return out

    def give(self, given: object, after_s: float = 0.0) -> list[object]:
        self.now += int(after_s * S)
        self.waiting = self.waiting and not isinstance(given, Read)
        out: list[object] = list(self.closer.step(given, self.now))
        for output in out:
            if isinstance(output, AskRead):
                self.reads, self.waiting = output.n, True
                self.asked_ns = self.now
        return out

    def read(self, held: int = 0, *working: WorkingOrder, after_s: float = 0.0) -> list[object]:
        """Let it ask, and answer."""
        out: list[object] = []
        if self.waiting and after_s:  # asked before the time that is to pass: no answer came
            out += self.give(Read(self.reads, None))
        self.now += int(after_s * S)
        while not self.waiting and self.closer.phase is not Phase.DONE:
            out += self.give(Tick())
            self.now += 0 if self.waiting else S // 100
        positions = {"AAPL": D(held)} if held else {}
        return out + self.give(Read(self.reads, Truth(positions, working, 1, self.asked_ns)))

    def report(self, kind: ReportKind, name: str, units: int = 0, *, done: bool) -> list[object]:
        return self.give(
            Report(2, kind, name, ACCOUNT, "AAPL", name, self.now, D(units), done=done)
        )


def test_inv_6_fifty_positions_and_fifty_orders_end_flat_with_proof() -> None:
    symbols = [f"S{n}" for n in range(50)]
    specs = [replace(CATALOGUE["AAPL"], symbol=symbol) for symbol in symbols]
    desk = Desk(symbols, venue(None, 10_000_000, *specs))
    for symbol in symbols:
        desk.place(order("BUY", 10, symbol=symbol))
        desk.place(order("BUY", 5, type="LIMIT", limit=90, symbol=symbol))
        desk.place(protective("SELL", 10, 80, symbol=symbol))
    desk.begin()
    assert desk.run() is Phase.DONE
    assert (desk.account().positions, desk.working()) == ({}, [])
    assert len(desk.of(CancelAll)) == 1
    assert len(desk.of(CloseOut)) == 50
    [flat] = desk.of(Flat)
    assert isinstance(flat, Flat)
    assert len({at for at, _ in flat.proof.reads}) == 3


def test_inv_6_a_scope_leaves_everything_else_alone() -> None:
    desk = Desk(["AAPL", "IBM"])
    for symbol in ("AAPL", "IBM"):
        desk.place(order("BUY", 10, symbol=symbol))
        desk.place(order("BUY", 5, type="LIMIT", limit=90, symbol=symbol, name=f"at-{symbol}"))
    desk.begin("AAPL")
    assert desk.run() is Phase.DONE
    assert desk.account().positions == {"IBM": D(10)}
    assert desk.working() == ["at-IBM"]


def test_inv_6_without_flatten_positions_and_their_stops_stay() -> None:
    desk = Desk()
    desk.place(order("BUY", 10), protective("SELL", 10, 80, name="stop"))
    desk.place(order("SELL", 10, type="LIMIT", limit=120, reduce_only=True, name="target",
                     purpose=Purpose.EXIT))  # fmt: skip
    desk.place(order("BUY", 5, type="LIMIT", limit=90))
    desk.begin(flatten=False)
    assert desk.run() is Phase.DONE
    assert desk.held() == 10
    assert desk.working() == ["stop"]
    proof = desk.closer.proof
    assert proof is not None
    assert (proof.held, proof.kept) == ({"AAPL": D(10)}, ("stop",))


def test_a_guard_that_hears_nothing_withdraws_only_what_could_open() -> None:
    desk = Desk()
    desk.place(order("BUY", 10), protective("SELL", 10, 80, name="stop"))
    desk.place(order("SELL", 10, type="LIMIT", limit=120, reduce_only=True, name="target",
                     purpose=Purpose.EXIT))  # fmt: skip
    desk.place(order("BUY", 5, type="LIMIT", limit=90, name="entry"))
    desk.place(order("SELL", 5, type="LIMIT", limit=130, name="short"))
    desk.begin(flatten=False, cancels=Cancels.OPENERS)
    assert desk.run() is Phase.DONE
    assert desk.working() == ["stop", "target"]


def test_a_second_decision_widens_the_first() -> None:
    desk = Desk(["AAPL", "IBM"])
    for symbol in ("AAPL", "IBM"):
        desk.place(order("BUY", 10, symbol=symbol))
    desk.begin("AAPL", flatten=False)
    desk.begin("IBM")
    assert desk.run() is Phase.DONE
    assert desk.account().positions == {}


def test_inv_6_proof_is_three_reads_and_each_surprise_begins_anew() -> None:
    bare = Bare(PAPER)
    bare.start()
    said = [*bare.read(), *bare.read()]
    assert not any(isinstance(o, Flat) for o in said)
    said = bare.read(0, shown("manual", "BUY", 3, Purpose.ENTRY, reduce_only=False))
    assert [o.order.client_id for o in said if isinstance(o, CancelOne)] == ["manual"]
    said = [*bare.read(), *bare.read()]
    bare.give(Read(bare.reads + 99, None))  # an answer to no question
    assert not any(isinstance(o, Flat) for o in said)
    assert any(isinstance(o, Flat) for o in bare.read())


def test_inv_6_a_read_asked_before_an_event_proves_nothing() -> None:
    bare = Bare(PAPER)
    bare.start()
    said = [*bare.read(), *bare.read()]
    bare.now += S
    bare.give(Tick())  # the third question is out …
    bare.report(ReportKind.FILLED, "foreign", 5, done=True)  # … and then somebody trades
    said = bare.give(Read(bare.reads, Truth({}, (), 1, bare.asked_ns)))
    assert not any(isinstance(o, Flat) for o in said)
    assert not any(isinstance(o, Flat) for o in [*bare.read(), *bare.read()])
    assert any(isinstance(o, Flat) for o in bare.read())


def test_eng_14_a_plain_close_waits_until_nothing_can_come_late() -> None:
    """The fence is at T0 and the venue may be 20 s late."""
    bare = Bare()
    bare.start()
    while bare.now < T0 + 19 * S:
        assert not closes(bare.read(10, after_s=0.9))
    assert closes(bare.read(7, after_s=1)) == [("SELL", "7")]


def test_eng_14_a_plain_close_waits_for_an_intent_and_then_takes_what_is_there() -> None:
    late = OpenIntent("late", "AAPL", Side.SELL, D(4), T0 + 15 * S, reduce_only=False)
    bare = Bare(open_intents=(late,))
    bare.start()
    assert not closes(bare.read(10, after_s=21))
    assert not closes(bare.read(10, after_s=10))
    assert closes(bare.read(6, after_s=10)) == [("SELL", "6")]


def test_eng_14_an_intent_that_is_reported_is_waited_for_no_more() -> None:
    late = OpenIntent("late", "AAPL", Side.SELL, D(4), T0 + 15 * S, reduce_only=False)
    bare = Bare(open_intents=(late,))
    bare.start()
    assert not closes(bare.read(10, after_s=21))
    bare.report(ReportKind.FILLED, "late", 4, done=True)
    assert closes(bare.read(6)) == [("SELL", "6")]


def test_eng_14_a_close_is_never_sized_by_a_read_from_before_the_news() -> None:
    bare = Bare()
    bare.start()
    bare.read(10)
    bare.give(Tick(), after_s=21)  # asked …
    bare.report(ReportKind.FILLED, "another", 4, done=True)  # … overtaken
    assert not closes(bare.give(Read(bare.reads, Truth({"AAPL": D(10)}, (), 1, bare.asked_ns))))
    assert closes(bare.read(14)) == [("SELL", "14")]


@pytest.mark.parametrize("kind", list(Close))
def test_eng_14_one_close_in_flight_per_instrument(kind: Close) -> None:
    bare = Bare(replace(PLAIN, close=kind))
    bare.start()
    sent = [*bare.read(10), *bare.read(10, after_s=21)]
    assert closes(sent) == [("SELL", "10")]
    for _ in range(10):
        assert not closes(bare.read(10, after_s=5))
    name = next(o.sent.client_id for o in sent if isinstance(o, CloseOut))
    bare.report(ReportKind.FILLED, name, 6, done=False)
    working = replace(shown(name, "SELL", 4, Purpose.CLOSE, reduce_only=True), instrument="AAPL")
    said = bare.read(4, working)
    assert not closes(said)
    assert not any(isinstance(o, CancelOne) for o in said)
    bare.report(ReportKind.CANCELLED, name, done=True)
    assert closes(bare.read(4)) == [("SELL", "4")]


@pytest.mark.parametrize("kind", list(Close))
def test_eng_14_a_close_of_an_earlier_owner_is_in_flight_as_well(kind: Close) -> None:
    theirs = OpenIntent("theirs", "AAPL", Side.SELL, D(10), T0, reduce_only=True)
    bare = Bare(replace(PLAIN, close=kind), open_intents=(theirs,))
    bare.start()
    assert not closes(bare.read(10, after_s=10))
    assert closes(bare.read(10, after_s=11)) == [("SELL", "10")]


def test_eng_14_a_lost_close_is_sent_anew_only_when_it_can_come_no_more() -> None:
    bare = Bare()
    bare.start()
    first = next(o for o in bare.read(10, after_s=21) if isinstance(o, CloseOut))
    bare.give(Lost(first.sent.client_id), after_s=2)
    end = bare.now + 19 * S
    while bare.now < end:
        assert not closes(bare.read(10, after_s=0.9))
    second = [o for _ in range(6) for o in bare.read(10, after_s=1) if isinstance(o, CloseOut)]
    assert [(o.sent.n, o.sent.client_id != first.sent.client_id) for o in second] == [(2, True)]


def test_eng_14_a_lost_close_is_sent_again_by_its_own_name_where_the_venue_knows_it() -> None:
    bare = Bare(replace(PAPER, max_late_s=20.0))
    bare.start()
    first = next(o for o in bare.read(10) if isinstance(o, CloseOut))
    said = bare.give(Lost(first.sent.client_id), after_s=2)
    said += bare.read(10, after_s=1)
    assert [o.sent.client_id for o in said if isinstance(o, CloseOut)] == [first.sent.client_id]
    assert first.sent.client_id in {o.client_id for o in said if isinstance(o, AskLookup)}


@pytest.mark.parametrize("kind", list(Close))
def test_a_restarted_closer_sends_the_same_or_waits(kind: Close) -> None:
    capability = replace(PAPER, close=kind, max_late_s=20.0)
    name = client_id("kill_1", ACCOUNT, "AAPL", Owner.GUARD, 3)
    sent = Sent(name, "AAPL", 3, Side.SELL, D(10), T0)
    bare = Bare(capability)
    bare.start(Resume((sent,)))
    said = [*bare.read(10, after_s=2), *bare.read(10, after_s=2)]
    names = {o.sent.client_id for o in said if isinstance(o, CloseOut)}
    assert names == (set() if kind is Close.PLAIN else {name})
    later = bare.read(10, after_s=20) + bare.read(10, after_s=1)
    if kind is Close.PLAIN:
        assert [o.sent.n for o in later if isinstance(o, CloseOut)] == [4]


def test_inv_6_stops_are_withdrawn_last_and_placed_again_when_the_close_fails() -> None:
    stop = replace(
        shown("stop", "SELL", 10, Purpose.PROTECTIVE, reduce_only=False),
        type=OrderType.STOP,
        stop_price=D(80),
    )
    entry = shown("entry", "BUY", 5, Purpose.ENTRY, reduce_only=False)
    bare = Bare()
    bare.start()
    said = bare.read(10, stop, entry)
    assert [o.order.client_id for o in said if isinstance(o, CancelOne)] == ["entry"]
    assert not closes(bare.read(10, stop))
    said = bare.read(10, stop, after_s=21)
    assert [o.order.client_id for o in said if isinstance(o, CancelOne)] == ["stop"]
    assert not closes(said)
    close = next(o for o in bare.read(10) if isinstance(o, CloseOut))
    said = [*bare.give(Refused(close.sent.client_id, "MARKET_CLOSED")), *bare.read(10)]
    [again] = [o for o in said if isinstance(o, ReplaceProtective)]
    assert (again.stop.stop_price, again.sent.quantity, again.sent.side) == (D(80), D(10), "SELL")
    assert not closes(said)
    bare.report(ReportKind.ACCEPTED, again.sent.client_id, done=False)
    placed = replace(stop, client_id=again.sent.client_id, venue_order=again.sent.client_id)
    said = [*bare.read(10, placed), *bare.read(10, placed, after_s=1)]
    assert [o.order.client_id for o in said if isinstance(o, CancelOne)] == [placed.client_id]
    assert not closes(said)
    assert closes(bare.read(10)) == [("SELL", "10")]


def test_refusals_are_answered_with_growing_waits() -> None:
    bare = Bare(PAPER)
    bare.start()
    at: list[int] = []
    for _ in range(400):
        for output in bare.read(10, after_s=0.1):
            if isinstance(output, CloseOut):
                at.append(bare.now)
                bare.give(Refused(output.sent.client_id, "HALTED"))
    gaps = [(b - a) / S for a, b in pairwise(at)]
    assert gaps[0] < 2
    assert gaps == sorted(gaps)
    assert 9 < gaps[-1] < 13


def test_eng_14_a_residue_is_closed_while_it_is_watched() -> None:
    bare = Bare(replace(PAPER, max_late_s=20.0))
    bare.start()
    said = [*bare.read(), *bare.read(), *bare.read()]
    assert [type(o) for o in said if isinstance(o, Flat | Watching | Done)] == [Flat, Watching]
    assert closes(bare.read(5)) == [("SELL", "5")]
    assert bare.closer.phase is Phase.CLOSING
    name = client_id("kill_1", ACCOUNT, "AAPL", Owner.GUARD, 1)
    bare.report(ReportKind.FILLED, name, 5, done=True)
    said = [o for _ in range(40) for o in bare.read(after_s=1)]
    assert [type(o) for o in said if isinstance(o, Flat | Watching | Done)] == [
        Flat,
        Watching,
        Done,
    ]


def test_a_venue_that_does_not_answer_is_asked_for_ever() -> None:
    bare = Bare()
    bare.start()
    asked = 0
    for _ in range(200):
        asked += sum(isinstance(o, AskRead) for o in bare.give(Tick(), after_s=1))
    assert asked > 50
    assert closes([*bare.read(10), *bare.read(10)]) == [("SELL", "10")]


def test_sends_keep_to_the_venues_rate() -> None:
    for rate in (1.0, 7.0, 40.0, 1000.0):
        budget = Budget(rate, 0)
        sent = [now for now in range(0, 3 * S, S // 2000) if budget.take(now)]
        most = max(sum(1 for at in sent if start <= at < start + S) for start in sent)
        assert most <= rate
        assert len(sent) >= 2 * rate


def test_a_thousand_cancels_are_paced_and_all_are_made() -> None:
    orders = tuple(shown(f"o{n}", "BUY", 1, Purpose.ENTRY, reduce_only=False) for n in range(1000))
    bare = Bare(replace(PLAIN, order_rate=500.0))
    bare.start()
    said = bare.read(0, *orders)
    while bare.now < T0 + 4 * S:
        said += bare.give(Tick(), after_s=0.01)
    names = [o.order.client_id for o in said if isinstance(o, CancelOne)]
    assert len(set(names)) == 1000
    assert bare.closer.progress()["orders_left"] == 1000  # until the venue shows otherwise


def test_names_are_of_the_kill_the_place_and_the_owner() -> None:
    one = client_id("kill_1", "main", "AAPL", Owner.GUARD, 1)
    assert one == client_id("kill_1", "main", "AAPL", Owner.GUARD, 1)
    others = {
        client_id("kill_2", "main", "AAPL", Owner.GUARD, 1),
        client_id("kill_1", "other", "AAPL", Owner.GUARD, 1),
        client_id("kill_1", "main", "IBM", Owner.GUARD, 1),
        client_id("kill_1", "main", "AAPL", Owner.RUNNER, 1),
        client_id("kill_1", "main", "AAPL", Owner.GUARD, 2),
        client_id("kill_1", "main", "AAPL", Owner.GUARD, 1, stop=True),
    }
    assert len(others | {one}) == 7
    assert len(one) <= 32
