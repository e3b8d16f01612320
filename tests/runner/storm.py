"""Every breaker there is, opened in a deck of real processes while events flow to many listeners.

One account for each, so that what stops one leaves the others. Their bounds are out of reach until
`break_all` tightens them in one version and takes away what they watch: the feed's file ends, the
host's clock is set (for the runner alone, by a module that Python loads before it), the venue
rejects what a strategy closes twice.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.host.harness import write as write_strategies
from tests.program import PROGRAM
from tests.runner.harness import document, trader, wave, write_bars
from tests.supervisor.test_up import Up
from tradedeck.kernel.clock import NS_PER_S

SPEED = 6  # bars a second; each is some twenty events
CLOCK_S = 2
LOOSE = 10_000
DAY_S = 86_400
STRATEGIES = {
    "turns": "return Signal(-1.0 if self.context.position > 0 else 1.0)",
    "holds": "return Signal(1.0)",
    "closes-twice": """
if self.context.position > 0:
    close = OrderRequest(Side.SELL, Decimal(10), reduce_only=True)
    return [close, OrderRequest(Side.SELL, Decimal(10), reduce_only=True)]
return Signal(1.0)
""",
}
CASES = {
    "turns-around": ("main", "turns"),
    "repeats": ("repeating", "turns"),
    "doubles": ("rejected", "closes-twice"),
    "loses": ("trading", "turns"),
    "sinks": ("sinking", "holds"),
    "drains": ("losing", "turns"),
    "waits": ("fed", "holds"),
}
"""Trader → its account and its strategy."""
SHIM = f"""
import os, sys, time
if "tradedeck.runner" in sys.orig_argv:
    real, mark = time.time_ns, os.path.join(os.environ["TRADEDECK_HOME"], "clock")
    time.time_ns = lambda: real() + {CLOCK_S * NS_PER_S} * os.path.exists(mark)
"""
# Kind of entry, where, and its name: everything of the list.
ALERTS = {
    ("breaker.tripped", "feed/frames", "stale_checks"),
    ("breaker.tripped", "feed/frames", "feed_disconnected"),
    ("breaker.tripped", "account/rejected", "rejects"),
    ("breaker.tripped", "trader/repeats", "repeated_execution"),
    ("breaker.tripped", "account/main", "clock_offset"),
    ("limit.breached", "trader/loses", "loss_max"),
    ("limit.breached", "account/losing", "loss_max"),
    ("limit.breached", "account/sinking", "drawdown_max"),
}
Alert = tuple[str, str, str]


def wanted(home: Path) -> dict[str, Any]:
    """The desired document, every bound out of reach."""
    feed = {"id": "frames", "kind": "live_file", "source": str(home / "frames.jsonl"),
            "instruments": ["FFF"], "interval": "1m"}  # fmt: skip
    traders = [
        trader(name, "AAA", strategy, account=account, sizing={"kind": "units", "value": "100"})
        for name, (account, strategy) in CASES.items()
    ]
    traders[2]["sizing"]["value"] = "10"
    traders[-1] |= {"feed": "frames", "instrument": "FFF"}
    traders[3]["limits"] = {"loss_max": {"bound": "1000000", "action": "pause"}}
    body = document(traders, speed=SPEED)
    body["feeds"][0]["instruments"] = ["AAA"]
    body["feeds"].append(feed)
    (account,) = body["accounts"]
    counting = {"bound": LOOSE, "window_s": DAY_S, "action": "pause", "resume": "person"}
    measured = {"bound": LOOSE, "action": "pause", "resume": "auto", "cooldown_s": 600}
    account |= {
        "limits": {"stale_checks_max": LOOSE, "loss_max": {"bound": "1000000", "action": "pause"},
                   "drawdown_max": {"bound": "1", "action": "reduce_only"}},
        "breakers": {"rejects": counting, "repeated_execution": counting,
                     "clock_offset": measured, "feed_disconnected": measured},
    }  # fmt: skip
    names = {account for account, _ in CASES.values()}
    body["accounts"] = [account | {"id": name} for name in sorted(names)]
    return body


class Storm:
    """A deck that trades, and what is to be broken in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(mode=0o700, parents=True)
        (home / "shim").mkdir()
        (home / "shim" / "sitecustomize.py").write_text(SHIM)
        write_strategies(home / "strategies", STRATEGIES)
        write_bars(home / "bars.csv", {"AAA": wave(400)})
        (home / "wanted.json").write_text(json.dumps(wanted(home)))
        self._cut = threading.Event()
        self._frames = threading.Thread(target=self._write, daemon=True)
        self._frames.start()
        self.deck = Up(
            home,
            TRADING_MODE="paper",
            PAPER_EXECUTION_ENABLED="true",
            LIVE_FILE_STALE_MS="2000",
            LIVE_FILE_REFRESH_MS="100",
            TRADEDECK_LOOSENING_WAIT_S="0.5",
            TRADEDECK_WATCHDOG_S="0",  # a slow machine is not a frozen process
            PYTHONPATH=f"{PROGRAM}:{home / 'shim'}",
        )

    def _write(self) -> None:
        path = self.home / "frames.jsonl"
        while True:
            at = time.time_ns() - 60 * NS_PER_S
            body = {"instrument": "FFF", "time": at, "open": 9, "high": 9, "low": 9, "close": 9}
            with path.open("a") as file:
                file.write(json.dumps(body) + "\n")
            if self._cut.wait(0.2):
                return

    def trading(self) -> None:
        """Until every account trades and nothing has opened."""
        self.deck.serving()
        self.deck.running("nats", "api", "exchange", "runner")
        self.deck.until(lambda: self.deck.status()["mode"] == "paper", 120)
        step_up = self.deck.run("token", "step-up")[1].split()[0]
        file = str(self.home / "wanted.json")
        code, out = self.deck.run("config", "set", "--file", file, "--step-up", step_up)
        assert code == 0, out

        def all_decided() -> bool:
            traders = self.deck.status()["traders"]
            return len(traders) == len(CASES) and all(each["last_decision"] for each in traders)

        self.deck.until(all_decided, 120)

    def token(self) -> str:
        """A bearer token of a reader."""
        made: dict[str, Any] = self.deck.json("token", "create", "--role", "viewer")
        return str(made["token"])

    @property
    def port(self) -> int:
        """Where the api listens."""
        url = json.loads((self.home / "run" / "api.json").read_text())["url"]
        return int(url.rstrip("/").rpartition(":")[2])

    def get(self, path: str) -> Any:
        """One read of the api."""
        headers = {"authorization": f"Bearer {self.token()}"}
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1{path}", headers=headers
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    def break_all(self) -> None:
        """Everything at once: nothing here waits for what opens."""
        self._cut.set()
        breakers, limits = "accounts.{}.breakers.{}.bound={}", "accounts.{}.limits.{}={}"
        code, out = self.deck.run(
            "config", "set",
            breakers.format("fed", "feed_disconnected", 3),
            limits.format("fed", "stale_checks_max", 3),
            breakers.format("rejected", "rejects", 3),
            breakers.format("repeating", "repeated_execution", 3),
            breakers.format("main", "clock_offset", 1),
            limits.format("losing", "loss_max.bound", 5),
            limits.format("sinking", "drawdown_max.bound", "0.0005"),
            "traders.loses.limits.loss_max.bound=5",
            "--reason", "to break them all",
        )  # fmt: skip
        assert code == 0, out
        self.deck.until(self._observed, 120)
        (self.home / "clock").touch()

    def _observed(self) -> bool:
        status = self.deck.status()
        return status["observed_generation"] == status["desired_generation"]

    def stop(self) -> None:
        """End the deck and the frames."""
        self._cut.set()
        self._frames.join(60)
        if self.deck.process.poll() is None:
            self.deck.stop()
        assert self.deck.process.stdout is not None
        self.deck.process.stdout.close()


