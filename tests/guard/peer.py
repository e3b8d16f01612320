"""A small real process that speaks the runner's side of the guard's socket.

It has an exchange session, a journal, its accounts' claims, a working loop that beats. What it does
about a kill is told by its first argument: `owns` (latches and closes by itself), `mute` (beats and
never answers), `claims` (owns and then stands still while it beats), `lies` (says closed at once).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.closing.epoch import Epoch
from tradedeck.closing.types import Owner
from tradedeck.guard.fence import started
from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import SystemClock
from tradedeck.kernel.frames import Unpacker, pack
from tradedeck.trading.order import Order, OrderType, Purpose, Side

BEAT_S = 0.05


def order(name: str, side: str, units: int, symbol: str, **more: Any) -> Order:
    return Order(
        name, name, more.pop("account", "main"), more.pop("trader", "one"), "s", symbol,
        Side(side), more.pop("type", OrderType.MARKET), Decimal(units), 60, **more,
    )  # fmt: skip


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


class Peer:
    def __init__(self, home: Path, mode: str, spec: dict[str, Any]) -> None:
        self.home, self.mode, self.spec = home, mode, spec
        self.clock = SystemClock()
        self.journal = Journal(home / "journals" / "local.db", self.clock.now_ns)
        self.writer: asyncio.StreamWriter | None = None
        self.closing: list[str] = []
        self.halts: dict[str, Any] = self.journal.get("halts") or {}

    async def venue(self) -> ExchangeClient:
        client = ExchangeClient(
            self.home / "run" / "exchange.sock", "runner", lambda _: None, lambda: None
        )
        await client.connect()
        return client

    async def seed(self) -> None:
        symbols, orders = self.spec["symbols"], []
        self.journal.put("desired", {"generation": 1, "document": self.document()})
        self.journal.append("runner.started", {"pid": os.getpid()})
        self.journal.commit()
        if self.journal.head > 1 or not self.spec.get("armed", True):
            return
        client = await self.venue()
        await client.request("instruments", instruments=[
            {"symbol": s, "currency": "USD", "tick": "0.01", "step": "1", "calendar": "24x7",
             "asset_class": "equity", "multiplier": "1", "margin_rate": "1"} for s in symbols
        ])  # fmt: skip
        model = {"latency_ms": self.spec.get("latency_ms", 0)}
        for account in self.spec["accounts"]:
            await client.request(
                "account", account=account, currency="USD", balance="10000000", model={},
                latency_ms=model["latency_ms"],
            )  # fmt: skip
        for n, symbol in enumerate(symbols):
            await client.request(
                "bar", bar=[symbol, 0, 60 + n, 100, 101, 99, 100, None, None, None]
            )
            for account in self.spec["accounts"]:
                tag = f"{account}-{symbol}"
                orders += [
                    order(f"{tag}-held", "BUY", 10, symbol, account=account),
                    order(f"{tag}-rest", "BUY", 5, symbol, account=account,
                          type=OrderType.LIMIT, limit_price=Decimal(90)),
                    order(f"{tag}-stop", "SELL", 10, symbol, account=account, type=OrderType.STOP,
                          stop_price=Decimal(80), reduce_only=True, purpose=Purpose.PROTECTIVE),
                ]  # fmt: skip
        for each in orders:
            await client.request("place", timeout_s=60, order=each.to_body())
        self.client = client

    def document(self) -> dict[str, Any]:
        return {
            "version": 1,
            "accounts": [
                {"id": a, "exchange": {"latency_ms": self.spec.get("latency_ms", 0)}}
                for a in self.spec["accounts"]
            ],
            "traders": [
                {"id": f"t-{s}", "account": a, "instrument": s, "strategy": "s"}
                for a in self.spec["accounts"] for s in self.spec["symbols"]
            ],
        }  # fmt: skip

    def claim(self) -> None:
        self.epochs = {}
        for account in self.spec["accounts"]:
            epoch = Epoch(self.home / "run" / "closer", account)
            try:
                epoch.take(Owner.RUNNER, None, self.clock.now_ns())
            except Exception as error:  # noqa: BLE001 - it goes on without, and says so
                say(f"no claim: {error}")
                continue
            self.epochs[account] = epoch

    def send(self, **frame: Any) -> None:
        if self.writer is not None:
            self.writer.write(pack(frame))

    async def line(self) -> None:
        while True:
            try:
                path = str(self.home / "run" / "guard.sock")
                reader, self.writer = await asyncio.open_unix_connection(path)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            policy = self.spec.get("policy") or {}
            self.send(
                op="hello", role="runner", runner="local", pid=os.getpid(),
                started=started(os.getpid()), halts=self.halts,
                accounts=[{"id": a, "policy": policy} for a in self.spec["accounts"]],
            )  # fmt: skip
            unpacker = Unpacker()
            try:
                while data := await reader.read(65536):
                    for frame in unpacker.feed(data):
                        await self.take(frame)
            except OSError:
                pass
            self.writer = None

    async def take(self, frame: dict[str, Any]) -> None:
        say(json.dumps(frame))
        if frame["op"] == "latch":
            self.halts |= frame["halts"]
            for lift in frame["lifts"]:
                await self.take({"op": "lift", **lift})
            for kill in frame["kills"]:
                if all(leg["by"] == "asked" for leg in kill["legs"].values()):
                    await self.take({"op": "kill", **kill})
        elif frame["op"] == "lift":
            self.halts.pop(frame["scope"], None)
            self.send(op="lifted", scope=frame["scope"])
        elif frame["op"] == "kill" and self.mode != "mute":
            self.closing.append(frame["id"])
            self.send(op="owned", id=frame["id"], accounts=self.spec["accounts"])
            if self.mode == "owns":
                await self.close(frame["id"])
            if self.mode in ("owns", "lies"):
                for account in self.spec["accounts"]:
                    self.send(op="closed", id=frame["id"], account=account, proof={})
        self.journal.put("halts", self.halts)
        self.journal.commit()

    async def close(self, kill: str) -> None:
        for account in self.spec["accounts"]:
            await self.client.request("cancel_all", account=account, time_ns=61)
            self.send(op="step", id=kill, account=account, words="cancel all", numbers={})
            shown = await self.client.request("snapshot", account=account)
            for symbol, units in shown["positions"].items():
                side = "SELL" if Decimal(units) > 0 else "BUY"
                close = order(f"{kill}-{symbol}", side, abs(int(Decimal(units))), symbol,
                              account=account, reduce_only=True)  # fmt: skip
                await self.client.request("place", order=close.to_body())

    async def run(self) -> None:
        self.claim()
        await self.seed()
        line = asyncio.create_task(self.line())
        say("ready")
        n = 0
        while not line.done():
            n += 1
            self.send(op="beat", n=n, head=self.journal.head, closing=self.closing)
            await asyncio.sleep(BEAT_S)


if __name__ == "__main__":
    asyncio.run(
        Peer(Path(os.environ["TRADEDECK_HOME"]), sys.argv[1], json.loads(sys.argv[2])).run()
    )
