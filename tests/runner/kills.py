"""Kills as a test gives them, and what the venue shows of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.runner.harness import START_S, Entry, Rig, instrument, state
from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.order import Order, OrderType, Side

Cell = tuple[str, str]


def body(name: str, scope: str, **more: Any) -> dict[str, Any]:
    """A kill's own words."""
    return {
        "id": f"kill_{name}", "scope": scope, "step": "flatten", "flatten": True,
        "reason": "a test", "by": "tester", "at_ns": time.time_ns(), **more,
    }  # fmt: skip


def kill(r: Rig, name: str, scope: str, **more: Any) -> dict[str, Any]:
    """Over the bus; the runner's answer."""
    answer = r.command("kill", **body(name, scope, **more))
    assert answer["accepted"], answer
    return answer["result"]


def done(r: Rig, name: str, wait_s: float = 60) -> Entry:
    """Wait until every account of the kill is proved flat."""
    return r.wait("kill.done", lambda b: b["id"] == f"kill_{name}", wait_s=wait_s)[0]


def venue(r: Rig) -> tuple[dict[Cell, Decimal], dict[Cell, int]]:
    """What the venue's own journal shows as held, and how many orders rest, per cell."""
    rows = state(r.exchange)
    held: dict[Cell, Decimal] = {}
    working: dict[Cell, int] = {}
    for name, row in rows.items():
        kind, _, rest = name.partition("/")
        if kind == "position" and Decimal(row["quantity"]):
            account, _, symbol = rest.partition("/")
            held[account, symbol] = Decimal(row["quantity"])
        elif kind == "order":
            cell = (row["order"]["account"], row["order"]["instrument"])
            working[cell] = working.get(cell, 0) + 1
    return held, working


def outside(cells: set[Cell], found: Mapping[Cell, Any]) -> dict[Cell, Any]:
    """What is not in these cells."""
    return {cell: value for cell, value in found.items() if cell not in cells}


def check_never_flipped(r: Rig, after: int = 0) -> None:
    """Every close only brought a position nearer to zero, and never through it."""
    held: dict[Cell, Decimal] = {}
    for entry in r.entries("order.filled"):
        fill = entry.body["fill"]
        cell = (fill["account"], fill["instrument"])
        signed = Decimal(fill["quantity"]) * (1 if fill["side"] == "BUY" else -1)
        before = held.get(cell, Decimal(0))
        held[cell] = before + signed
        if entry.seq > after and entry.body["order"]["purpose"] == "close":
            assert abs(before + signed) < abs(before)
            assert (before + signed) * before >= 0


def by_hand(r: Rig, symbols: list[str], orders: int, account: str = "main") -> None:
    """Foreign to the runner, which is away: seven bought of each symbol, and so many orders that
    rest over all of them.
    """
    asyncio.run(_by_hand(r, symbols, orders, account))


async def _by_hand(r: Rig, symbols: list[str], orders: int, account: str) -> None:
    socket = r.home / "run" / "exchange.sock"
    client = ExchangeClient(socket, "runner", lambda _: None, lambda: None)
    await client.connect()
    specs = [Instrument.from_body(_whole(instrument(symbol))).to_body() for symbol in symbols]
    await client.request("instruments", instruments=specs)
    for symbol in symbols:
        at = START_S * 10**9
        await client.request("bar", bar=[symbol, at, at + 1, 100.0, 100.0, 100.0, 100.0, 1e6])
    for n, symbol in enumerate(symbols):
        client.post("place", "", order=_order(f"hand-{n}", account, symbol, None).to_body())
    for n in range(orders):
        order = _order(f"hand-order-{n}", account, symbols[n % len(symbols)], Decimal(40))
        client.post("place", "", order=order.to_body())
    _, _, refused = await client.settle(20)
    assert not refused, refused
    await client.close()


def _order(name: str, account: str, symbol: str, limit: Decimal | None) -> Order:
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    return Order(
        name, name, account, "", "", symbol, Side.BUY, kind, Decimal(7), 1, limit_price=limit
    )  # fmt: skip


def _whole(body: dict[str, Any]) -> dict[str, Any]:
    return {"asset_class": "equity", "multiplier": "1", **body}
