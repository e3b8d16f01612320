"""How soon an alert is on the stream: every breaker opened while 200 listen to a busy deck.

All processes are real. Each alert's time is from the entry in the runner's journal to the bytes at
each listener; the slowest of all is held against what the operator is promised. Beside it: what
all events of the same while took, and how many there were.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.runner.storm import ALERTS, CLOCK_S, Storm, listen

from tradedeck.kernel.clock import parse_ns

READERS = 200
WAIT_S = 50.0


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        storm = Storm(Path(folder) / "h")
        try:
            storm.trading()
            listeners, (events, seconds) = asyncio.run(listen(storm, READERS, WAIT_S))
        finally:
            storm.stop()
    assert not any(each.lost for each in listeners)
    set_from = min(seq for seq, (_, _, name), _, _ in listeners[0].alerts if name == "clock_offset")
    ages: dict[str, float] = {}
    for each in listeners:
        for seq, (kind, scope, name), at, arrived in each.alerts:
            if (kind, scope, name) in ALERTS:
                # From the trip of the clock on the runner's own clock is ahead by what was set.
                ahead = CLOCK_S * 10**9 if seq >= set_from else 0
                age = (arrived - parse_ns(at) + ahead) / 1e9
                ages[f"{scope} {name}"] = max(ages.get(f"{scope} {name}", 0.0), age)
    slowest = max(ages, key=lambda each: ages[each])
    rate = f"{events / seconds:.0f} events/s to each of {READERS}"
    say("breaker alert to stream, slowest of all", ages[slowest], "s", bound=5, places=3,
        yardstick=f"{slowest}; {rate}")  # fmt: skip
    say("breaker alert to stream, median of the slowest", sorted(ages.values())[len(ages) // 2],
        "s", places=3)  # fmt: skip


if __name__ == "__main__":
    main()
