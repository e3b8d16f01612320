"""INV-6, INV-7, INV-8: a kill while everything around it fails. Real processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.host.harness import write as write_strategies
from tests.runner.harness import (
    PAPER,
    Rig,
    check_books,
    document,
    rig,
    state,
    trader,
    until,
)
from tests.runner.kills import by_hand, check_never_flipped, done, kill, venue

pytestmark = pytest.mark.processes

HOLD = "return None if self.context.position else Signal(1.0)"
TURN = "return Signal(-1.0 if self.context.position > 0 else 1.0)"
HANG = f"if bar.close > 105: return sum(range(10**11))\n{HOLD}"
CROWD = """
if not self.context.position: return Signal(1.0)
return OrderRequest(Side.BUY, Decimal(1), OrderType.LIMIT, Decimal("50.00"))
"""
GUARDED_STOP = """
if self.context.position: return None
return Signal(1.0, stop=bar.close - 10)
"""


def deck(
    home: Path, strategies: dict[str, str], closes: list[float], *, speed: float = 20,
    env: dict[str, str] | None = None, **more: Any,
) -> Any:  # fmt: skip
    """One trader per strategy, each on an instrument of its own with the same prices."""
    write_strategies(home / "strategies", strategies)
    symbols = {name: f"S{number}" for number, name in enumerate(strategies)}
    traders = [trader(f"t-{name}", symbols[name], name) for name in strategies]
    wanted = document(traders, speed=speed, **more)
    return rig(home, wanted, PAPER | (env or {}), closes=dict.fromkeys(symbols.values(), closes))


def ended(r: Rig, after: int = 0) -> None:
    """Flat at the venue, nothing rests, never through zero, and both books tell the same."""
    assert venue(r) == ({}, {})
    r.kill("runner", signal.SIGTERM)
    check_never_flipped(r, after)
    check_books(r.journal, r.exchange)


def test_eng_1_inv_6_halted_then_killed(tmp_path: Path) -> None:
    with deck(tmp_path, {"holds": HOLD, "other": CROWD}, [100.0] * 400) as r:
        r.wait("order.accepted", count=2)
        for scope in ("all", "account/main", "strategy/holds", "instrument/S1"):
            assert r.command("halt.set", scope=scope, level="halted", reason="drill")["accepted"]
        kill(r, "h", "all")
        done(r, "h")
        ended(r)


def test_eng_2_inv_6_fifty_positions_with_the_limiter_exhausted(tmp_path: Path) -> None:
    """Not one order more is allowed; each of the positions is closed."""
    limits = {"orders_per_minute": 2, "open_orders_max": 1, "order_quantity_max": "10"}
    with deck(tmp_path, {"crowds": CROWD}, [100.0] * 400, limits=limits) as r:
        r.wait("order.denied", lambda b: b["reason"] == "ORDERS_OPEN_LIMIT")
        symbols = [f"H{n}" for n in range(50)]
        r.kill("runner", signal.SIGTERM)
        by_hand(r, symbols, 100)
        head = r.head()
        r.start("runner")
        r.wait("condition", lambda b: b["type"] == "VenueConnected" and b["status"] == "True",
               after=head)  # fmt: skip
        held, working = venue(r)
        assert len(held) == 51
        assert sum(working.values()) == 101
        kill(r, "l", "account/main")
        done(r, "l")
        orders = [e.body["order"] for e in r.entries("order.intent", after=head)]
        assert len([order for order in orders if order["purpose"] == "close"]) == 51
        assert venue(r) == ({}, {})
        # What nobody here had described was booked, named, and closed like the rest.
        alarms = [e.body["detail"] for e in r.entries("alarm", after=head)]
        assert len([words for words in alarms if "not described" in words]) == 50
        r.kill("runner", signal.SIGTERM)
        check_never_flipped(r, head)


def test_eng_3_inv_8_a_position_that_turns_is_never_flipped_by_its_kill(tmp_path: Path) -> None:
    """Turned on every bar, on a venue that is slow, and killed in between."""
    with deck(tmp_path, {"turns": TURN}, [100.0] * 400, exchange={"latency_ms": 120}) as r:
        r.wait("order.filled", count=5)
        kill(r, "t", "trader/t-turns")
        done(r, "t")
        ended(r)


def test_eng_5_inv_6_with_a_strategy_in_an_endless_loop(tmp_path: Path) -> None:
    closes = [100.0] * 10 + [106.0] * 400
    slow = {"TRADEDECK_CALLBACK_DEADLINE_MS": "8000"}
    with deck(tmp_path, {"hangs": HANG, "other": HOLD}, closes, env=slow) as r:
        r.wait("decision", count=20)  # ten bars of two traders: the eleventh hangs
        time.sleep(0.5)
        kill(r, "e", "all")
        done(r, "e")
        assert venue(r) == ({}, {})
        assert r.entries("host.killed") == []  # it was not waited for
        r.wait("host.killed")
        ended(r)


def test_eng_11_inv_6_a_saturated_feed_is_not_before_a_kill(tmp_path: Path) -> None:
    slow = "time.sleep(0.8)\n" + HOLD
    with deck(tmp_path, {"slow": slow, "crowds": CROWD}, [100.0] * 400, speed=0) as r:
        r.wait("order.accepted", count=2)
        head = r.head()
        kill(r, "f", "all")
        done(r, "f")
        bars = r.entries("decision", after=head)
        assert len(bars) < 20  # a few at most went before it
        ended(r)


def test_inv_7_a_killed_scope_stays_killed_over_kill_9(tmp_path: Path) -> None:
    with deck(tmp_path, {"turns": TURN}, [100.0] * 400) as r:
        r.wait("order.filled", count=2)
        kill(r, "k", "strategy/turns")
        done(r, "k")
        for _ in range(2):
            r.kill("runner")
            head = r.head()
            r.start("runner")
            r.wait("order.denied", lambda b: b["reason"] == "HALT_HALTED", after=head, count=2)
            assert r.entries("order.intent", after=head) == []
        assert state(r.journal)["halts"]["strategy/turns"]["kill"] == "kill_k"


@pytest.mark.parametrize("moment", ["kill.owned", "order.intent"])
def test_inv_6_the_runner_dies_in_the_middle(tmp_path: Path, moment: str) -> None:
    """What it latched it carries on with; the close it sent is the same one, not a second."""
    slow = {"latency_ms": 400}
    with deck(tmp_path, {"a": CROWD, "b": CROWD}, [100.0] * 400, speed=5, exchange=slow) as r:
        r.wait("order.accepted", count=2)
        head = r.head()
        kill(r, "m", "all")
        wanted = (lambda b: b["order"]["purpose"] == "close") if moment == "order.intent" else None
        r.wait(moment, wanted or (lambda _: True), after=head)
        r.kill("runner")
        r.start("runner")
        done(r, "m")
        until(lambda: not [n for n in state(r.journal) if n.startswith("closing/")], "the watch")
        orders = [e.body["order"] for e in r.entries("order.intent", after=head)]
        sent = [order["client_id"] for order in orders if order["purpose"] == "close"]
        assert len(sent) == len(set(sent)) == 2
        ended(r, head)


def test_inv_6_a_venue_that_has_just_frozen_delays_neither_latch_nor_answer(tmp_path: Path) -> None:
    with deck(tmp_path, {"turns": TURN}, [100.0] * 400, speed=50) as r:
        r.wait("order.filled", count=2)
        os.kill(r.procs["exchange"].pid, signal.SIGSTOP)
        time.sleep(0.3)  # the loop waits for its answer now
        began = time.monotonic()
        kill(r, "z", "all")
        assert time.monotonic() - began < 1.5  # the loop waits two seconds for the venue
        assert state(r.journal)["halts"]["all"]["kill"] == "kill_z"
        assert r.entries("kill.account_flat") == []  # no success before the venue shows it
        os.kill(r.procs["exchange"].pid, signal.SIGCONT)
        done(r, "z")
        ended(r)


def test_rsk_4_foreign_orders_and_positions_are_closed_and_named(tmp_path: Path) -> None:
    """Placed by hand at the venue while the runner was away."""
    with deck(tmp_path, {"holds": HOLD}, [100.0] * 400) as r:
        r.wait("order.filled")
        r.kill("runner", signal.SIGTERM)
        by_hand(r, ["S0"], 1)
        held, working = venue(r)
        assert held["main", "S0"] == 17
        assert working == {("main", "S0"): 1}
        r.start("runner")
        kill(r, "g", "account/main")
        done(r, "g")
        assert venue(r) == ({}, {})
        named = [
            e.body for e in r.entries("kill.step") if e.body["words"] == "cancel of a foreign order"
        ]
        bulk = [e.body for e in r.entries("kill.step") if e.body["words"] == "cancel all"]
        assert named or bulk
        assert "hand-order-0" in str(r.entries("kill.step"))
        r.kill("runner", signal.SIGTERM)
        check_never_flipped(r)


def test_rsk_2_a_limit_that_flattens_is_a_kill(tmp_path: Path) -> None:
    """The same path: latched with the kill's id, proved by the venue."""
    limits = {"day_loss_max": {"bound": "50", "action": "flatten"}}
    closes = [100.0] * 40 + [90.0] * 300
    with deck(tmp_path, {"holds": HOLD, "crowds": CROWD}, closes, limits=limits) as r:
        flat = r.wait("kill.done")[0]
        halt = state(r.journal)["halts"]["account/main"]
        assert (halt["by"], halt["level"], halt["kill"]) == ("limit", "halted", flat.body["id"])
        ended(r)


def test_protective_stops_are_withdrawn_before_their_close(tmp_path: Path) -> None:
    with deck(tmp_path, {"stops": GUARDED_STOP}, [100.0] * 400) as r:
        r.wait("order.accepted", lambda b: b["order"]["purpose"] == "protective")
        head = r.head()
        kill(r, "p", "trader/t-stops")
        done(r, "p")
        kinds = ("order.cancel_requested", "order.intent")
        seen = [(e.kind, e.body["order"]["purpose"]) for e in r.entries(*kinds, after=head)]
        assert seen == [("order.cancel_requested", "protective"), ("order.intent", "close")]
        ended(r)
