"""RSK-4: one decision for any subset. Real processes; its journal says what the venue had left."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.host.harness import write as write_strategies
from tests.runner.harness import PAPER, Rig, document, rig, state, trader, until
from tests.runner.kills import Cell, check_never_flipped, done, kill, outside, venue

pytestmark = pytest.mark.processes

# Holds ten, and rests orders far from the market.
CROWD = """
if not self.context.position: return Signal(1.0)
if self.context.working >= 4: return None
return OrderRequest(Side.BUY, Decimal(1), OrderType.LIMIT, Decimal("50.00"))
"""
CELLS: dict[Cell, tuple[str, str]] = {  # account, instrument: trader, strategy
    ("main", "S0"): ("one", "crowds"),
    ("main", "S1"): ("two", "other"),
    ("main", "S2"): ("three", "crowds"),
    ("main", "S3"): ("four", "crowds"),
    ("second", "S1"): ("five", "other"),
    ("second", "S2"): ("six", "crowds"),
    ("second", "S4"): ("seven", "crowds"),
}
# In this order: each takes what the ones before left.
SCOPES: dict[str, set[Cell]] = {
    "trader/one": {("main", "S0")},
    "strategy/other": {("main", "S1"), ("second", "S1")},
    "instrument/S2": {("main", "S2"), ("second", "S2")},
    "account/main": {("main", "S3")},
    "tenant/default": {("second", "S4")},
}


def deck(home: Path, **more: Any) -> Any:
    write_strategies(home / "strategies", {"crowds": CROWD, "other": CROWD})
    traders = [
        trader(name, symbol, strategy, account=account)
        for (account, symbol), (name, strategy) in CELLS.items()
    ]
    wanted = document(traders, speed=20, **more)
    wanted["accounts"].append({**wanted["accounts"][0], "id": "second"})
    closes = {symbol: [100.0] * 400 for _, symbol in CELLS}
    return rig(home, wanted, PAPER, closes=closes)


def filled(r: Rig) -> bool:
    held, working = venue(r)
    return set(held) == set(CELLS) and all(working.get(cell, 0) >= 4 for cell in CELLS)


def test_rsk_4_every_scope_leaves_exactly_its_subset_flat(tmp_path: Path) -> None:
    with deck(tmp_path) as r:
        r.wait("order.accepted", count=4 * len(CELLS))
        until(lambda: filled(r), "every trader to hold and to rest orders")
        assert r.command("replay.set", feed="bars", paused=True)["accepted"]
        left = set(CELLS)
        for n, (scope, cells) in enumerate(SCOPES.items()):
            held, working = venue(r)
            accounts = kill(r, f"s{n}", scope)["accounts"]
            assert set(accounts) >= {account for account, _ in cells}
            done(r, f"s{n}")
            left -= cells
            after_held, after_working = venue(r)
            assert set(after_held) == set(after_working) == left, scope
            # The others are untouched: not one order of theirs fewer, not one unit.
            assert after_held == outside(cells, held)
            assert after_working == outside(cells, working)
            assert state(r.journal)["halts"][scope]["kill"] == f"kill_s{n}"
        r.kill("runner", signal.SIGTERM)
        check_never_flipped(r)
        for account in ("main", "second"):
            book = state(r.journal)[f"book/{account}"]["positions"]
            assert all(p["quantity"] == "0" for p in book)


@pytest.mark.parametrize("step", ["pause", "reduce_only"])
def test_rsk_4_the_lesser_steps_latch_and_touch_nothing(tmp_path: Path, step: str) -> None:
    with deck(tmp_path) as r:
        r.wait("order.accepted", count=4 * len(CELLS))
        until(lambda: filled(r), "every trader to hold and to rest orders")
        before = venue(r)
        assert kill(r, "p", "all", step=step, flatten=False)["accounts"] == []
        head = r.head()
        r.wait("decision", after=head, count=20)
        assert venue(r) == before
        assert state(r.journal)["halts"]["all"]["level"] == step


def test_rsk_4_without_flatten_positions_stay(tmp_path: Path) -> None:
    with deck(tmp_path) as r:
        r.wait("order.accepted", count=4 * len(CELLS))
        until(lambda: filled(r), "every trader to hold and to rest orders")
        held, _ = venue(r)
        kill(r, "n", "all", flatten=False)
        flat = done(r, "n")
        assert venue(r) == (held, {})
        proofs = {e.body["account"]: e.body["proof"] for e in r.entries("kill.account_flat")}
        assert {(a, s) for a, p in proofs.items() for s in p["held"]} == set(CELLS)
        assert flat.body["totals"] == {"accounts": 2}
        r.wait("order.denied", lambda b: b["reason"] == "HALT_HALTED", after=flat.seq)


def test_rsk_4_kills_that_overlap_are_one_closer_and_close_once(tmp_path: Path) -> None:
    """All at once and on a slow venue; the whole is flat, and nothing went through zero."""
    with deck(tmp_path, exchange={"latency_ms": 150}) as r:
        r.wait("order.accepted", count=4 * len(CELLS))
        until(lambda: filled(r), "every trader to hold and to rest orders")
        for n, scope in enumerate([*SCOPES, "all"]):
            kill(r, f"o{n}", scope)
        for n in range(len(SCOPES) + 1):
            done(r, f"o{n}", wait_s=60)
        assert venue(r) == ({}, {})
        orders = [e.body["order"] for e in r.entries("order.intent")]
        closes = [(o["account"], o["instrument"]) for o in orders if o["purpose"] == "close"]
        assert sorted(closes) == sorted(CELLS)
        r.kill("runner", signal.SIGTERM)
        check_never_flipped(r)


def test_inv_6_the_same_kill_again_does_nothing_again(tmp_path: Path) -> None:
    with deck(tmp_path) as r:
        r.wait("order.accepted", count=4 * len(CELLS))
        until(lambda: filled(r), "every trader to hold and to rest orders")
        for _ in range(3):
            kill(r, "again", "trader/one")
        done(r, "again")
        kill(r, "again", "trader/one")
        assert len(r.entries("kill.requested")) == 1
        assert len(r.entries("halt.set")) == 1
        r.command("replay.set", feed="bars", paused=True)
