"""A home with real processes: nats-server, exchange, runner; the test plays the api.

Everything is bounded in time, every process is ended by its own id, and the journals are read from
their files with SQLite alone, so that what is checked shares no code with what wrote it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.program import PROGRAM
from tradedeck.adapters.bus import server
from tradedeck.adapters.bus.nats import NatsBus
from tradedeck.adapters.bus.types import Message
from tradedeck.authority.envelope import seal
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.signing import SigningKey

T = TypeVar("T")
# The program that this test imports, which a mutant may have changed.
PAPER = {
    "TRADING_MODE": "paper", "PAPER_EXECUTION_ENABLED": "true", "TRADEDECK_GUARD": "optional",
}  # fmt: skip
WAIT_S = 60.0  # a machine with much else to do; nothing is timed by it
MINUTE = 60
START_S = 1_600_000_020 - 1_600_000_020 % MINUTE


def until(what: Callable[[], T], words: str = "", wait_s: float = WAIT_S) -> T:
    """Poll until it is truthy; the words say what never came."""
    deadline = time.monotonic() + wait_s
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {wait_s:g} s for {words or what}")
        time.sleep(0.02)


# -- documents and data ------------------------------------------------------------------------


def write_bars(path: Path, closes: Mapping[str, Sequence[float]]) -> None:
    """One-minute bars of several instruments, one line each."""
    lines = ["instrument,time,open,high,low,close,volume"]
    for symbol, prices in closes.items():
        for n, close in enumerate(prices):
            first = prices[n - 1] if n else close
            high, low = max(first, close), min(first, close)
            lines.append(f"{symbol},{START_S + n * MINUTE},{first},{high},{low},{close},1000")
    path.write_text("\n".join(lines) + "\n")


def wave(count: int, base: float = 100.0, period: int = 20, size: float = 5.0) -> list[float]:
    """A triangle: crosses its means again and again, on the cent grid."""
    prices = []
    for n in range(count):
        place = n % period / period
        up = 2 * place if place < 0.5 else 2 - 2 * place
        prices.append(round(base - size / 2 + size * up, 2))
    return prices


def instrument(symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol, "currency": "USD", "tick": "0.01", "step": "1",
        "calendar": "24x7", "margin_rate": "0.1",
    }  # fmt: skip


def trader(name: str, symbol: str, strategy: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name, "account": "main", "feed": "bars", "instrument": symbol,
        "strategy": strategy, "sizing": {"kind": "units", "value": "10"},
        "session_gate": False, **more,
    }  # fmt: skip


def document(
    traders: Sequence[dict[str, Any]],
    *,
    speed: float = 50,
    source: str = "bars.csv",
    loop: bool = True,
    limits: dict[str, Any] | None = None,
    exchange: dict[str, Any] | None = None,
    guard: dict[str, Any] | None = None,
    **feed: Any,
) -> dict[str, Any]:
    """A desired document: one account, one replay, every instrument of the traders."""
    symbols = sorted({item["instrument"] for item in traders})
    return {
        "version": 1,
        "feeds": [
            {"id": "bars", "kind": "replay", "source": source, "instruments": symbols,
             "interval": "1m", "speed": str(speed), "loop": loop, **feed}
        ],
        "accounts": [
            {"id": "main", "broker": "paper", "currency": "USD", "starting_balance": "100000",
             "timezone": "UTC", "limits": limits or {}, "exchange": exchange or {},
             "guard": guard or {}}
        ],
        "instruments": [instrument(symbol) for symbol in symbols],
        "traders": list(traders),
    }  # fmt: skip


# -- reading journals --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    seq: int
    at_ns: int
    kind: str
    body: dict[str, Any]


def raw_entries(path: Path, after: int = 0) -> list[tuple[int, int, str, str, str]]:
    if not path.exists():
        return []
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as db:
        try:
            return list(
                db.execute("SELECT seq,at_ns,kind,body,hash FROM entry WHERE seq>?", (after,))
            )
        except sqlite3.OperationalError:  # the table is being made
            return []
        finally:
            db.commit()


def entries(path: Path, *kinds: str, after: int = 0) -> list[Entry]:
    return [
        Entry(seq, at, kind, json.loads(body))
        for seq, at, kind, body, _ in raw_entries(path, after)
        if not kinds or kind in kinds
    ]


def state(path: Path) -> dict[str, Any]:
    """The rows beside a journal."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as db:
        rows = dict(db.execute("SELECT name,value FROM state"))
    return {k: v if k == "epoch" else json.loads(v) for k, v in rows.items()}


def check_chain(path: Path) -> int:
    """INV-12: every entry follows the one before. Written from the description, not the code."""
    epoch = state(path)["epoch"]
    previous = hashlib.sha256(f"tradedeck journal {epoch}".encode()).hexdigest()
    count = 0
    for seq, at_ns, kind, body, digest in raw_entries(path):
        count += 1
        assert seq == count, f"entry {count} is missing in {path.name}"
        text = f'{previous}[{seq},{at_ns},"{kind}",{body}]'
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert previous == digest, f"entry {seq} of {path.name} does not follow"
    return count


