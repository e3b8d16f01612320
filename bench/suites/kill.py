"""A kill of 1,000 working orders and 50 positions on a venue 50 ms away, through a real runner.

Exchange, messages and runner are processes; the orders were placed by hand, so that all of them are
foreign as well. Measured from the decision by the times of the journals' own entries.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.host.harness import write as write_strategies
from tests.runner.harness import PAPER, document, entries, instrument, rig, trader
from tests.runner.kills import by_hand, done, kill, venue

ORDERS, POSITIONS, LATENCY_MS = 1_000, 50, 50


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_strategies(home / "strategies", {"rests": "return None"})
        symbols = [f"H{n}" for n in range(POSITIONS)]
        wanted = document(
            [trader("one", "AAA", "rests")], speed=5, exchange={"latency_ms": LATENCY_MS}
        )
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
            began = r.entries("kill.requested", after=head)[0].body["at_ns"]
            sent = [
                e for e in r.entries("kill.step") if e.body["words"] in ("cancel", "cancel all")
            ]
            gone = entries(r.exchange, "exch.cancel")
            flat = r.entries("kill.account_flat")
            name = f"kill of {ORDERS} + {POSITIONS} at {LATENCY_MS} ms:"
            say(f"{name} last cancel sent", (sent[-1].at_ns - began) / 1e6, "ms", bound=1_000)
            say(f"{name} all cancelled", (gone[-1].at_ns - began) / 1e6, "ms")
            say(f"{name} flat by three reads", (flat[-1].at_ns - began) / 1e6, "ms")


if __name__ == "__main__":
    main()