class Listener(asyncio.Protocol):
    """One event stream, read without a client library so that many of them cost little.

    Each write of the server is one chunk of whole frames, so that the chunk's own line stands
    before the first of them and nowhere else. `alerts` holds (seq, alert, journal's time, arrival).
    """

    def __init__(self, token: str) -> None:
        self._head = (
            f"GET /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._rest = b""
        self.events = 0
        self.lost = ""
        self.alerts: list[tuple[int, Alert, str, int]] = []

    def missing(self) -> set[Alert]:
        """What it has not heard of yet."""
        return ALERTS - {alert for _, alert, _, _ in self.alerts}

    def connection_made(self, transport: Any) -> None:
        transport.write(self._head)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self.lost or f"the stream ended: {exc}" * (exc is not None)

    def data_received(self, data: bytes) -> None:
        arrived = time.time_ns()
        *frames, self._rest = (self._rest + data).split(b"\n\n")
        for part in frames:
            frame = part[max(part.find(b"id: "), 0) :]
            if frame.startswith(b"id: "):
                self.events += 1
                if b"event: breaker.tripped" in frame or b"event: limit.breached" in frame:
                    self._alert(frame, arrived)
            elif b"event: closed" in frame or b"event: gap" in frame:
                self.lost = frame.decode()

    def _alert(self, frame: bytes, arrived: int) -> None:
        event = json.loads(frame.partition(b"\ndata: ")[2])
        body = event["body"]
        alert = (event["kind"], body["scope"], body.get("breaker") or body["limit"])
        self.alerts.append((event["seq"], alert, event["at"], arrived))


async def listen(
    storm: Storm, readers: int, wait_s: float
) -> tuple[list[Listener], tuple[int, float]]:
    """Listen with many, break everything, wait until each has heard of all; with the events that
    one of them had and the seconds that took.
    """
    token, loop = storm.token(), asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: Listener(token), "127.0.0.1", storm.port)
        for _ in range(readers)
    ]
    listeners = [listener for _, listener in opened]
    try:
        return listeners, await _heard(storm, listeners, wait_s)
    finally:
        for transport, _ in opened:
            transport.abort()
        await asyncio.sleep(0)  # so that the sockets are closed


async def _heard(storm: Storm, listeners: list[Listener], wait_s: float) -> tuple[int, float]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(wait_s):
        while not all(each.events for each in listeners):  # noqa: ASYNC110 - filled by the loop
            await asyncio.sleep(0.02)
    began, before = loop.time(), listeners[0].events
    await asyncio.to_thread(storm.break_all)
    until = loop.time() + wait_s
    while missing := {name for each in listeners if not each.lost for name in each.missing()}:
        assert loop.time() < until, f"waited {wait_s:g} s for {missing}"
        await asyncio.sleep(0.02)
    return listeners[0].events - before, loop.time() - began
