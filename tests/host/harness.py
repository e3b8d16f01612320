"""Strategies that misbehave, and a zygote of real processes to run them in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tradedeck.runner.hosts import Hosts

HEAD = """
from __future__ import annotations
import os, signal, socket, sys, threading, time
from dataclasses import dataclass, field
from decimal import Decimal
from tradedeck.strategies.interface import Meta, Strategy, param
from tradedeck.trading.order import OrderType, Side
from tradedeck.trading.signal import OrderRequest, Signal
"""

BODY = """
class C{number}(Strategy):
    meta = Meta("{name}", "{name}", "misbehaves")
    def on_bar(self, bar):
{code}
"""


def write(folder: Path, cases: dict[str, str]) -> None:
    """One file with a strategy for each case; the code is the body of its `on_bar`."""
    folder.mkdir(exist_ok=True)
    parts = [HEAD]
    for number, (name, code) in enumerate(cases.items()):
        body = "\n".join("        " + line for line in code.strip("\n").splitlines())
        parts.append(BODY.format(number=number, name=name, code=body))
    (folder / "cases.py").write_text("".join(parts))


def bar(close: float = 100.0, at: int = 0) -> list[Any]:
    minute = 60_000_000_000
    return ["AAPL", at * minute, (at + 1) * minute, close, close, close, close, 0.0, None, None]


def on_bar(**more: Any) -> dict[str, Any]:
    return {"op": "bar", "context": [0.0, None, 1000.0, 0], "bar": bar(**more)}


def with_hosts(
    folder: Path | None,
    body: Callable[[Hosts], Awaitable[None]],
    memory: int = 256 * 1024 * 1024,
) -> list[tuple[str, str]]:
    """Run `body` with a zygote; returns the lines that strategies printed."""
    lines: list[tuple[str, str]] = []

    async def run() -> None:
        hosts = Hosts(folder, memory, lambda trader, line: lines.append((trader, line)))
        await hosts.start()
        try:
            await body(hosts)
        finally:
            await hosts.stop()

    asyncio.run(asyncio.wait_for(run(), 60))
    return lines
