"""The control plane under load: status requests, 200 event streams, journals taken over.

The api is the real one on a real socket in a process of its own; the journal on the other end of
its bus is played inside that process, so its 100 events a second are on the api's bill too.
Clients are raw sockets in this process: a comfortable HTTP client would be what is measured.
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

from tradedeck.testkit.journals import MemoryJournal, TradingDay

CONNECTIONS = 16
SECONDS = 5.0
READERS = 200
EVENTS_PER_S = 100
ENTRIES = 20_000


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


# -------------------------------------------------------------------------------- the api's side


async def serve() -> None:
    """An api with a journal that grows at a steady pace; ends with standard input."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.api.deck import Wire, running

    sys.setswitchinterval(0.0005)  # as the api's own entry point does
    wire, journal = Wire(), MemoryJournal()
    await wire.play(journal)
    TradingDay(journal).start()
    with tempfile.TemporaryDirectory(prefix="td") as folder:
        async with running(Path(folder) / "h", wire) as deck:
            port = int(deck.url.rpartition(":")[2])
            print(json.dumps({"port": port, "token": deck.token}), flush=True)
            growing = asyncio.create_task(_grow(wire, journal))
            await asyncio.to_thread(sys.stdin.read)
            growing.cancel()


async def _grow(wire: Any, journal: MemoryJournal) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    body = {"trader": "t", "price": "1" * 200}
    while True:
        journal.at_ns = time.time_ns()
        journal.append("cycle", body)
        await wire.hint()
        due += 1 / EVENTS_PER_S
        await asyncio.sleep(max(0.0, due - loop.time()))


# ----------------------------------------------------------------------------------- the clients


class Requests(asyncio.Protocol):
    """One kept-alive connection that asks for the status again and again."""

    def __init__(self, token: str) -> None:
        self._request = (
            f"GET /api/v1/status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._seen, self._need = b"", 0
        self._answer: asyncio.Future[None] | None = None
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if not self._need:
            head = self._seen.find(b"\r\n\r\n")
            if head < 0:
                return
            text = self._seen[:head].lower()
            assert text.startswith(b"http/1.1 200"), text
            length = text.partition(b"content-length: ")[2].partition(b"\r")[0]
            self._need = head + 4 + int(length)
        if len(self._seen) >= self._need and self._answer is not None:
            self._seen, self._need = self._seen[self._need :], 0
            self._answer.set_result(None)

    async def ask(self) -> float:
        self._answer = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self._transport.write(self._request)
        await self._answer
        return time.perf_counter() - began


class Reader(asyncio.Protocol):
    """One event stream; notes how old each event was when it came."""

    def __init__(self, token: str, ages: list[float]) -> None:
        self._head = (
            f"GET /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._ages = ages

    def connection_made(self, transport: Any) -> None:
        transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        second = time.time() % 60
        for part in data.split(b'"at":"')[1:]:
            # Seconds and microseconds of the minute: all that matters to an age, and cheap.
            self._ages.append((second - float(part[17:26].rstrip(b'Z"'))) % 60)


async def requests(port: int, token: str, rate: float | None) -> tuple[float, list[float]]:
    """Requests per second and sorted latencies; `rate` None: as fast as it goes."""
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Requests(token), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    found: list[float] = []
    end = loop.time() + SECONDS

    async def one(number: int, client: Requests) -> None:
        due = loop.time() + (number / rate if rate else 0)
        while loop.time() < end:
            if rate:
                await asyncio.sleep(max(0.0, due - loop.time()))
                due += CONNECTIONS / rate
            found.append(await client.ask())

    began = loop.time()
    await asyncio.gather(*(one(number, client) for number, client in enumerate(clients)))
    return len(found) / (loop.time() - began), sorted(found)


async def streams(port: int, token: str) -> list[float]:
    """Sorted ages of events at 200 readers."""
    ages: list[float] = []
    loop = asyncio.get_running_loop()
    for _ in range(READERS):
        await loop.create_connection(lambda: Reader(token, ages), "127.0.0.1", port)
    await asyncio.sleep(1.0)
    ages.clear()
    await asyncio.sleep(SECONDS)
    return sorted(ages)


def share(values: list[float], part: float) -> float:
    return values[min(len(values) - 1, int(len(values) * part))]


async def measure() -> None:
    with subprocess.Popen(  # noqa: ASYNC220 - started once, before anything is measured
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as api:
        assert api.stdin is not None
        assert api.stdout is not None
        line = b""
        while not line.startswith(b"{"):
            line = api.stdout.readline()
        where = json.loads(line)
        port, token = where["port"], where["token"]
        await requests(port, token, 200)  # warm
        rate, _ = await requests(port, token, None)
        say(
            "authenticated GET status",
            rate,
            "requests/s",
            bound=4_000,
            better="more",
            yardstick="freqtrade 940 · OpenAlgo 400 to 460",
        )
        _, paced = await requests(port, token, 500)
        say("GET status at 500/s, p99", 1000 * share(paced, 0.99), "ms", bound=10, places=2)
        ages = await streams(port, token)
        expected = READERS * EVENTS_PER_S * SECONDS
        say("events delivered of those made", 100 * len(ages) / expected, "%", places=1)
        say("event to stream at 200 readers, p50", 1000 * share(ages, 0.5), "ms", places=1)
        say(
            "event to stream at 200 readers, p99",
            1000 * share(ages, 0.99),
            "ms",
            bound=50,
            places=1,
        )
        api.stdin.close()


def projections() -> None:
    """How fast a journal is taken over into the tables."""
    from tradedeck.projections.apply import apply, read_mark
    from tradedeck.projections.check import parse_page
    from tradedeck.readmodels.consistency import discrepancies
    from tradedeck.store.database import open_store

    journal = MemoryJournal()
    day = TradingDay(journal)
    day.start()
    while journal.head < ENTRIES:
        day.decide("15.00", target="1")
        position = day.positions.get("AAPL")
        day.trade("SELL" if position and position.quantity else "BUY", "10", "15.00")
        day.equity("100000")
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "db" / "t.db")
        began = time.perf_counter()
        after, epoch = 0, None
        while after < journal.head:
            reply = journal.answer({"epoch": epoch, "after": after, "max": 500})
            page = parse_page("local", reply)
            store.write_now(lambda session, page=page: apply(session, page, 1))
            mark = store.read_now(lambda session: read_mark(session, "local"))
            assert mark is not None
            after, epoch = mark.seq, mark.epoch
        seconds = time.perf_counter() - began
        assert store.read_now(discrepancies) == []
        store.close()
    say(
        "journal entries taken over",
        journal.head / seconds,
        "entries/s",
        bound=5_000,
        better="more",
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        uvloop.run(serve())
    else:
        projections()
        uvloop.run(measure())
