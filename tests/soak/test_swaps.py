"""ENG-9: real swaps, one after the other, each observed before the next; nothing of them is left.

`make soak` makes ten for each of its COUNT (1,000); `make test` a share.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.runner.harness import Rig, document, entries, free_port, rig, state, trader, until, wave
from tradedeck.adapters.bus.types import Message

pytestmark = pytest.mark.processes

SWAPS = 10 * int(os.environ.get("TRADEDECK_SOAK_COUNT", "20"))
RUNNING = ("trader.state", "running")
WARM = 20  # until every import and cache of a swap is there
# What half of the swaps may add: pages of SQLite's own cache until its 2 MB are full, and some of
# the allocator; less than the document alone of each swap would take, were it kept.
KB_MAX = 500 + min(2_000, 4 * (SWAPS // 2))
CROSS = trader("one", "AAA", "ema-cross", params={"fast": 3, "slow": 5, "short": True})
OTHER = trader("one", "AAA", "momentum")


@dataclass(frozen=True, slots=True)
class Weight:
    """What the runner and the parent of its hosts hold."""

    handles: tuple[int, ...]
    children: int
    threads: int
    tasks: int
    subscriptions: int
    rows: int
    kb: int


class Swapper:
    """Asks for one version after the other, and waits until each is what runs."""

    def __init__(self, r: Rig, monitor: int) -> None:
        self._rig = r
        self._monitor = monitor
        self._seq = r.head()
        self._gauges: dict[str, Any] = {}
        self.swapped = 0
        r.subscribe("telemetry.local", self._take)

    async def _take(self, message: Message) -> None:
        self._gauges = message.json()

    def swap(self) -> None:
        """One swap: asked for, swapped, applied, running; observed generation = desired."""
        wanted = OTHER if self.swapped % 2 == 0 else CROSS
        generation = self._rig.desire(document([wanted], speed=5))
        seen: set[str] = set()

        def done() -> bool:
            self._rig.alive()
            for entry in entries(self._rig.journal, after=self._seq):
                self._seq, body = entry.seq, entry.body
                if entry.kind == "strategy.swapped" and body["generation"] == generation:
                    assert body["new"] == wanted["strategy"]
                    seen.add("swapped")
                elif entry.kind == "config.applied":
                    assert body["generation"] == generation
                    seen.add("applied")
                elif "swapped" in seen and (entry.kind, body.get("new")) == RUNNING:
                    seen.add("running")
            return seen == {"swapped", "applied", "running"}

        until(done, f"generation {generation} to be what runs ({seen})")
        self.swapped += 1

    def weigh(self) -> Weight:
        """At rest: the newest gauges are of after the last swap."""
        pid = self._rig.procs["runner"].pid
        generation = self._rig.api.generation
        until(lambda: self._gauges.get("generation") == generation, "gauges after the swap")
        self._gauges = {}
        until(lambda: self._gauges, "the gauges after those")
        status = Path(f"/proc/{pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        family = descendants(pid)
        # The parent of the hosts lives on over every swap; a host is of its swap alone.
        return Weight(
            handles=tuple(handles(each) for each in (pid, *family[:1])),
            children=len(family),
            threads=int(fields["Threads"]),
            tasks=int(self._gauges["tasks"]),
            subscriptions=self._subscriptions(),
            rows=len(state(self._rig.journal)),
            kb=int(fields["RssAnon"].split()[0]),
        )

    def _subscriptions(self) -> int:
        url = f"http://127.0.0.1:{self._monitor}/connz"
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = json.loads(answer.read())["connections"]
        return sum(int(c["subscriptions"]) for c in found if c.get("name") == "runner")


def handles(pid: int) -> int:
    """Open files of a process."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def descendants(pid: int) -> list[int]:
    """Children, the oldest first, each followed by its own."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


@pytest.mark.timeout(0 if SWAPS > 200 else 120)
def test_eng_9_swaps_leak_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monitor = free_port()
    with rig(
        tmp_path, document([CROSS], speed=5), {}, closes={"AAA": wave(400)}, monitor=monitor
    ) as r:
        r.wait("trader.state", lambda b: b["new"] == "running")
        r.wait("order.denied")
        swapper = Swapper(r, monitor)
        for _ in range(WARM):
            swapper.swap()
        first, began = swapper.weigh(), time.monotonic()
        for _ in range(SWAPS // 2):
            swapper.swap()
        half = swapper.weigh()
        for _ in range(SWAPS - SWAPS // 2):
            swapper.swap()
        last = swapper.weigh()
        assert len(r.entries("strategy.swapped")) == WARM + SWAPS == swapper.swapped
        for name in ("handles", "children", "threads", "tasks", "subscriptions", "rows"):
            assert getattr(first, name) == getattr(half, name) == getattr(last, name), name
        assert last.kb - half.kb <= KB_MAX, (first, half, last)
        assert r.command("signals.preview", trader="one")["accepted"]
    with capsys.disabled():
        print(  # noqa: T201 - the figures are what `make soak` is run for
            f"\nswaps: {SWAPS} in {time.monotonic() - began:.0f} s; anonymous memory {first.kb}, "
            f"{half.kb}, {last.kb} kB; tasks, handles, threads, children, subscriptions unchanged"
        )
