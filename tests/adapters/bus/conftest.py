"""A real nats-server per test, on a home of its own."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradedeck.adapters.bus.server import Prepared, prepare


class Server:
    """The server as the supervisor would run it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.prepared: Prepared = prepare(home)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.prepared.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        if number is signal.SIGKILL:
            self.process.wait()

    async def listening(self) -> None:
        for _ in range(300):
            try:
                _, writer = await asyncio.open_connection(self.prepared.host, self.prepared.port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return
        raise AssertionError("the server never listened")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Started; killed afterwards."""
    running = Server(tmp_path)
    running.start()
    yield running
    assert running.process is not None
    running.process.send_signal(signal.SIGCONT)
    running.process.kill()
    running.process.wait()