# -- processes ---------------------------------------------------------------------------------


@dataclass
class Api:
    """What the test says in the api's place: versions handed out, proposals decided."""

    key: SigningKey
    documents: list[dict[str, Any]] = field(default_factory=list)
    proposals: list[dict[str, Any]] = field(default_factory=list)
    refuse: str = ""

    @property
    def generation(self) -> int:
        return len(self.documents)

    def seal(
        self, kind: str, body: dict[str, Any], target: str = "local", ttl_s: float = 10, **more: Any
    ) -> bytes:
        now = more.get("now_ns", time.time_ns())
        key = more.get("key", self.key)
        return seal(key, kind=kind, target=target, body=body, now_ns=now, ttl_ns=int(ttl_s * 1e9))

    async def get(self, message: Message) -> Any:
        asked = message.json()
        if not self.documents or asked["generation"] == self.generation:
            return {"unchanged": True}
        body = {
            "generation": self.generation,
            "document": self.documents[-1],
            "approved_by": "test",
            "created_at": time.time_ns(),
        }
        return json.loads(self.seal("desired", body))

    async def propose(self, message: Message) -> Any:
        asked = message.json()
        self.proposals.append(asked)
        if self.refuse:
            return {"accepted": False, "code": self.refuse, "detail": "not allowed"}
        self.documents.append(asked["document"])
        return {"accepted": True, "generation": self.generation}


class Rig:
    """One home and its processes."""

    def __init__(self, home: Path, env: Mapping[str, str], monitor: int | None = None) -> None:
        self.home = home
        self._monitor = [] if monitor is None else ["-m", str(monitor)]
        self.env = dict(env)
        self.procs: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("", "keys", "run", "logs", "journals", "store"):
            (home / name).mkdir(mode=0o700, exist_ok=True)
        self.api = Api(SigningKey.generate())
        (home / "keys" / "api.pub").write_bytes(self.api.key.verify_key().raw)
        self._nats = server.prepare(home)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._bus: NatsBus | None = None

    # -- life --

    def start(self, *names: str, **env: str) -> None:
        for name in names:
            argv = (
                [*self._nats.argv, *self._monitor, "-l", str(self.home / "logs" / "nats.log")]
                if name == "nats"
                else [sys.executable, "-m", f"tradedeck.{name}"]
            )
            given = self.environment() | env
            with (self.home / "logs" / f"{name}.out").open("ab") as out:
                self.procs[name] = subprocess.Popen(
                    argv, env=given, stdout=out, stderr=out, cwd=self.home
                )

    def environment(self) -> dict[str, str]:
        """What a process of this home is given."""
        given = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        given |= {"TRADEDECK_HOME": str(self.home), "PYTHONPATH": str(PROGRAM)}
        return given | self.env

    def play_api(self) -> None:
        """Connect as the api and answer for it."""
        self._thread.start()

        async def serve() -> None:
            self._bus = NatsBus.of_home(self.home, "api")
            await self._bus.start(wait_s=10)
            await self._bus.serve("desired.get", self.api.get)
            await self._bus.serve("desired.propose", self.api.propose)

        self.ask(serve())

    def ask(self, work: Coroutine[Any, Any, T], timeout_s: float = 60) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """End one process and wait for it."""
        process = self.procs[name]
        process.send_signal(number)
        return process.wait(60)

    def stop(self) -> None:
        if self._bus is not None:
            self.ask(self._bus.close())
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(60)
        self._loop.close()
        for name in ("runner", "exchange", "nats", *self.procs):
            process = self.procs.get(name)
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)  # a frozen one does not hear it
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(60)

    # -- talking --

    def publish(self, subject: str, payload: Any) -> None:
        assert self._bus is not None
        self.ask(self._bus.publish(subject, payload))

    def subscribe(
        self, subject: str, handler: Callable[[Message], Coroutine[Any, Any, Any]]
    ) -> None:
        """Listen to what is published."""
        assert self._bus is not None
        self.ask(self._bus.serve(subject, handler))

    def desire(self, wanted: dict[str, Any]) -> int:
        """A new version, and its hint."""
        self.api.documents.append(wanted)
        self.publish("desired.hint.local", {"generation": self.api.generation})
        return self.api.generation

    def send(self, envelope: bytes, timeout_s: float = 20) -> dict[str, Any]:
        """Bytes to the runner as they are."""
        assert self._bus is not None
        return self.ask(self._bus.request("cmd.local", json.loads(envelope), timeout_s=timeout_s))

    def command(self, name: str, **args: Any) -> dict[str, Any]:
        """A good command; its answer."""
        body = {"command": name, "args": args, "by": "tester", "audit": "a-1"}

        def attempt() -> dict[str, Any] | None:
            try:
                return self.send(self.api.seal("command", body))
            except TradedeckError:  # nobody listens yet; nothing was carried out
                return None

        return until(attempt, f"an answer to {name}")

    # -- looking --

    @property
    def journal(self) -> Path:
        return self.home / "journals" / "local.db"

    @property
    def exchange(self) -> Path:
        return self.home / "journals" / "paper.db"

    def entries(self, *kinds: str, after: int = 0) -> list[Entry]:
        return entries(self.journal, *kinds, after=after)

    def head(self) -> int:
        found = raw_entries(self.journal)
        return found[-1][0] if found else 0

    def wait(
        self, kind: str, where: Callable[[dict[str, Any]], bool] = lambda _: True, *,
        after: int = 0, count: int = 1, wait_s: float = WAIT_S,
    ) -> list[Entry]:  # fmt: skip
        """Wait for so many entries of a kind."""

        def found() -> list[Entry] | None:
            self.alive()
            hits = [entry for entry in self.entries(kind, after=after) if where(entry.body)]
            return hits if len(hits) >= count else None

        return until(found, f"{count} {kind} entries", wait_s)

    def alive(self) -> None:
        for name, process in self.procs.items():
            if process.poll() not in (None, -signal.SIGKILL):
                raise AssertionError(f"{name} ended {process.poll()}: {self.output(name)[-2000:]}")

    def output(self, name: str) -> str:
        return (self.home / "logs" / f"{name}.out").read_text(errors="replace")


