"""The live path with real processes: bar received → strategy host → gate → fsync → venue → fill.

A runner, its guard and an exchange on a home of their own. Times are the journals' own: from the
bar's delivery to the entry of its last fill, each case in a run of its own. *One order*: long and
flat in turns, so that each bar is one order (every second through the gate). *A turn-around*: long
and short in turns, so that each bar is two orders and two fills. Beside each, from the same minute
and the same disk, what one fsync of 4 KiB costs; either way waits for two.

The bounds are held at 200 bars a second, where a runner is busy and queues nothing. At 60 the CPUs
sleep between two bars, and waking them is most of what is added: shown as it is, and as it is with
`TRADEDECK_CPU_LATENCY_US=0`, which keeps them awake.
Then the kill: 50 positions and 50 resting orders flattened in process.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tradedeck.adapters.bus import server
from tradedeck.engine.account import AccountEngine
from tradedeck.engine.actions import CancelOrder
from tradedeck.execution.book import Book
from tradedeck.execution.halt import Halts
from tradedeck.journal.log import Journal
from tradedeck.kernel.signing import SigningKey
from tradedeck.risk.limits import Limits
from tradedeck.runner.sink import JournalSink
from tradedeck.trading.instrument import AssetClass, Instrument
from tradedeck.trading.market import Bar
from tradedeck.trading.order import Order, OrderType, Side
from tradedeck.venue.matching import PaperVenue
from tradedeck.venue.model import ExchangeModel

BUSY, IDLE = 200, 60  # bars a second; both below saturation: latency is measured, not queueing
SECONDS = 9  # of bars
START_S = 1_600_000_020
SYNCS = 500
MANY = 50
STATES_S = 30
FLIPS = """
from dataclasses import dataclass
from tradedeck.strategies.interface import Meta, Strategy
from tradedeck.trading.signal import Signal


class Flips(Strategy):
    meta = Meta("flips", "Flips", "Turns around at every bar.")

    def on_bar(self, bar):
        return Signal(DOWN if self.context.position > 0 else 1.0)
"""
ONE, TURN = "0.0", "-1.0"  # what follows a long position
AWAKE = {"TRADEDECK_CPU_LATENCY_US": "0"}


class Case(NamedTuple):
    """One run: what is traded, how many bars a second, what the runner is told besides."""

    name: str
    down: str
    speed: int
    env: dict[str, str]
    bounds: tuple[int | None, int | None]  # of the median, of p99


CASES = (
    Case("one order", ONE, BUSY, {}, (2, 8)),
    Case("a turn-around, 2 orders", TURN, BUSY, {}, (2, 8)),
    Case("one order, CPUs asleep between bars", ONE, IDLE, {}, (None, 8)),
    Case("one order, CPUs kept awake", ONE, IDLE, AWAKE, (None, None)),
)


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


def share(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def raw_syncs(folder: Path) -> list[float]:
    """Milliseconds of an append of 4 KiB with fdatasync."""
    took: list[float] = []
    descriptor = os.open(folder / "raw", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    for _ in range(SYNCS):
        began = time.perf_counter()
        os.write(descriptor, bytes(4096))
        os.fdatasync(descriptor)
        took.append((time.perf_counter() - began) * 1000)
    os.close(descriptor)
    return took


def prepare(home: Path, case: Case) -> None:
    for name in ("keys", "run", "logs", "journals", "strategies"):
        (home / name).mkdir(mode=0o700)
    (home / "keys" / "api.pub").write_bytes(SigningKey.generate().verify_key().raw)
    (home / "strategies" / "flips.py").write_text(FLIPS.replace("DOWN", case.down))
    lines = ["time,open,high,low,close,volume"]
    lines += [f"{START_S + 60 * n},100,100,100,100,0" for n in range(case.speed * SECONDS)]
    (home / "bars.csv").write_text("\n".join(lines))
    document: dict[str, Any] = {
        "version": 1,
        "feeds": [{"id": "f", "kind": "replay", "source": "bars.csv", "instruments": ["AAPL"],
                   "interval": "1m", "speed": str(case.speed)}],
        "accounts": [{"id": "a", "broker": "paper", "currency": "USD",
                      "starting_balance": "1000000"}],
        "traders": [{"id": "t", "account": "a", "feed": "f", "instrument": "AAPL",
                     "strategy": "flips", "session_gate": False,
                     "sizing": {"kind": "units", "value": "10"}}],
    }  # fmt: skip
    (home / "config.yaml").write_text(yaml.safe_dump(document))


def live(home: Path, case: Case) -> list[float]:
    """Milliseconds from a bar's delivery to the entry of its last fill."""
    home.mkdir(mode=0o700)
    prepare(home, case)
    nats = server.prepare(home)
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    env |= {"TRADEDECK_HOME": str(home), "TRADING_MODE": "paper", "PAPER_EXECUTION_ENABLED": "true"}
    env |= case.env
    argvs = [list(nats.argv), *([sys.executable, "-m", f"tradedeck.{n}"] for n in PROCESSES)]
    out = (home / "out").open("wb")
    running = [subprocess.Popen(argv, env=env, stdout=out, stderr=out) for argv in argvs]
    try:
        journal = home / "journals" / "local.db"
        deadline = time.monotonic() + SECONDS + STATES_S
        most = case.speed * SECONDS - 10
        while time.monotonic() < deadline and count(journal, "decision") < most:
            time.sleep(0.5)
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(10)
        out.close()
    return paths(journal)


