"""Golden flow of a journal into tables, and CTL-8 with a real store."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Table, select

from tradedeck.projections import tables as t
from tradedeck.projections import tables_stop as stop
from tradedeck.projections.apply import append_own, apply, read_mark
from tradedeck.projections.check import parse_page
from tradedeck.projections.types import Applied, Verdict
from tradedeck.readmodels.consistency import discrepancies
from tradedeck.store.database import ScopedStore
from tradedeck.testkit.journals import MemoryJournal, TradingDay

Pull = Callable[..., Applied]


def rows(store: ScopedStore, table: Table) -> list[dict[str, Any]]:
    key = list(table.primary_key.columns)
    return store.read_now(lambda s: [dict(r) for r in s.all(select(table).order_by(*key))])


def a_day(journal: MemoryJournal) -> TradingDay:
    day = TradingDay(journal)
    day.start()
    day.decide("15.00", target="100", stop="14.00", orders=("o1",))
    order = day.order("BUY", "100", price="15.00")
    day.accept(order)
    day.fill(order, "15.10", quantity="40")
    day.fill(order, "15.20", quantity="60")
    day.equity("100010.00")
    day.decide("16.00", target="-50", orders=("o2",))
    day.trade("SELL", "150", "16.00")
    day.order("BUY", "1000000", status="DENIED")
    day.equity("100080.00", drawdown="0.001")
    return day


def test_golden_flow(store: ScopedStore, journal: MemoryJournal, pull: Pull):
    day = a_day(journal)
    applied = pull(journal)
    assert (applied.verdict, applied.behind, len(applied.events)) == (
        Verdict.FRESH,
        False,
        journal.head,
    )
    assert [e.id for e in applied.events] == list(range(1, journal.head + 1))
    bought, sold, denied = rows(store, t.orders)
    assert (bought["status"], bought["filled"], bought["average_price"]) == (
        "FILLED",
        "100",
        "15.16000000",
    )
    assert (bought["planned_stop"], bought["venue_order"]) == ("14.00", "vo1")
    assert bought["acked_at_ns"] is not None
    assert sold["status"] == "FILLED"
    assert (denied["status"], denied["reason"], denied["numbers"]) == (
        "DENIED",
        "LIMIT_ORDER_VALUE",
        '{"bound":"1"}',
    )
    assert sorted(f["quantity"] for f in rows(store, t.fills)) == ["150", "40", "60"]
    (position,) = rows(store, t.positions)
    assert (position["quantity"], position["average_price"]) == ("-50", "16.00000000")
    (trade,) = rows(store, t.trades)
    assert (trade["entry_price"], trade["exit_price"], trade["outcome"]) == ("15.16", "16", "win")
    # (16 - 15.16) x 100 - 2 fees - two thirds of the third
    assert Decimal(trade["pnl"]) == Decimal("84.00") - 2 - Decimal("0.66666667")
    assert trade["r_multiple"] == "0.7011"
    (account,) = rows(store, t.accounts_observed)
    assert account["balance"] == str(day.balance)
    assert (account["currency"], account["verdict"]) == ("USD", "paper")
    assert account["max_drawdown"] == "0.001"
    (trader,) = rows(store, t.traders_observed)
    assert trader["strategy"] == "ema-cross"
    assert Decimal(trader["realised"]) == day.balance - day.opening
    assert len(rows(store, t.decisions)) == 2
    assert len(rows(store, t.equity)) == 2
    assert [s["order"] for s in rows(store, t.order_steps)].count("o1") == 4
    (runner,) = rows(store, t.runners_observed)
    assert (runner["mode"], runner["generation"]) == ("paper", 1)


def test_p_and_l_is_the_change_of_balance_to_the_cent(
    store: ScopedStore, journal: MemoryJournal, pull: Pull
):
    day = TradingDay(journal)
    day.start()
    for step in range(200):
        units = "200" if 0 < step < 199 else "100"
        day.trade("BUY" if step % 2 else "SELL", units, f"{15 + step % 7}.37")
    pull(journal)
    while pull(journal).behind:
        pass
    assert store.read_now(discrepancies) == []
    total = sum(Decimal(row["amount"]) for row in rows(store, t.ledger) if row["ledger"] == "cash")
    assert total == day.balance - day.opening


def test_a_missing_fill_is_found_by_the_check(
    store: ScopedStore, journal: MemoryJournal, pull: Pull
):
    a_day(journal)
    pull(journal)
    assert store.read_now(discrepancies) == []
    store.write_now(lambda s: s.execute(t.fills.delete().where(t.fills.c.quantity == "40")))
    store.write_now(lambda s: s.execute(t.ledger.delete().where(t.ledger.c.line == 0)))
    found = [d.what for d in store.read_now(discrepancies)]
    assert found[-3:] == ["balance of demo", "position demo/AAPL", "round trips of demo"]
    assert found[0].startswith("postings of event")


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_the_size_of_pages_changes_nothing(
    store: ScopedStore, journal: MemoryJournal, pull: Pull, most: int, tmp_path: Any
):
    a_day(journal)
    while pull(journal, most).behind:
        pass
    small = {
        table.name: rows(store, table)
        for table in t.metadata.sorted_tables
        if table.name in {"orders", "trades", "positions", "accounts_observed", "ledger"}
    }
    from tradedeck.store.database import open_store

    opened = open_store(tmp_path / "other.db")
    other = opened.of("main")
    page = parse_page("local", journal.answer({"after": 0}))
    other.write_now(lambda s: apply(s, page, 5))
    assert small == {name: rows(other, t.metadata.tables[name]) for name in small}
    opened.close()


def test_ctl_8_the_same_page_twice_changes_nothing(store: ScopedStore, journal: MemoryJournal):
    a_day(journal)
    page = parse_page("local", journal.answer({"after": 0}))
    store.write_now(lambda s: apply(s, page, 5))
    before = {name: rows(store, t.metadata.tables[name]) for name in ("entries", "fills", "ledger")}
    again = store.write_now(lambda s: apply(s, page, 5))
    assert (again.verdict, again.events) == (Verdict.FRESH, [])
    assert before == {name: rows(store, t.metadata.tables[name]) for name in before}


def test_ctl_8_forged_chain_stops_the_source_and_alarms(
    store: ScopedStore, journal: MemoryJournal, pull: Pull
):
    a_day(journal)
    journal.entries[4] = journal.entries[4]._replace(body='{"forged":true}')
    applied = pull(journal)
    assert (applied.verdict, applied.behind) == (Verdict.FORGED, False)
    assert [e.kind for e in applied.events] == ["alarm"]
    assert rows(store, t.orders) == []
    (alert,) = rows(store, t.alerts)
    assert (alert["code"], alert["severity"]) == ("JOURNAL_FORGED", "critical")
    mark = store.read_now(lambda s: read_mark(s, "local"))
    assert mark is not None
    assert "entry 5" in (mark.stopped or "")


def test_a_new_journal_is_recorded_beside_the_old_one(
    store: ScopedStore, journal: MemoryJournal, pull: Pull
):
    a_day(journal)
    pull(journal)
    other = MemoryJournal(epoch="e2")
    other.append("cycle", {"n": 1})
    assert pull(other).verdict is Verdict.NEW_EPOCH
    assert pull(other).verdict is Verdict.FRESH
    marks = [(m["epoch"], m["seq"]) for m in rows(store, t.watermarks) if m["source"] == "local"]
    assert marks == [("e1", journal.head), ("e2", 1)]
    assert [a["code"] for a in rows(store, t.alerts)] == ["JOURNAL_NEW_EPOCH"]
    # The old file is put back: it goes on where it was.
    journal.append("cycle", {"n": 2})
    assert pull(journal).verdict is Verdict.NEW_EPOCH
    assert [e.seq for e in pull(journal).events] == [journal.head]


def test_an_entry_nobody_can_read_is_kept_and_alarmed(
    store: ScopedStore, journal: MemoryJournal, pull: Pull
):
    journal.append("order.filled", {"fill": {"order": "o9"}})
    journal.append("order.accepted", {"order": "never"})
    journal.append("halt.set", {"scope": "all", "level": "pause", "reason": "x", "by": "me"})
    assert pull(journal).verdict is Verdict.FRESH
    assert [(a["code"], a["subject"]) for a in rows(store, t.alerts)] == [
        ("PROJECTION_FAILED", "order.filled"),
        ("PROJECTION_FAILED", "order.accepted"),
    ]
    assert len(rows(store, stop.halts)) == 1


def test_the_same_alarm_again_is_counted_until_acknowledged(
    store: ScopedStore, journal: MemoryJournal, pull: Pull
):
    for _ in range(3):
        journal.append("alarm", {"code": "X", "detail": "d", "severity": "loud"})
    pull(journal)
    (alert,) = rows(store, t.alerts)
    assert (alert["count"], alert["severity"]) == (3, "critical")
    store.write_now(lambda s: s.execute(t.alerts.update().values(acknowledged_ns=1)))
    journal.append("alarm", {"code": "X", "detail": "d", "severity": "info"})
    pull(journal)
    assert [a["count"] for a in rows(store, t.alerts)] == [3, 1]


def test_own_facts_share_the_stream_and_chain(
    store: ScopedStore, journal: MemoryJournal, pull: Pull
):
    first = store.write_now(lambda s: append_own(s, "alarm", {"code": "A"}, 1))
    journal.append("cycle", {"n": 1})
    second = pull(journal).events[0]
    third = store.write_now(lambda s: append_own(s, "alarm", {"code": "B"}, 2))
    assert (first.id, second.id, third.id, third.seq) == (1, 2, 3, 2)


def test_halts_conditions_feeds_breaches(store: ScopedStore, journal: MemoryJournal, pull: Pull):
    put = journal.append
    put("halt.set", {"scope": "all", "level": "halted", "reason": "r", "by": "a"})
    put("halt.set", {"scope": "trader/t", "level": "pause", "reason": "r", "by": "a"})
    put("halt.cleared", {"scope": "all", "level": "halted", "reason": "r", "by": "a"})
    put(
        "condition",
        {"subject": "runner", "type": "Ready", "status": "True", "reason": "Up", "detail": ""},
    )
    put(
        "feed.state",
        {
            "feed": "f",
            "state": "failed",
            "reason": "gone",
            "cursor": None,
            "source": "x",
            "data_mode": "replay",
        },
    )
    for _ in range(2):
        put(
            "limit.breached",
            {
                "scope": "account/a",
                "limit": "day_loss_max",
                "value": "-9",
                "bound": "5",
                "action": "flatten",
            },
        )
    put("host.killed", {"trader": "t", "reason": "exception", "detail": "d", "restarts": 1})
    put("alarm", {"code": "TRADER_FAULTED", "detail": "t: exception", "severity": "warning"})
    pull(journal)
    assert [h["scope"] for h in rows(store, stop.halts)] == ["trader/t"]
    assert rows(store, t.breaches)[0]["count"] == 2
    assert {a["code"] for a in rows(store, t.alerts)} == {
        "FEED_FAILED",
        "LIMIT_BREACHED",
        "HOST_KILLED",
    }


def test_5000_entries_a_second_are_sustained(
    store: ScopedStore, journal: MemoryJournal, pull: Pull
):
    day = TradingDay(journal)
    day.start()
    while journal.head < 3_000:
        day.decide("15.00", target="1", orders=())
        day.trade(
            "BUY"
            if day.positions.get("AAPL") is None or not day.positions["AAPL"].quantity
            else "SELL",
            "10",
            "15.00",
        )
        day.equity("100000")
    started = time.process_time()  # of this process: a busy machine is no finding
    while pull(journal).behind:
        pass
    rate = journal.head / (time.process_time() - started)
    assert rate > 2_500  # `make bench` holds the wall clock to 5,000
