"""The guard's own session with the paper exchange for one account: reads, cancels, reduces.

Role `guard`: the exchange itself refuses it anything that could open. A line that broke is opened
anew for the next request; what was in flight is unknown and said so.
"""

from __future__ import annotations

from pathlib import Path

from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.adapters.brokers.paper.read import PaperRead
from tradedeck.adapters.brokers.paper.reduce import PaperReduce
from tradedeck.closing.types import CancelAll, CancelOne, CloseOut, ReplaceProtective, Truth
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.trading.order import Order, OrderType, Purpose
from tradedeck.venue.report import Report

SETTLE_S = 2.0
Send = CancelAll | CancelOne | CloseOut | ReplaceProtective


class Line:
    """One session.

    Args:
        path: the exchange's socket.
        account: whose.
        latency_s: how long the exchange holds back what is sent for it.

    """

    def __init__(self, path: Path, account: str, latency_s: float = 0.0) -> None:
        self._path = path
        self._account = account
        self._timeout_s = SETTLE_S + latency_s
        self._client: ExchangeClient | None = None

    async def client(self) -> ExchangeClient:
        """The session, opened where there is none; raises UNAVAILABLE or TIMEOUT."""
        if self._client is None or not self._client.connected:
            client = ExchangeClient(self._path, "guard", lambda _: None, lambda: None)
            try:
                await client.connect()
            except TradedeckError:
                await client.close()
                raise
            self._client = client
        return self._client

    async def close(self) -> None:
        """End it."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def read(self, now_ns: int) -> Truth:
        """What the venue shows, asked at `now_ns`; nothing where it never knew the account."""
        try:
            found = await PaperRead(await self.client()).account(self._account)
        except TradedeckError as error:
            if error.code is Code.NOT_FOUND:
                return Truth({}, (), 0, now_ns)
            if error.code is Code.TIMEOUT:
                await self.close()
            raise
        return Truth.of(found, now_ns)

    async def lookup(self, client_id: str) -> list[Report]:
        """The reports of an order, if it ever reached the venue."""
        return (await PaperRead(await self.client()).lookup(client_id))[1]

    async def send(
        self, sends: list[Send], named: dict[str, tuple[str, str]], kill: str, now_ns: int
    ) -> tuple[list[Report], list[str]]:
        """Send each once; reports, and the client ids whose outcome is not known.

        Args:
            sends: in their order.
            named: instrument → (trader, strategy) to book a close on.
            kill: by whose decision.
            now_ns: wall clock.

        """
        try:
            client = await self.client()
        except TradedeckError:
            return [], [s.sent.client_id for s in sends if not isinstance(s, CancelAll | CancelOne)]
        reduce = PaperReduce(client)
        for send in sends:
            if isinstance(send, CancelAll):
                reduce.cancel_all(self._account, send.instruments, now_ns)
            elif isinstance(send, CancelOne):
                reduce.withdraw(self._account, send.order, now_ns)
            else:
                reduce.reduce(self._order(send, named, kill))
        reports, unknown, _ = await client.settle(self._timeout_s)
        if client.overdue:
            await self.close()
        return reports, [name for name in unknown if name]

    def _order(
        self, send: CloseOut | ReplaceProtective, named: dict[str, tuple[str, str]], kill: str
    ) -> Order:
        sent = send.sent
        trader, strategy = named.get(sent.instrument, ("", ""))
        order = Order(
            sent.client_id, sent.client_id, self._account, trader, strategy, sent.instrument,
            sent.side, OrderType.MARKET, sent.quantity, sent.at_ns,
            reduce_only=True, purpose=Purpose.CLOSE, by=kill,
        )  # fmt: skip
        if isinstance(send, ReplaceProtective):
            order.type, order.purpose = send.stop.type, Purpose.PROTECTIVE
            order.stop_price, order.limit_price = send.stop.stop_price, send.stop.limit_price
        return order
