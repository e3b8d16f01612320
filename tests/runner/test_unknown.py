"""An order whose answer is lost, with real processes: UNKNOWN, at worst case, until the venue says.

The venue is frozen before it answers, or applies the order and dies with the answer on the wire.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.host.harness import write as write_strategies
from tests.runner.harness import PAPER, Rig, check_books, document, entries, rig, state, until
from tests.runner.harness import trader as trader_spec
from tests.runner.wire import Wire

pytestmark = pytest.mark.processes

LIVE = PAPER | {"LIVE_FILE_REFRESH_MS": "50", "LIVE_FILE_STALE_MS": "600000"}
LIMITS = {
    "orders_per_minute": 60,
    "open_orders_max": 50,
    "position_quantity_max": "1000",
    "position_value_max": "100000",
    "gross_exposure_max": "1",
    "concentration_max": "1",
    "margin_use_max": "1",
}
# Of an order of 10 units at 100 beside an unknown one of 10: what each limit is held against.
WORST = {
    "orders_per_minute": Decimal(2),
    "open_orders_max": Decimal(2),
    "position_quantity_max": Decimal(20),
    "position_value_max": Decimal(2000),
    "gross_exposure_max": Decimal("0.02"),
    "concentration_max": Decimal("0.02"),
    "margin_use_max": Decimal("0.002"),
}
SLOW_MS = 2_500  # a busy machine takes its time to see the order and freeze the venue
RESOLVED = {"order.filled", "order.rejected", "order.cancelled"}


@contextlib.contextmanager
def buying(home: Path, *, latency_ms: int) -> Iterator[tuple[Rig, Any]]:
    """A trader that buys ten with every frame from 99 and sells four with one below 90; the second
    value writes a frame.
    """
    write_strategies(home / "strategies", {"buys": """
if bar.close < 90: return OrderRequest(Side.SELL, Decimal(4), OrderType.MARKET, reduce_only=True)
if bar.close < 99: return None
return OrderRequest(Side.BUY, Decimal(10), OrderType.MARKET)
"""})  # fmt: skip
    frames = home / "frames.jsonl"
    frames.write_text("")
    wanted = document(
        [trader_spec("one", "AAA", "buys")], source=str(frames), kind="live_file", loop=False,
        limits=LIMITS, exchange={"latency_ms": latency_ms},
    )  # fmt: skip
    del wanted["feeds"][0]["speed"], wanted["feeds"][0]["loop"]

    def frame(close: float) -> None:
        at = time.time_ns() - 60_000_000_000
        with frames.open("a") as out:
            prices = ",".join(f'"{name}":{close}' for name in ("open", "high", "low", "close"))
            out.write(f'{{"instrument":"AAA","time":{at},{prices}}}\n')

    with rig(home, wanted, LIVE) as r:
        r.wait("condition", lambda b: b["type"] == "Reconciled" and b["status"] == "True")
        r.wait("trader.state", lambda b: b["new"] == "running")
        frame(98)
        r.wait("decision")
        yield r, frame


def check_worst_case(r: Rig, frame: Any, client_id: str) -> None:
    """The next order is refused for the venue's absence, held against twice what is known."""
    assert state(r.journal)[f"order/{client_id}"]["status"] == "UNKNOWN"
    head = r.head()
    frame(100)
    decision = r.wait("decision", after=head)[0].body
    assert [each["reason"] for each in decision["refusals"]] == ["VENUE_UNAVAILABLE"]
    assert {c["limit"]: Decimal(c["after"]) for c in decision["checks"]} == WORST
    assert decision["position"] == "0"  # what is not known is not held either
    assert state(r.journal)["book/main"]["positions"] == []


def resolution(r: Rig, client_id: str, after: int) -> str:
    """The kind of the entry that ended the doubt; the books agree afterwards."""

    def found() -> str | None:
        for entry in r.entries(*RESOLVED, after=after):
            if entry.body["order"]["client_id"] == client_id:
                return entry.kind
        return None

    kind = until(found, "the venue's own record to resolve it")
    r.wait("condition", lambda b: b["type"] == "Reconciled" and b["status"] == "True", after=after)
    assert f"order/{client_id}" not in state(r.journal)
    return kind


def at_venue(r: Rig, client_id: str) -> list[str]:
    """What the venue's own journal says of an order."""
    return [e.kind for e in entries(r.exchange) if e.body.get("client_id") == client_id]


def sent(r: Rig) -> str:
    """The client id of the one order that was sent."""
    (intent,) = r.wait("order.intent")
    return str(intent.body["order"]["client_id"])


def through(r: Rig, frame: Any, wire: Wire) -> None:
    """Start the runner anew, so that its session goes over `wire`."""
    r.kill("runner")
    head = r.head()
    r.start("runner")
    r.wait(
        "condition", lambda b: b["type"] == "VenueConnected" and b["status"] == "True", after=head
    )
    r.wait("trader.state", lambda b: b["new"] == "running", after=head)
    until(lambda: wire.lines, "a session over the wire")
    frame(98)
    r.wait("decision", after=head)


