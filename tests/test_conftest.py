from __future__ import annotations

import asyncio
import os
import socket

import pytest


def test_the_outside_is_refused() -> None:
    with socket.socket() as probe, pytest.raises(RuntimeError, match="loopback only"):
        probe.connect(("192.0.2.1", 80))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
        pytest.raises(RuntimeError, match="loopback only"),
    ):
        probe.sendto(b"x", ("192.0.2.1", 53))
    with pytest.raises(RuntimeError, match="loopback only"):
        socket.getaddrinfo("example.org", 443)


def test_asyncio_is_guarded_too() -> None:
    async def reach() -> None:
        await asyncio.open_connection("192.0.2.1", 80)

    with pytest.raises(RuntimeError, match="loopback only"):
        asyncio.run(reach())


def test_loopback_works() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_the_environment_arms_nothing() -> None:
    armed = [name for name in os.environ if name.startswith(("TRADING_", "LIVE_", "PAPER_"))]
    assert armed == []
