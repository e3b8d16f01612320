"""Runner and guard together, both real: who closes, and what the other does meanwhile."""

from __future__ import annotations

import signal
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.host.harness import write as write_strategies
from tests.runner.harness import (
    PAPER,
    Rig,
    check_chain,
    document,
    entries,
    launch,
    rig,
    state,
    trader,
    until,
)
from tests.runner.kills import check_never_flipped, venue
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops import guardact

pytestmark = pytest.mark.processes

CROWD = """
if not self.context.position: return Signal(1.0)
if self.context.working >= 4: return None
return OrderRequest(Side.BUY, Decimal(1), OrderType.LIMIT, Decimal("50.00"))
"""
ENV = PAPER | {"TRADEDECK_GUARD": "required", "TRADEDECK_LIFT_WAIT_S": "0",
               "TRADEDECK_DRILL_EVERY_H": "0"}  # fmt: skip


def deck(home: Path, **more: Any) -> Any:
    write_strategies(home / "strategies", {"crowds": CROWD})
    traders = [trader(f"t{n}", f"S{n}", "crowds") for n in range(2)]
    closes = {f"S{n}": [100.0] * 400 for n in range(2)}
    return rig(home, document(traders, speed=20, **more), ENV, closes=closes, start=False)


def begin(r: Rig) -> None:
    """Everything up, and both traders with a position and orders."""
    launch(r)
    r.start("guard")
    r.wait("order.accepted", count=4)
    until(lambda: len(venue(r)[0]) == 2, "both positions")


def ask(r: Rig, act: str, **fields: Any) -> dict[str, Any]:
    def attempt() -> dict[str, Any] | None:
        try:
            return guardact.ask(r.home, act, timeout_s=60, **fields)
        except TradedeckError:
            return None

    return until(attempt, f"the guard to answer {act}")


def told(r: Rig, *kinds: str, kill: str) -> list[dict[str, Any]]:
    """Facts of a kill in the guard's own journal."""
    found = entries(r.home / "journals" / "guard.db", *kinds)
    return [entry.body for entry in found if entry.body["id"] == kill]


def held(r: Rig) -> int:
    """How many positions the runner's own book has."""
    return sum(bool(Decimal(p["quantity"])) for p in state(r.journal)["book/main"]["positions"])


def test_inv_6_a_healthy_runner_closes_and_the_guard_proves(tmp_path: Path) -> None:
    with deck(tmp_path) as r:
        begin(r)
        kill = ask(r, "kill", scope="all", reason="test")["id"]
        until(lambda: told(r, "kill.done", kill=kill), "the kill's proof")
        assert venue(r) == ({}, {})
        assert {body["by"] for body in told(r, "kill.owned", kill=kill)} == {"runner"}
        assert len(told(r, "kill.account_flat", kill=kill)[0]["proof"]["reads"]) == 3
        assert state(r.journal)["halts"]["all"]["kill"] == kill
        assert r.procs["runner"].poll() is None
        # Only the guard lifts: then the strategies enter again.
        assert r.command("halt.clear", scope="all", reason="please")["code"] == "FORBIDDEN"
        head = r.head()
        until(lambda: not [n for n in state(r.journal) if n.startswith("closing/")], "the watch")
        assert ask(r, "lift", scope="all", reason="calm again", by="test")["ok"]
        r.wait("halt.cleared", after=head)
        r.wait("order.filled", after=head)
        r.kill("runner", signal.SIGTERM)
        check_never_flipped(r)
        check_chain(r.journal)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_inv_6_inv_9_the_runner_ends_in_the_middle_and_the_guard_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Its own closes and the guard's together never pass through zero; back, it sends nothing."""
    with deck(tmp_path, exchange={"latency_ms": 1500}) as r:  # long enough to be in the middle
        begin(r)
        kill = ask(r, "kill", scope="all", reason="test")["id"]
        r.wait("kill.owned")
        r.procs["runner"].send_signal(number)
        until(lambda: told(r, "kill.done", kill=kill), "the kill's proof")
        assert r.procs["runner"].wait(60) == -signal.SIGKILL  # a stopped one was ended
        assert venue(r) == ({}, {})
        assert {body["by"] for body in told(r, "kill.owned", kill=kill)} == {"runner", "guard"}
        head = r.head()
        r.start("runner")
        r.wait("order.denied", lambda b: b["reason"] == "HALT_HALTED", after=head)
        opened = [e for e in r.entries("order.intent", after=head)
                  if not e.body["order"]["reduce_only"]]  # fmt: skip
        assert opened == []
        assert venue(r) == ({}, {})
        until(lambda: held(r) == 0, "what the guard closed to be booked")
        check_never_flipped(r)


def test_inv_9_ctl_14_a_guard_that_is_frozen_is_no_guard(tmp_path: Path) -> None:
    """Its line stays open all the while; entries wait until it answers again."""

    def guarded(status: str, after: int) -> None:
        want = ("GuardConnected", status)
        r.wait("condition", lambda b: (b["type"], b["status"]) == want, after=after)

    with deck(tmp_path) as r:
        begin(r)
        head = r.head()
        r.procs["guard"].send_signal(signal.SIGSTOP)
        guarded("False", head)
        alarm = r.wait("alarm", lambda b: b["code"] == "GUARD_SILENT", after=head)[0]
        assert alarm.body["severity"] == "critical"
        head = r.head()
        assert r.command("position.close", account="main", instrument="S0")["accepted"]
        r.wait("order.filled", after=head)  # reducing needs no guard
        r.wait("order.denied", lambda b: b["reason"] == "GUARD_ABSENT", after=head)
        opened = [e for e in r.entries("order.intent", after=head)
                  if not e.body["order"]["reduce_only"]]  # fmt: skip
        assert opened == []
        head = r.head()
        r.procs["guard"].send_signal(signal.SIGCONT)
        guarded("True", head)
        r.wait("order.filled", lambda b: not b["order"]["reduce_only"], after=head)


def test_inv_6_the_guard_dies_in_the_middle_and_the_runner_goes_on(tmp_path: Path) -> None:
    with deck(tmp_path, exchange={"latency_ms": 500}) as r:
        begin(r)
        kill = ask(r, "kill", scope="all", reason="test")["id"]
        r.wait("kill.owned")
        r.kill("guard")
        r.wait("kill.done", lambda b: b["id"] == kill)
        assert venue(r) == ({}, {})
        time.sleep(0.2)
        r.start("guard")
        until(lambda: told(r, "kill.done", kill=kill), "the guard's own proof")
        assert state(r.journal)["halts"]["all"]["kill"] == kill
