"""What a session may not do to the exchange, without a process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from tradedeck.exchange import server
from tradedeck.exchange.core import ExchangeCore
from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import ManualClock
from tradedeck.kernel.frames import pack


def test_more_requests_than_may_wait_end_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DELAYED_MAX", 3)
    clock = ManualClock()

    async def scenario() -> bytes:
        journal = Journal(tmp_path / "paper.db", clock.now_ns)
        core = ExchangeCore(journal, clock.monotonic_ns)
        path = tmp_path / "exchange.sock"
        serving = server.ExchangeServer(core, path, lambda _head: None, clock.now_ns, pytest.fail)
        await serving.start()
        reader, writer = await asyncio.open_unix_connection(str(path))
        asked: list[dict[str, Any]] = [{"op": "hello", "re": n, "role": "guard"} for n in range(4)]
        writer.write(b"".join(pack(cast("Any", request)) for request in asked))
        answered = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await serving.stop()
        journal.close()
        return answered

    assert asyncio.run(scenario()) == b""
