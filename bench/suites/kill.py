"""Kills over 1,000 working orders and 50 positions on a venue 50 ms away, through a real runner.

Exchange, messages, runner and fifty strategy hosts are processes. One home is brought to its state;
each scope then kills in a copy of it, and what it leaves is counted at the venue: its own subset
cancelled and flat, of everything else not one order and not one unit less. Then the whole once more
with orders placed by hand, so that all of them are foreign. Measured from the decision by the times
of the journals' own entries.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.host.harness import write as write_strategies
from tests.runner.harness import PAPER, Rig, document, entries, instrument, rig, trader, until
from tests.runner.kills import Cell, by_hand, check_never_flipped, done, kill, outside, venue

ORDERS, POSITIONS, LATENCY_MS = 1_000, 50, 50
EACH = ORDERS // POSITIONS
FAR = {"latency_ms": LATENCY_MS}
ACCOUNTS = ("main", "second")
SYMBOLS = [f"S{n}" for n in range(POSITIONS // len(ACCOUNTS))]
# Holds ten, and rests orders far from the market.
CROWD = f"""
if not self.context.position: return Signal(1.0)
more = {EACH} - self.context.working
if more <= 0: return None
return [OrderRequest(Side.BUY, Decimal(1), OrderType.LIMIT, Decimal("50.00"))] * more
"""
OTHERS = 10  # traders of the second strategy
CELLS: dict[Cell, tuple[str, str]] = {  # account, instrument: trader, strategy
    (account, symbol): (f"t{a}-{n}", "other" if n < OTHERS // len(ACCOUNTS) else "crowds")
    for a, account in enumerate(ACCOUNTS)
    for n, symbol in enumerate(SYMBOLS)
}
SCOPES: dict[str, set[Cell]] = {
    "trader/t0-7": {("main", "S7")},
    "strategy/other": {cell for cell, (_, strategy) in CELLS.items() if strategy == "other"},
    "instrument/S9": {("main", "S9"), ("second", "S9")},
    "account/second": {cell for cell in CELLS if cell[0] == "second"},
    "tenant/default": set(CELLS),
    "all": set(CELLS),
}


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


def crowded() -> dict[str, Any]:
    """Two accounts, a trader in each cell."""
    traders = [
        trader(name, symbol, strategy, account=account)
        for (account, symbol), (name, strategy) in CELLS.items()
    ]
    wanted = document(traders, speed=5, exchange=FAR)
    wanted["accounts"].append({**wanted["accounts"][0], "id": "second"})
    return wanted


def fill(home: Path, wanted: dict[str, Any]) -> None:
    """Bring a home to its state, and stop it."""
    write_strategies(home / "strategies", {"crowds": CROWD, "other": CROWD})
    with rig(home, wanted, PAPER, closes={symbol: [100.0] * 400 for symbol in SYMBOLS}) as r:
        r.wait("order.accepted", count=ORDERS, wait_s=120)
        until(lambda: full(r), "every trader to hold and to rest orders")


def full(r: Rig) -> bool:
    held, working = venue(r)
    return set(held) == set(CELLS) and working == dict.fromkeys(CELLS, EACH)


def one(home: Path, wanted: dict[str, Any], scope: str, cells: set[Cell]) -> None:
    """Kill one scope, hold what is left against what it should leave, and say how long it took."""
    with rig(home, wanted, PAPER) as r:
        head = r.head()
        r.wait("decision", after=head, count=len(CELLS), wait_s=60)
        assert full(r), "the copy was not as its original"
        held, working = venue(r)
        kill(r, "b", scope)
        done(r, "b")
        assert venue(r) == (outside(cells, held), outside(cells, working)), scope
        timed(r, head, f"kill of {scope}, {len(cells)} + {EACH * len(cells)} of 50 + 1,000:")
        r.kill("runner", signal.SIGTERM)
        check_never_flipped(r, head)


def timed(r: Rig, head: int, name: str) -> None:
    """From the decision to the last cancel sent, to cancelled, to flat."""
    began = r.entries("kill.requested", after=head)[0].body["at_ns"]
    steps = r.entries("kill.step", after=head)
    sent = [e for e in steps if e.body["words"] in ("cancel", "cancel all")]
    gone = [e for e in entries(r.exchange, "exch.cancel") if e.at_ns > began]
    flat = r.entries("kill.account_flat", after=head)
    say(f"{name} last cancel sent", (sent[-1].at_ns - began) / 1e6, "ms", bound=1_000)
    say(f"{name} all cancelled", (gone[-1].at_ns - began) / 1e6, "ms")
    say(f"{name} flat by three reads", (flat[-1].at_ns - began) / 1e6, "ms")


def foreign(home: Path) -> None:
    """Everything, of orders that nobody here placed."""
    write_strategies(home / "strategies", {"rests": "return None"})
    symbols = [f"H{n}" for n in range(POSITIONS)]
    wanted = document([trader("one", "AAA", "rests")], speed=5, exchange=FAR)
    wanted["instruments"] += [instrument(symbol) for symbol in symbols]
    with rig(home, wanted, PAPER, closes={"AAA": [100.0] * 400}) as r:
        r.wait("decision")
        r.kill("runner", signal.SIGTERM)
        by_hand(r, symbols, ORDERS)
        head = r.head()
        r.start("runner")
        r.wait("decision", after=head)
        held, working = venue(r)
        assert (len(held), sum(working.values())) == (POSITIONS, ORDERS)
        kill(r, "b", "all")
        done(r, "b")
        assert venue(r) == ({}, {})
        timed(r, head, "kill of all, 50 + 1,000 placed by hand:")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wanted, first = crowded(), Path(folder) / "first"
        first.mkdir()
        fill(first, wanted)
        for number, (scope, cells) in enumerate(SCOPES.items()):
            copy = Path(folder) / f"copy{number}"
            shutil.copytree(first, copy, ignore=lambda _, names: [n for n in names if ".sock" in n])
            one(copy, wanted, scope, cells)
        foreign(Path(folder))


if __name__ == "__main__":
    main()
