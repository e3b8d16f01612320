"""The audit log: appends with group commit and fsync, the verifier, an audited control action.

The store is a real one on disk with `synchronous=FULL`; the verifier is the separate program, in a
process of its own; the control action goes over HTTP to a real api whose runner is played.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.api.deck import Wire, running

from tradedeck.api.recorder import Recorder
from tradedeck.audit import store as audit_store
from tradedeck.audit.tree import Log, open_log
from tradedeck.audit.types import Act, Action, Who
from tradedeck.audit.verify import verify
from tradedeck.authority.envelope import Verifier
from tradedeck.kernel.clock import SystemClock
from tradedeck.store.database import ScopedStore, open_store
from tradedeck.store.scope import Door

ROOT = Path(__file__).parents[2]
WHO = Who("ada", "risk", "session:ses_1", "127.0.0.1")
AT_ONCE = 256
RECORDS = 100_000
ACTIONS = 300


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


async def append(store: ScopedStore) -> None:
    """`AT_ONCE` people who act again as soon as they are recorded."""
    recorder = Recorder(store, SystemClock())
    left = RECORDS

    async def person(number: int) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            act = Act(Action.TRADER_PAUSE, WHO, f"trader/{number}", after={"paused": True})
            await recorder.record(act)

    began = time.perf_counter()
    await asyncio.gather(*(person(number) for number in range(AT_ONCE)))
    rate = RECORDS / (time.perf_counter() - began)
    say("audit appends, group commit with fsync", rate, "records/s", bound=5_000, better="more")


def follow(store: ScopedStore, folder: Path) -> Log:
    """The tree over what was appended."""
    log = open_log(folder / "audit", folder / "audit.key")

    def fetch(*, after_seq: int, limit: int) -> list[audit_store.Row]:
        return store.read_now(lambda r: audit_store.batch(r, after_seq=after_seq, limit=limit))

    began = time.perf_counter()
    while log.follow(fetch):
        pass
    say("audit tree follows", log.checkpoint.size / (time.perf_counter() - began), "records/s")
    return log


def verified(store: ScopedStore, log: Log) -> None:
    """By the separate program, whose start is on its bill; and by the host itself."""
    program = [sys.executable, str(ROOT / "tools" / "verify_audit.py"), str(log.tiles.folder)]
    began = time.perf_counter()
    subprocess.run([*program, "--key", log.verifier.text()], check=True, stdout=subprocess.PIPE)
    rate = log.checkpoint.size / (time.perf_counter() - began)
    say("audit verified by the separate program", rate, "records/s", bound=100_000, better="more")
    began = time.perf_counter()
    assert store.read_now(lambda r: verify(r, log)).ok
    rate = log.checkpoint.size / (time.perf_counter() - began)
    say("audit verified by the host, table and tree", rate, "records/s")


async def act(folder: Path) -> None:
    """POST /orders/cancel: recorded, sent to the runner, recorded again, answered."""
    wire = Wire()
    async with running(folder / "h", wire) as deck, deck.client() as client:
        verifier = Verifier(deck.context.key.verify_key(), "local")
        bus = wire.hub.connect()

        async def take(message: Any) -> Any:
            opened = verifier.open(message.data, kind="command", now_ns=time.time_ns())
            return {"id": opened.id, "accepted": True, "code": "", "detail": ""}

        await bus.serve("cmd.local", take)
        took: list[float] = []
        for number in range(ACTIONS):
            headers = {"idempotency-key": f"bench-{number}"}
            began = time.perf_counter()
            answer = await client.post("/orders/cancel", json={}, headers=headers)
            took.append(1000 * (time.perf_counter() - began))
            assert answer.status_code < 300, answer.text
        took.sort()
        say("audited control action with fsync, p50", took[len(took) // 2], "ms", places=1)
        p95 = took[int(len(took) * 0.95)]
        say("audited control action with fsync, p95", p95, "ms", bound=50, places=1)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="td") as name:
        folder = Path(name)
        opened = open_store(folder / "store" / "tradedeck.db")
        store = opened.beyond(Door.AUDIT)
        uvloop.run(append(store))
        verified(store, follow(store, folder))
        opened.close()
        uvloop.run(act(folder))


if __name__ == "__main__":
    main()