PROCESSES = ("exchange", "guard", "runner")


def count(path: Path, kind: str) -> int:
    return len(query(path, "SELECT 1 FROM entry WHERE kind=?", kind))


def query(path: Path, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    if not path.exists():
        return []
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        try:
            return list(db.execute(sql, arguments))
        except sqlite3.OperationalError:
            return []


def paths(journal: Path) -> list[float]:
    """Per bar: its delivery to the last fill's entry; the price's answer is the first step."""
    took: list[float] = []
    began: int | None = None
    last = 0
    rows = query(journal, "SELECT kind,at_ns,body FROM entry ORDER BY seq")
    for kind, at, body in rows:
        if kind == "decision":
            if began is not None and last:
                took.append((last - began) / 1e6)
            began, last = json.loads(body)["seen_ns"], 0
        elif kind == "order.filled":
            last = at
    return took[50:]


def flatten(folder: Path) -> float:
    """Milliseconds: decide, journal with fsync, cancel and close at the venue, book and commit."""
    specs = {
        f"S{n}": Instrument(f"S{n}", "USD", Decimal("0.01"), Decimal(1), "24x7", AssetClass.EQUITY)
        for n in range(MANY)
    }
    journal = Journal(folder / "flatten.db", time.time_ns)
    halts = Halts()
    book = Book("a", "USD", specs, balance=Decimal(10_000_000))
    names = iter(range(10_000))
    sink = JournalSink(journal, halts, specs, time.time_ns)
    engine = AccountEngine(book, Limits(), halts, sink, lambda: f"o{next(names)}")
    venue = PaperVenue(specs)
    venue.open_account("a", "USD", Decimal(10_000_000), ExchangeModel())
    for symbol in specs:
        bar = Bar(symbol, 0, 60, 100.0, 100.0, 100.0, 100.0)
        venue.bar(bar)
        engine.mark(bar)
        for name, kind, limit in (("m", OrderType.MARKET, None), ("l", OrderType.LIMIT, "90")):
            order = Order(
                f"{symbol}{name}", f"{symbol}{name}", "a", "t", "", symbol, Side.BUY, kind,
                Decimal(10), 0, limit_price=None if limit is None else Decimal(limit),
            )  # fmt: skip
            book.add(order)
            for report in venue.place(order):
                engine.report(report, 0)
    journal.commit()
    began = time.perf_counter()
    actions = engine.flatten(None, by="bench")
    journal.commit()
    for action in actions:
        order = action.order
        reports = venue.cancel(order) if isinstance(action, CancelOrder) else venue.place(order)
        for report in reports:
            engine.report(report, 0)
    journal.commit()
    took = (time.perf_counter() - began) * 1000
    assert not book.touched(), "not flat"
    journal.close()
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(CASES):
            raw = raw_syncs(Path(folder))
            took = live(Path(folder) / f"home{number}", case)
            half, most = share(raw, 0.5), share(raw, 0.99)
            beside = f"one fsync of 4 KiB here: p50 {half:.2f}, p99 {most:.2f} ms"
            paced = f"{len(took)} bars at {case.speed}/s"
            lines = ((50, beside), (99, paced))
            for (percent, against), bound in zip(lines, case.bounds, strict=True):
                more = {} if bound is None else {"bound": bound}
                name = f"bar → fill, {case.name}, p{percent}"
                say(name, share(took, percent / 100), "ms", places=2, yardstick=against, **more)
        say("flatten 50 positions and 50 resting orders", flatten(Path(folder)), "ms", bound=50,
            places=1, yardstick="decided, journaled twice with fsync, booked")  # fmt: skip


if __name__ == "__main__":
    main()
