"""What a page and a program see: up → first 200, status, events to 200 streams, what all weigh.

The demo under its real supervisor at 25 sessions a second (a hundred decisions). Beside the status:
a bare starlette answering as many bytes, asked the same way in the same minute. Then the status
again while strangers guess passwords as fast as they are answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import uvloop

from tradedeck.ops.hostact import call
from tradedeck.supervisor.demo import document

SPEED = 25
STREAMS = 200
LISTEN_S = 6.0
REQUESTS = 4_000
CONNECTIONS = 16
PACED = 500
PACED_S = 4
STRANGERS = 8
STAMP = re.compile(rb'"seq":(\d+),"at":"[^"]{17}([0-9.]+)Z","source":"local"')
FLOOR = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
BODY = b'{"x":"' + b"y" * int(sys.argv[2]) + b'"}'
async def answer(request): return Response(BODY, media_type="application/json")
uvicorn.run(Starlette(routes=[Route("/status", answer)]), port=int(sys.argv[1]), log_level="error")
"""


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


def share(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Line:
    """One keep-alive connection that asks for one thing."""

    def __init__(self, port: int, path: str, token: str) -> None:
        self._port = port
        self.request = (
            f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        ).encode()

    async def open(self) -> Line:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def ask(self) -> bytes:
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head[:20], head[:200]
        size = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert size is not None
        return await self.reader.readexactly(int(size[1]))


async def flat_out(port: int, path: str, token: str) -> float:
    lines = [await Line(port, path, token).open() for _ in range(CONNECTIONS)]

    async def work(line: Line) -> None:
        for _ in range(REQUESTS // CONNECTIONS):
            await line.ask()

    began = time.perf_counter()
    await asyncio.gather(*(work(line) for line in lines))
    return REQUESTS / (time.perf_counter() - began)


async def paced(port: int, path: str, token: str) -> list[float]:
    """Milliseconds of requests that begin on a clock, whether or not the last one is back."""
    lines = [await Line(port, path, token).open() for _ in range(CONNECTIONS)]
    took: list[float] = []
    began = time.perf_counter()

    async def work(offset: int) -> None:
        for n in range(offset, PACED * PACED_S, CONNECTIONS):
            due = began + n / PACED
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await lines[offset].ask()
            took.append((time.perf_counter() - due) * 1000)

    await asyncio.gather(*(work(n) for n in range(CONNECTIONS)))
    return took


class Reader(asyncio.Protocol):
    """One event stream; notes how old each of the runner's events was when it came.

    A raw socket and one search per read: 200 comfortable clients would be what is measured.
    """

    def __init__(self, request: bytes, ages: list[float], seen: set[bytes]) -> None:
        self._request = request
        self._ages = ages
        self._seen = seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        second = time.time() % 60
        for seq, at in STAMP.findall(data):
            # Seconds and microseconds of the minute: all that matters to an age, and cheap.
            self._ages.append((second - float(at)) % 60)
            self._seen.add(seq)


async def streams(port: int, token: str) -> tuple[list[float], float, float]:
    """(ages in milliseconds at 200 readers, events a second, share of them that came)."""
    ages: list[float] = []
    seen: set[bytes] = set()
    request = Line(port, "/api/v1/events", token).request
    loop = asyncio.get_running_loop()
    lines = [
        (await loop.create_connection(lambda: Reader(request, ages, seen), "127.0.0.1", port))[0]
        for _ in range(STREAMS)
    ]
    await asyncio.sleep(2)  # all of them have begun
    ages.clear()
    seen.clear()
    await asyncio.sleep(LISTEN_S)
    found, events = [1000 * age for age in ages], len(seen)
    for line in lines:
        line.close()
    return found, events / LISTEN_S, len(found) / (STREAMS * max(1, events))


def weight_mb(pid: int) -> float:
    """Proportional set size of a process and everything below it."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    total = int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) / 1000
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            total += weight_mb(int(child))
    return total


def up(home: Path, port: int) -> tuple[subprocess.Popen[bytes], float]:
    """The demo, and seconds until /health answers."""
    home.mkdir(mode=0o700, exist_ok=True)
    wanted: dict[str, Any] = document()
    wanted["feeds"][0]["speed"] = SPEED
    (home / "seed.yaml").write_text(json.dumps(wanted))
    (home / "demo.json").write_text('{"demo": true}')
    env = {n: os.environ[n] for n in ("PATH", "HOME", "PYTHONPATH") if n in os.environ}
    env |= {"TRADEDECK_HOME": str(home), "TRADEDECK_PORT": str(port)}
    began = time.perf_counter()
    with (home / "out").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tradedeck.supervisor", "--demo"],
            env=env,
            stdout=out,
            stderr=out,
        )
    while time.perf_counter() < began + 60:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as line:
                line.sendall(
                    b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                if b" 200 " in line.recv(100):
                    break
        except OSError:
            time.sleep(0.02)
    return process, time.perf_counter() - began


def measure(port: int, token: str) -> None:
    status = "/api/v1/status"
    size = len(asyncio.run(one(port, status, token)))
    floor_port = free_port()
    floor = subprocess.Popen([sys.executable, "-c", FLOOR, str(floor_port), str(size)])
    try:
        time.sleep(2)
        bare = asyncio.run(flat_out(floor_port, "/status", ""))
        bare_ms = asyncio.run(paced(floor_port, "/status", ""))
    finally:
        floor.terminate()
        floor.wait(10)
    ours = asyncio.run(flat_out(port, status, token))
    say("GET status, authenticated", ours, "req/s", bound=4_000, better="more",
        yardstick=f"bare starlette here {bare:,.0f} · freqtrade 940 · OpenAlgo 460")  # fmt: skip
    took = asyncio.run(paced(port, status, token))
    say(f"GET status at {PACED}/s, p99", share(took, 0.99), "ms", bound=10, places=1,
        yardstick=f"bare starlette here {share(bare_ms, 0.99):.1f}")  # fmt: skip
    late, rate, came = uvloop.run(streams(port, token))
    beside = f"at {rate:.0f} events/s, p50 {share(late, 0.5):.1f}; starlette 4 to 7"
    say(f"event → {STREAMS} streams, p99", share(late, 0.99), "ms", bound=50, places=1,
        yardstick=beside)  # fmt: skip
    say("events delivered of those made", 100 * came, "%", places=1)
    took, answers = uvloop.run(besieged(port, token))
    told = ", ".join(f"{count:,} x {code}" for code, count in sorted(answers.items()))
    say(f"the same while {STRANGERS} strangers guess passwords, p99", share(took, 0.99), "ms",
        bound=10, places=1, yardstick=f"they were answered {told}")  # fmt: skip


async def besieged(port: int, token: str) -> tuple[list[float], dict[int, int]]:
    """Milliseconds of the status while strangers guess, and what they were answered, by code."""
    answers: dict[int, int] = {}
    over = asyncio.Event()

    async def guess(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = json.dumps({"name": f"admin{number or ''}", "password": "a guess of sixteen"})
        request = (
            f"POST /api/v1/sessions/password HTTP/1.1\r\nHost: localhost:{port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        while not over.is_set():
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            assert size is not None
            await reader.readexactly(int(size[1]))
            code = int(head.split(b" ", 2)[1])
            answers[code] = answers.get(code, 0) + 1
        writer.close()

    guessing = [asyncio.create_task(guess(number)) for number in range(STRANGERS)]
    await asyncio.sleep(1)
    took = await paced(port, "/api/v1/status", token)
    over.set()
    await asyncio.gather(*guessing)
    return took, answers


async def one(port: int, path: str, token: str) -> bytes:
    line = await Line(port, path, token).open()
    return await line.ask()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder) / "home", free_port()
        process, _ = up(home, port)  # the first start makes keys and the store
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process, seconds = up(home, port)
        try:
            say("up → first 200", seconds, "s", bound=2.5, places=2, yardstick="OpenAlgo 2.5")
            time.sleep(6)
            say("all processes of the demo, PSS", weight_mb(process.pid), "MB", bound=350)
            token = call(home, "/host/tokens", {"role": "viewer", "name": "bench", "days": 1})
            measure(port, str(token["token"]))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


if __name__ == "__main__":
    main()
