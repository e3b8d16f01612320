"""The runner's session with its guard, on a real socket and with a real runner."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.host.harness import write as write_strategies
from tests.runner.guardpeer import GuardPeer
from tests.runner.harness import PAPER, Rig, document, launch, rig, state, trader, until
from tests.runner.kills import body, venue
from tradedeck.closing.epoch import Epoch
from tradedeck.closing.types import Owner

pytestmark = pytest.mark.processes

HOLD = "return None if self.context.position else Signal(1.0)"
HANG = "if bar.close > 105: time.sleep(3)\n" + HOLD
REQUIRED = PAPER | {"TRADEDECK_GUARD": "required", "TRADEDECK_CALLBACK_DEADLINE_MS": "8000"}
HALTED = {"scope": "all", "level": "halted", "reason": "r", "by": "guard", "kill": "kill_x",
          "at_ns": 1}  # fmt: skip


def deck(home: Path, code: str = HOLD, closes: list[float] | None = None, **more: Any) -> Any:
    write_strategies(home / "strategies", {"holds": code})
    wanted = document([trader("one", "S0", "holds")], speed=20)
    return rig(home, wanted, REQUIRED, closes={"S0": closes or [100.0] * 400}, **more)


def guard(r: Rig, **more: Any) -> Any:
    return closing(GuardPeer(r.home, **more))


def test_inv_6_without_its_guard_a_runner_reduces_and_does_not_enter(tmp_path: Path) -> None:
    with deck(tmp_path) as r:
        r.wait("order.denied", lambda b: b["reason"] == "GUARD_ABSENT")
        assert r.entries("order.intent") == []
        with guard(r) as peer:
            hello = peer.wait("hello")
            assert hello["pid"] == r.procs["runner"].pid
            assert [a["id"] for a in hello["accounts"]] == ["main"]
            r.wait("order.filled")
            assert r.command("position.close", account="main", instrument="S0")["accepted"]
            r.wait("order.filled", count=3)  # it enters again
        head = r.head()
        r.wait("condition", lambda b: (b["type"], b["status"]) == ("GuardConnected", "False"))
        assert r.command("position.close", account="main", instrument="S0")["accepted"]
        r.wait("order.denied", lambda b: b["reason"] == "GUARD_ABSENT", after=head)
        assert venue(r)[0] == {}


def test_inv_7_what_the_guard_holds_is_held_before_the_first_entry(tmp_path: Path) -> None:
    with deck(tmp_path, start=False) as made, guard(made, halts={"all": HALTED}) as peer:
        launch(made)
        made.wait("order.denied", lambda b: b["reason"] == "HALT_HALTED", count=3)
        assert made.entries("order.intent") == []
        assert state(made.journal)["halts"]["all"]["kill"] == "kill_x"
        answer = made.command("halt.clear", scope="all", reason="a control plane says so")
        assert (answer["accepted"], answer["code"]) == (False, "FORBIDDEN")
        peer.say({"op": "lift", "scope": "all", "reason": "calm", "by": "host", "id": "lift_1"})
        peer.wait("lifted", scope="all")
        assert state(made.journal)["halts"] == {}
        made.wait("order.filled")


def test_inv_6_a_kill_over_the_line_is_owned_closed_and_told(tmp_path: Path) -> None:
    with deck(tmp_path, start=False) as made, guard(made) as peer:
        launch(made)
        made.wait("order.filled")
        peer.say({"op": "kill", **body("g", "all")})
        assert peer.wait("owned", id="kill_g")["accounts"] == ["main"]
        assert state(made.journal)["halts"]["all"]["kill"] == "kill_g"  # before it was said
        peer.wait("closed", id="kill_g", account="main")
        assert peer.told("step", id="kill_g", words="close")
        assert venue(made) == ({}, {})
        peer.say({"op": "kill", **body("g", "all")})  # by another way: owned again, done once
        until(lambda: len(peer.told("owned", id="kill_g")) == 2, "the second acknowledgement")
        assert len(made.entries("kill.requested")) == 1


def test_a_kill_that_the_guard_holds_open_is_taken_up_at_the_connection(tmp_path: Path) -> None:
    with deck(tmp_path) as r:
        r.wait("order.denied", lambda b: b["reason"] == "GUARD_ABSENT")
        told = {**body("o", "account/main"), "legs": {"main": {"by": "asked"}}}
        with guard(
            r, halts={"account/main": {**HALTED, "scope": "account/main"}}, kills=[told]
        ) as p:
            p.wait("closed", id="kill_o")


def test_ctl_14_the_beat_goes_on_while_a_strategy_is_waited_for(tmp_path: Path) -> None:
    """It comes from the loop that works: it is what says that the runner is not stuck."""
    closes = [100.0] * 10 + [106.0] * 400
    with deck(tmp_path, HANG, closes, start=False) as made, guard(made) as peer:
        launch(made)
        made.wait("decision", count=10)
        began = time.monotonic()
        made.wait("decision", count=11)
        waited = time.monotonic() - began
        beats = [at for at, frame in peer.heard if frame["op"] == "beat" and at > began]
        assert len(beats) > waited  # a beat a second at least, however slow the machine
        assert made.command("halt.set", scope="trader/one", level="pause")["accepted"]
        assert peer.wait("halted")["row"]["scope"] == "trader/one"


def test_a_guard_that_reads_nothing_is_in_nobodys_way(tmp_path: Path) -> None:
    with deck(tmp_path, start=False) as made, guard(made, deaf=True):
        launch(made)
        made.wait("decision", count=40)
        assert {e.body["reason"] for e in made.entries("order.denied")} == {"GUARD_ABSENT"}


def test_inv_9_nothing_is_sent_for_an_account_that_another_closes(tmp_path: Path) -> None:
    """Until it is given back; then the books are compared, and trading goes on."""
    with deck(tmp_path, start=False) as made, guard(made):
        epoch = Epoch(tmp_path / "run" / "closer", "main")
        epoch.take(Owner.GUARD, "kill_y", 1)
        launch(made)
        made.wait("order.denied", lambda b: b["reason"] == "ACCOUNT_HELD", count=5)
        assert made.entries("order.intent") == []
        epoch.carry(None, 2)
        epoch.release()
        made.wait("condition", lambda b: (b["type"], b["status"]) == ("Owned", "True"))
        made.wait("order.filled")