def check_books(journal: Path, exchange: Path, account: str = "main") -> tuple[int, int]:
    """INV-3, INV-5, INV-12, ENG-8 on stopped (or idle) processes; returns (orders, fills).

    Fills and orders of both journals are the same, once each; each send had its entry; positions
    are the sums of fills; P&L is the change of balance to the last digit; both books agree.
    """
    check_chain(journal)
    check_chain(exchange)
    mine, theirs = entries(journal), entries(exchange)
    reports = (
        "exch.fill",
        "exch.order",
        "exch.cancel",
        "exch.expire",
        "exch.reject",
        "exch.replace",
    )
    intents = [e.body["order"]["client_id"] for e in mine if e.kind == "order.intent"]
    assert len(intents) == len(set(intents)), "an intent was journaled twice"
    known = {e.body["client_id"] for e in theirs if e.kind in reports}
    assert known <= set(intents), "the venue knows an order without an intent (INV-3)"
    fills = [e.body["fill"] for e in mine if e.kind == "order.filled"]
    seqs = [fill["venue_seq"] for fill in fills]
    venue_fills = {e.seq: e.body for e in theirs if e.kind == "exch.fill"}
    assert len(seqs) == len(set(seqs)), "a fill was booked twice"
    assert set(seqs) == set(venue_fills), "a fill was lost or invented"
    for fill in fills:
        venue = venue_fills[fill["venue_seq"]]
        assert (fill["quantity"], fill["price"], fill["fee"]) == (
            venue["quantity"], venue["price"], venue["fee"],
        )  # fmt: skip
    held: dict[str, Decimal] = {}
    for fill in fills:
        sign = 1 if fill["side"] == "BUY" else -1
        held[fill["instrument"]] = held.get(fill["instrument"], Decimal(0)) + sign * Decimal(
            fill["quantity"]
        )
    ours, venue_rows = state(journal), state(exchange)
    book = ours[f"book/{account}"]
    for position in book["positions"]:
        symbol = position["instrument"]
        assert Decimal(position["quantity"]) == held.get(symbol, 0)
        row = venue_rows[f"position/{account}/{symbol}"]
        assert Decimal(row["quantity"]) == Decimal(position["quantity"])
    opening = Decimal(next(e.body["balance"] for e in mine if e.kind == "account.opened"))
    postings = [
        Decimal(line["amount"])
        for e in mine
        if e.kind == "order.filled"
        for line in e.body["postings"]
        if line["ledger"] == "cash"
    ]
    assert Decimal(book["balance"]) == opening + sum(postings), "P&L is not the change of balance"
    assert Decimal(book["balance"]) == Decimal(venue_rows[f"account/{account}"]["balance"])
    return len(intents), len(fills)


R = TypeVar("R", bound=Rig)


@contextmanager
def rig(
    home: Path, wanted: dict[str, Any] | None, env: Mapping[str, str] | None = None,
    *, closes: Mapping[str, Sequence[float]] | None = None, start: bool = True,
    monitor: int | None = None, kind: type[R] = Rig,
) -> Iterator[R]:  # fmt: skip
    """A running home, ended whatever happens; `monitor` is a port of nats-server's own figures."""
    made = kind(home, PAPER if env is None else env, monitor)
    try:
        if closes is not None:
            write_bars(home / "bars.csv", closes)
        if wanted is not None:
            made.api.documents.append(wanted)
            (home / "config.yaml").write_text(yaml.safe_dump(wanted))
        if start:
            launch(made)
        yield made
    finally:
        made.stop()


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(made: Rig) -> None:
    """Messages, api, exchange where orders may go, runner."""
    made.start("nats")
    until(lambda: _listens(made), "nats-server", 10)
    made.play_api()
    if made.env.get("PAPER_EXECUTION_ENABLED") == "true":
        made.start("exchange")
    made.start("runner")


def _listens(made: Rig) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((made._nats.host, made._nats.port)) == 0
