"""The guard's parts alone: fencing, the channel to a person, the runner's records, drills."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.guard.peer import order
from tradedeck.closing.scope import cells, parse
from tradedeck.guard import fence
from tradedeck.guard.drill import Drills
from tradedeck.guard.notify import WAITING_MAX, Notifier
from tradedeck.guard.read import kill_of, policies
from tradedeck.guard.records import Records
from tradedeck.guard.types import Policy, Process
from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import NS_PER_S, ManualClock
from tradedeck.kernel.errors import TradedeckError
from tradedeck.trading.order import Status


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


def until(what: Any, wait_s: float = 60) -> Any:
    end = time.monotonic() + wait_s
    while not (found := what()):
        assert time.monotonic() < end, f"waited {wait_s:g} s"
        time.sleep(0.01)
    return found


# -- fencing ------------------------------------------------------------------------------------


@pytest.mark.processes
@pytest.mark.parametrize("pidfd", [True, False])
def test_inv_9_a_stopped_process_is_ended_and_its_exit_seen(
    pidfd: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not pidfd:
        monkeypatch.delattr(os, "pidfd_open")
    child = sleeper()
    handle = fence.Handle(Process(child.pid, fence.started(child.pid)))
    child.send_signal(signal.SIGSTOP)
    assert not handle.ended

    async def body() -> bool:
        waiting = asyncio.create_task(handle.wait())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        ended = await handle.fence()
        await asyncio.wait_for(waiting, 60)
        return ended

    assert asyncio.run(body())
    assert handle.ended
    assert child.wait(60) == -signal.SIGKILL
    handle.kill()
    handle.close()
    with pytest.raises(TradedeckError):
        fence.Handle(Process(child.pid, None))


@pytest.mark.processes
@pytest.mark.parametrize("pidfd", [True, False])
def test_inv_9_another_process_of_the_same_number_is_not_touched(
    pidfd: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not pidfd:
        monkeypatch.delattr(os, "pidfd_open")
    child = sleeper()
    ticks = fence.started(child.pid)
    assert ticks is not None
    with pytest.raises(TradedeckError):
        fence.Handle(Process(child.pid, ticks - 1))
    assert child.poll() is None
    child.kill()
    child.wait(60)
    assert fence.started(child.pid) is None


@pytest.mark.processes
def test_a_fence_that_does_not_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    child = sleeper()
    handle = fence.Handle(Process(child.pid, None))
    monkeypatch.setattr(handle, "kill", lambda: None)
    assert not asyncio.run(handle.fence(0.1))
    child.kill()
    child.wait(60)


# -- the channel to a person --------------------------------------------------------------------


class _Hook(http.server.BaseHTTPRequestHandler):
    heard: list[dict[str, Any]] = []  # noqa: RUF012 - of one test

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self.heard.append(json.loads(self.rfile.read(size)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
        return


def test_a_person_is_told_by_webhook_and_by_program(tmp_path: Path) -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    program = tmp_path / "tell"
    program.write_text(f"#!/bin/sh\n/bin/cat > {tmp_path}/said\n/usr/bin/env > {tmp_path}/env\n")
    program.chmod(0o700)
    notifier = Notifier(f"http://127.0.0.1:{server.server_port}/hook", str(program), "/home/x")
    assert notifier.configured
    notifier.say("A kill has begun", "all: enough", "2026-01-01T00:00:00Z")
    notifier.close(20)
    server.shutdown()
    server.server_close()
    [heard] = _Hook.heard
    assert heard == json.loads((tmp_path / "said").read_text())
    assert heard["text"] == "A kill has begun: all: enough"
    assert "TRADEDECK" not in (tmp_path / "env").read_text()
    assert (notifier.failed, notifier.dropped) == (0, 0)


def test_a_channel_that_fails_or_hangs_is_counted_and_never_waited_for(tmp_path: Path) -> None:
    failing = Notifier("http://127.0.0.1:9/none", str(tmp_path / "none"), "")
    failing.say("a", "b", "c")
    until(lambda: failing.failed == 2)
    failing.close()
    hanging = Notifier("", "/bin/true", "")
    hanging._post = lambda _: time.sleep(0.3)
    begun = time.monotonic()
    for _ in range(WAITING_MAX * 2):
        hanging.say("a", "b", "c")
    assert time.monotonic() - begun < 5
    assert hanging.dropped >= WAITING_MAX - 2
    hanging.close(0)
    silent = Notifier("", "", "")
    silent.say("a", "b", "c")
    silent.close()
    assert not silent.configured


# -- records ------------------------------------------------------------------------------------


def test_the_runners_records_say_what_is_traded_and_what_is_in_doubt(tmp_path: Path) -> None:
    path = tmp_path / "local.db"
    records = Records(path)
    assert dict(records.holdings(["known"]).accounts) == {"known": "default"}
    assert (records.open_intents("main"), records.latency_s("main")) == ((), 0.0)
    journal = Journal(path, lambda: 1)
    document = {
        "accounts": [{"id": "main", "exchange": {"latency_ms": 250}}, {"id": "two"}],
        "traders": [{"id": "one", "account": "main", "instrument": "AAA", "strategy": "ema"}],
    }
    journal.put("desired", {"generation": 1, "document": document})
    held = {"instrument": "BBB", "trader": "one", "quantity": "5"}
    flat = {"instrument": "CCC", "trader": "one", "quantity": "0"}
    journal.put("book/main", {"positions": [held, flat]})
    states = [Status.INTENT, Status.SENT, Status.UNKNOWN, Status.ACCEPTED]
    for n, status in enumerate(states):
        body = order(f"o{n}", "BUY", 5, "DDD", trader="gone").to_body()
        body |= {"status": status.value, "filled": "2", "sent_at_ns": 70 + n}
        journal.put(f"order/o{n}", body)
    journal.commit()
    found = records.holdings()
    assert set(found.accounts) == {"main", "two"}
    assert cells(parse("trader/one"), found) == {"main": frozenset({"AAA", "BBB"})}
    assert cells(parse("strategy/ema"), found) == {"main": frozenset({"AAA", "BBB"})}
    assert cells(parse("trader/gone"), found) == {"main": frozenset({"DDD"})}
    intents = records.open_intents("main")
    assert [(i.client_id, i.quantity, i.sent_at_ns) for i in intents] == [
        ("o0", Decimal(3), 70), ("o1", Decimal(3), 71), ("o2", Decimal(3), 72),
    ]  # fmt: skip
    assert records.open_intents("two") == ()
    assert records.latency_s("main") == 0.25
    assert records.latency_s("two") == records.latency_s("none") == 0.0
    assert records.named("main")["AAA"] == ("one", "ema")
    journal.close()
    path.write_bytes(b"no database" * 500)
    assert (records.named("main"), records.latency_s("main")) == ({}, 0.0)
    with pytest.raises(TradedeckError):
        records.holdings()


# -- requests -----------------------------------------------------------------------------------


def test_a_decision_is_dated_when_it_was_made_where_that_is_believable() -> None:
    now = 1_000 * NS_PER_S
    for given, expected in (
        (now - NS_PER_S, now - NS_PER_S), (now + 1, now), (now - 61 * NS_PER_S, now),
        ("soon", now), (None, now),
    ):  # fmt: skip
        assert kill_of({"scope": "all", "at_ns": given}, now, by="x").at_ns == expected
    made = kill_of({"scope": "trader/a", "step": "pause", "reason": "r" * 900}, now, by="x")
    assert (made.flatten, len(made.reason), made.by) == (False, 500, "x")


@pytest.mark.parametrize(
    "listed",
    [
        "main", [{}], [{"id": "NO WAY"}], [{"id": "a", "policy": {"on_silence": "dance"}}],
        [{"id": "a", "policy": {"cancel_after_s": 0}}], [{"id": f"a{n}"} for n in range(101)],
        [{"id": "a", "policy": {"cancel_after_s": 9, "flatten_after_s": 8}}],
    ],
)  # fmt: skip
def test_a_policy_that_is_none_is_refused(listed: Any) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        policies(listed, Policy())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (10, 60)),
        ({"flatten_after_s": 5}, (5, 5)),
        ({"flatten_after_s": 600}, (10, 600)),
        ({"cancel_after_s": 120}, (120, 120)),
        ({"cancel_after_s": 5}, (5, 60)),
        ({"cancel_after_s": 7, "flatten_after_s": 8}, (7, 8)),
    ],
)
def test_a_default_follows_what_was_chosen(
    given: dict[str, Any], expected: tuple[int, int]
) -> None:
    policy = policies([{"id": "a", "policy": given}], Policy())["a"]
    assert (policy.cancel_after_s, policy.flatten_after_s) == expected


# -- drills -------------------------------------------------------------------------------------


class _Keeper:
    def __init__(self) -> None:
        self.notes: list[tuple[str, dict[str, Any], Any]] = []
        self.rows: list[dict[str, Any]] = []

    def note(self, kind: str, body: dict[str, Any], row: dict[str, Any] | None) -> None:
        self.notes.append((str(kind), body, row))

    def begun(self, row: dict[str, Any]) -> None:
        self.rows.append(row)


def test_a_drill_that_cannot_run_in_time_is_an_alarm(tmp_path: Path) -> None:
    clock, keeper = ManualClock(1_000 * NS_PER_S), _Keeper()
    drills = Drills(tmp_path, clock, Records(tmp_path / "x.db"), keeper, None, 2.0)
    assert not drills.due
    clock.advance(2 * 3_600 * NS_PER_S)
    assert drills.due
    asyncio.run(drills.scheduled())
    assert keeper.notes == []
    clock.advance(3_600 * NS_PER_S)
    for _ in range(3):
        asyncio.run(drills.scheduled())
    assert [(kind, body["code"]) for kind, body, _ in keeper.notes] == [("alarm", "DRILL_MISSED")]
    never = Drills(tmp_path, clock, Records(tmp_path / "x.db"), keeper, {"at_ns": 0}, 0.0)
    assert not never.due


def test_a_guard_that_is_started_again_and_again_comes_to_its_drill(tmp_path: Path) -> None:
    clock, keeper = ManualClock(1_000 * NS_PER_S), _Keeper()
    row = None
    for _ in range(4):
        drills = Drills(tmp_path, clock, Records(tmp_path / "x.db"), keeper, row, 2.0)
        row = keeper.rows[0]
        clock.advance(1_800 * NS_PER_S)
    assert keeper.rows == [{"at_ns": 1_000 * NS_PER_S, "passed": None}]
    assert drills.due


def test_a_drill_that_a_kill_keeps_off_is_missed_too(tmp_path: Path) -> None:
    clock, keeper = ManualClock(1_000 * NS_PER_S), _Keeper()
    drills = Drills(tmp_path, clock, Records(tmp_path / "x.db"), keeper, None, 0.5)
    clock.advance(3_599 * NS_PER_S)  # half an hour, and half an hour of grace
    drills.put_off("a kill is being carried out")
    assert keeper.notes == []
    clock.advance(NS_PER_S)
    for _ in range(3):
        drills.put_off("a kill is being carried out")
    [(_, body, _)] = keeper.notes
    assert body["detail"] == "a drill is due and could not run: a kill is being carried out"


def test_a_drill_that_does_not_end_flat_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradedeck.guard.drill.DRILL_S", 0.2)
    keeper = _Keeper()
    drills = Drills(tmp_path, ManualClock(NS_PER_S), Records(tmp_path / "x"), keeper, None, 2.0)
    told = asyncio.run(drills._measured("drill-1", 5, 5, "me"))
    assert not told["passed"]
    [(kind, body, row)] = keeper.notes
    assert (kind, row) == ("drill.failed", {"at_ns": NS_PER_S, "passed": False})
    assert "not flat" in body["detail"]
