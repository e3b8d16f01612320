"""INV-4: what is concluded from a look at the venue's record, and what is not."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tradedeck.execution.book import Book
from tradedeck.runner.recover import Recovery
from tradedeck.trading.order import Order, OrderType, Side, Status


class _Link:
    """A venue's line whose log brings nothing new."""

    connected = True

    def __init__(self, known: bool) -> None:
        self._known = known

    async def since(self, seq: int) -> list[Any]:
        return []

    async def lookup(self, client_id: str) -> tuple[bool, list[Any]]:
        return self._known, []


@pytest.mark.parametrize("status", [Status.INTENT, Status.SENT, Status.UNKNOWN])
@pytest.mark.parametrize("known", [True, False])
def test_inv_4_only_what_the_venue_does_not_know_never_reached_it(
    status: Status, known: bool
) -> None:
    """One that arrived between the log's read and the look at it is not taken for lost."""
    book = Book("main", "USD", {})
    order = Order("o", "c", "main", "t", "s", "AAA", Side.BUY, OrderType.MARKET, Decimal(1), 0)
    book.add(order)
    order.status = status
    lost: list[Order] = []
    engine = SimpleNamespace(book=book, locked=False)
    account = SimpleNamespace(executes=True, engine=engine)
    world: Any = SimpleNamespace(
        link=_Link(known),
        accounts={"main": account},
        stops=None,
        alive=lambda: None,
        sink=SimpleNamespace(never_reached=lost.append),
    )
    stepper: Any = SimpleNamespace()
    asyncio.run(Recovery(world, stepper)._resolve())
    assert (order.status, lost) == ((status, []) if known else (Status.REJECTED, [order]))
    assert ("c" in book.orders) is known
