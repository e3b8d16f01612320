"""Rooms for drills: accounts `drill-…`, each with a matching and a journal of its own.

The very code that serves real accounts, in the same process, so that what a drill measures is what
a kill would meet; and nothing of it is in the exchange's journal, its reports or its instruments.
A room is thrown away when its drill is over.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from tradedeck.exchange.core import ExchangeCore
from tradedeck.journal.log import Journal
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import is_name
from tradedeck.trading.market import Bar
from tradedeck.trading.money import ONE
from tradedeck.trading.order import Order, OrderType, Purpose, Side

PREFIX = "drill-"
OPS = frozenset({"drill_seed", "drill_end"})
SEED_MAX = 1_000
ROOMS_MAX = 2  # a guard that died in a drill leaves one behind
PRICE = 100.0
FAR = ONE * 50  # half the price: it rests
UNITS = ONE * 10


class Drills:
    """Every room of this exchange.

    Args:
        folder: where the rooms' journals lie meanwhile; leftovers are removed.
        now_ns: wall clock.
        monotonic_ns: see `ExchangeCore`.

    """

    def __init__(
        self, folder: Path, now_ns: Callable[[], int], monotonic_ns: Callable[[], int]
    ) -> None:
        self._folder = folder
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns
        self._rooms: dict[str, tuple[ExchangeCore, Journal]] = {}
        for left in folder.glob(f"{PREFIX}*.db*"):
            left.unlink()

    def of(self, request: dict[str, Any]) -> ExchangeCore | None:
        """The room that a request belongs to; None where it is none of a drill."""
        order: Any = request.get("order")
        fields = cast("dict[str, Any]", order) if isinstance(order, dict) else request
        room = self._rooms.get(str(fields.get("account")))
        if room is None and request.get("op") == "lookup":
            room = next((r for r in self._rooms.values() if r[1].has(_id(request))), None)
        return None if room is None else room[0]

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """`drill_seed` {account, orders, positions, latency_ms?} or `drill_end` {account}.

        Raises:
            TradedeckError: INVALID, FORBIDDEN for an account that is none of a drill.

        """
        account = request.get("account")
        if not isinstance(account, str) or not account.startswith(PREFIX) or not is_name(account):
            raise TradedeckError(Code.FORBIDDEN, f"a drill's account begins with {PREFIX}")
        if request["op"] == "drill_end":
            self._end(account)
            return {}
        orders, positions = request.get("orders"), request.get("positions")
        if not all(type(n) is int and 0 <= n <= SEED_MAX for n in (orders, positions)):
            raise TradedeckError(Code.INVALID, f"a drill has 0 to {SEED_MAX} orders and positions")
        latency = request.get("latency_ms", 0)
        return self._seed(account, cast("int", orders), cast("int", positions), int(latency))

    def commit(self) -> None:
        """Make every room's turn durable, as the exchange's own is."""
        for core, _ in self._rooms.values():
            core.commit()

    def close(self) -> None:
        """Throw every room away."""
        for account in list(self._rooms):
            self._end(account)

    def _seed(self, account: str, orders: int, positions: int, latency: int) -> dict[str, Any]:
        if account in self._rooms:
            raise TradedeckError(Code.CONFLICT, f"{account} is in use")
        while len(self._rooms) >= ROOMS_MAX:
            self._end(next(iter(self._rooms)))
        journal = Journal(self._folder / f"{account}.db", self._now_ns)
        core = ExchangeCore(journal, self._monotonic_ns)
        self._rooms[account] = (core, journal)
        count = max(orders, positions)
        core.handle({"op": "instruments", "instruments": [_instrument(n) for n in range(count)]})
        core.handle(
            {
                "op": "account", "account": account, "currency": "USD", "model": {},
                "balance": "100000000", "latency_ms": latency,
            }
        )  # fmt: skip
        for n in range(count):
            bar = Bar(_symbol(n), 0, 1, PRICE, PRICE, PRICE, PRICE)
            core.handle({"op": "bar", "bar": bar.to_list()})
            if n < positions:
                core.handle({"op": "place", "order": _order(account, n, OrderType.MARKET)})
            if n < orders:
                core.handle({"op": "place", "order": _order(account, n, OrderType.LIMIT)})
        core.commit()
        return core.handle({"op": "snapshot", "account": account})

    def _end(self, account: str) -> None:
        room = self._rooms.pop(account, None)
        if room is not None:
            room[1].close()
            for left in self._folder.glob(f"{account}.db*"):
                left.unlink()


def _id(request: dict[str, Any]) -> str:
    return f"id/{request.get('client_id')}"


def _symbol(n: int) -> str:
    return f"DRILL{n}"


def _instrument(n: int) -> dict[str, Any]:
    return {
        "symbol": _symbol(n), "currency": "USD", "tick": "0.01", "step": "1", "calendar": "24x7",
        "asset_class": "equity", "multiplier": "1", "margin_rate": "1",
    }  # fmt: skip


def _order(account: str, n: int, kind: OrderType) -> dict[str, Any]:
    name = f"{account}-{kind.value.lower()}-{n}"
    limit = FAR if kind is OrderType.LIMIT else None
    return Order(
        name, name, account, "drill", "drill", _symbol(n), Side.BUY, kind, UNITS, 1,
        limit_price=limit, purpose=Purpose.ENTRY, by="drill",
    ).to_body()  # fmt: skip