def test_inv_4_a_venue_frozen_before_it_answered(tmp_path: Path) -> None:
    with buying(tmp_path, latency_ms=SLOW_MS) as (r, frame):
        frame(100)
        client_id = sent(r)
        r.procs["exchange"].send_signal(signal.SIGSTOP)  # it holds the order, or has yet to read it
        unknown = r.wait("order.unknown")[0]
        assert unknown.body["order"]["client_id"] == client_id
        check_worst_case(r, frame, client_id)
        r.procs["exchange"].send_signal(signal.SIGCONT)
        kind = resolution(r, client_id, unknown.seq)
        applied = "exch.fill" in at_venue(r, client_id)
        assert kind == ("order.filled" if applied else "order.rejected")
        r.kill("runner", signal.SIGTERM)
        check_books(r.journal, r.exchange)


def test_inv_4_only_the_venues_record_resolves_it_not_a_restart(tmp_path: Path) -> None:
    """Runner and its memory gone, the venue still frozen: UNKNOWN is what it starts with."""
    with buying(tmp_path, latency_ms=SLOW_MS) as (r, frame):
        frame(100)
        client_id = sent(r)
        r.procs["exchange"].send_signal(signal.SIGSTOP)
        unknown = r.wait("order.unknown")[0]
        r.kill("runner")
        head = r.head()
        r.start("runner")
        r.wait("trader.state", lambda b: b["new"] == "running", after=head)
        frame(98)
        r.wait("decision", after=head)
        check_worst_case(r, frame, client_id)
        assert not {e.kind for e in r.entries(*RESOLVED)}
        r.procs["exchange"].send_signal(signal.SIGCONT)
        resolution(r, client_id, unknown.seq)
        r.kill("runner", signal.SIGTERM)
        check_books(r.journal, r.exchange)


def test_eng_12_inv_4_a_venue_killed_after_it_applied(tmp_path: Path) -> None:
    """Filled by the venue, its answer lost with it: booked once, from the venue's journal."""
    with buying(tmp_path, latency_ms=0) as (r, frame):

        def passing(request: dict[str, Any]) -> None:
            if request["op"] == "place":
                wire.lost.set()

        wire = Wire(tmp_path / "run" / "exchange.sock", passing)
        through(r, frame, wire)
        frame(100)
        client_id = sent(r)
        until(lambda: "exch.fill" in at_venue(r, client_id), "the venue to apply the order")
        r.kill("exchange")
        wire.close()
        unknown = r.wait("order.unknown")[0]
        assert unknown.body["order"]["client_id"] == client_id
        assert r.entries("order.filled") == []
        check_worst_case(r, frame, client_id)
        r.start("exchange")
        assert resolution(r, client_id, unknown.seq) == "order.filled"
        fills = [e.body["fill"]["client_id"] for e in r.entries("order.filled")]
        assert fills.count(client_id) == 1
        assert at_venue(r, client_id).count("exch.fill") == 1
        r.kill("runner", signal.SIGTERM)
        check_books(r.journal, r.exchange)


def test_inv_3_what_is_on_the_wire_is_in_the_journal_before(tmp_path: Path) -> None:
    """Each order, as it passes between runner and venue, against the runner's journal on disk."""
    late: list[str] = []
    placed: list[str] = []
    with buying(tmp_path, latency_ms=0) as (r, frame):

        def passing(request: dict[str, Any]) -> None:
            if request["op"] == "place":
                placed.append(request["order"]["client_id"])
                durable = {e.body["order"]["client_id"] for e in r.entries("order.intent")}
                late.extend({placed[-1]} - durable)

        through(r, frame, Wire(tmp_path / "run" / "exchange.sock", passing))
        for number in range(5):
            frame(100 + number)
            r.wait("order.filled", count=number + 1)
        assert r.command("flatten", scope="all")["accepted"]
        until(lambda: len(placed) == 6, "five entries and a close")
        assert late == []
        assert len(set(placed)) == len(placed)  # one intent, at most one send
        r.kill("runner", signal.SIGTERM)
        check_books(r.journal, r.exchange)


def test_inv_5_a_book_that_differs_from_the_venues_stops_entries_not_exits(tmp_path: Path) -> None:
    """The venue's own rows are changed while it is down: a unit more than we know of."""
    with buying(tmp_path, latency_ms=0) as (r, frame):
        frame(100)
        r.wait("order.filled")
        r.kill("exchange")
        with sqlite3.connect(r.exchange) as db:
            name = "position/main/AAA"
            (kept,) = db.execute("SELECT value FROM state WHERE name=?", (name,)).fetchone()
            row = json.loads(kept) | {"quantity": "11"}
            db.execute("UPDATE state SET value=? WHERE name=?", (json.dumps(row), name))
        db.close()
        head = r.head()
        r.start("exchange")
        drift = r.wait(
            "condition", lambda b: b["type"] == "Reconciled" and b["reason"] == "DRIFT", after=head
        )
        assert drift[0].body["detail"] == "AAA: ours 10, theirs 11"
        assert r.wait("alarm", lambda b: b["code"] == "DRIFT", after=head)
        frame(100)
        denied = r.wait("order.denied", after=head)
        assert denied[0].body["reason"] == "VENUE_UNAVAILABLE"
        assert r.entries("order.intent", after=head) == []
        frame(89)  # what its strategy takes back still goes
        left = r.wait("order.filled", after=head)[-1]
        assert (left.body["fill"]["side"], left.body["fill"]["quantity"]) == ("SELL", "4")
        closed = r.command("position.close", account="main", instrument="AAA")
        assert closed["accepted"]
        fill = r.wait("order.filled", after=left.seq)[0].body["fill"]
        # By the venue's word, as any close: our own says that six are left.
        assert (fill["side"], fill["quantity"]) == ("SELL", "7")
