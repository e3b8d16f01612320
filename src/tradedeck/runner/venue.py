"""The runner's standing with the paper exchange: connected, in sequence, reconciled.

Constructed only when an account is armed; in `signals` mode nothing of it is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.adapters.brokers.paper.read import PaperRead
from tradedeck.adapters.brokers.paper.reduce import PaperReduce
from tradedeck.adapters.brokers.paper.submit import PaperSubmit
from tradedeck.engine.actions import Action, CancelOrder, SubmitOrder
from tradedeck.kernel.errors import TradedeckError
from tradedeck.runner.plan import AccountPlan
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.market import Bar
from tradedeck.venue.capability import PAPER, Capability
from tradedeck.venue.read import VenueAccount, WorkingOrder
from tradedeck.venue.report import Report

SETTLE_TIMEOUT_S = 2.0


class PaperVenueLink:
    """One session with the exchange for all armed accounts.

    Args:
        path: the exchange's socket.
        on_push: called with reports caused by another session.
        on_lost: called when the line breaks.
        on_wait: called again and again while an answer is waited for.
    """

    def __init__(
        self,
        path: Path,
        on_push: Callable[[list[Report]], None],
        on_lost: Callable[[], None],
        on_wait: Callable[[], None],
    ) -> None:
        self._path = path
        self._on_wait = on_wait
        self._on_push = on_push
        self._on_lost = on_lost
        self._lost = on_lost
        self._latency_s = 0.0
        self._client: ExchangeClient | None = None
        self._submit: PaperSubmit | None = None
        self._reduce: PaperReduce | None = None
        self._read: PaperRead | None = None

    @property
    def connected(self) -> bool:
        """Whether the line stands."""
        return self._client is not None and self._client.connected

    async def connect(self) -> None:
        """Open a fresh session; raises UNAVAILABLE."""
        await self.close()
        client = ExchangeClient(self._path, "runner", self._on_push, self._on_lost, self._on_wait)
        try:
            await client.connect()
        except TradedeckError:
            await client.close()
            raise
        self._client = client
        self._submit, self._reduce = PaperSubmit(client), PaperReduce(client)
        self._read = PaperRead(client)

    async def close(self) -> None:
        """End the session."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def instruments(self, instruments: list[Instrument]) -> None:
        """Tell the exchange what is traded."""
        assert self._client is not None
        await self._client.request(
            "instruments", instruments=[spec.to_body() for spec in instruments]
        )

    async def open_account(self, plan: AccountPlan) -> VenueAccount:
        """Open or re-model an account; says what it holds."""
        assert self._read is not None
        self._latency_s = max(self._latency_s, int(plan.exchange.get("latency_ms") or 0) / 1000)
        return await self._read.open(
            plan.id, plan.currency, Decimal(plan.balance), dict(plan.exchange)
        )

    async def account(self, account: str) -> VenueAccount:
        """What the exchange holds of one account."""
        assert self._read is not None
        return await self._read.account(account)

    async def since(self, seq: int) -> list[Report]:
        """Reports above `seq`."""
        assert self._read is not None
        return await self._read.since(seq)

    async def lookup(self, client_id: str) -> tuple[bool, list[Report]]:
        """Whether an order ever arrived."""
        assert self._read is not None
        return await self._read.lookup(client_id)

    def post(self, action: Action) -> None:
        """Queue one action; each order is posted at most once, by its permit or its state."""
        assert self._submit is not None
        assert self._reduce is not None
        if isinstance(action, SubmitOrder):
            self._submit.submit(action.order, action.permit)
        elif isinstance(action, CancelOrder):
            self._reduce.cancel(action.order)
        else:
            self._reduce.reduce(action.order)

    def post_bar(self, bar: Bar) -> None:
        """Queue a price."""
        if self._client is not None:
            self._client.post("bar", "", bar=bar.to_list())

    def flush(self) -> None:
        """Write what was queued; `settle` hears the answers."""
        if self._client is not None:
            self._client.flush()

    def post_cancel_all(
        self, account: str, instruments: frozenset[str] | None, time_ns: int
    ) -> None:
        """Queue the venue's bulk cancel: of the account, or of these instruments."""
        assert self._reduce is not None
        self._reduce.cancel_all(account, instruments, time_ns)

    def post_withdraw(self, account: str, working: WorkingOrder, time_ns: int) -> None:
        """Queue the cancel of an order that is not ours."""
        assert self._reduce is not None
        self._reduce.withdraw(account, working, time_ns)

    def capability(self, plan: AccountPlan) -> Capability:
        """What the venue declares of itself for this account."""
        return PAPER.of(plan.exchange)

    async def settle(self) -> tuple[list[Report], list[str], list[str]]:
        """Reports of everything posted, client ids whose outcome is unknown, refusals.

        A venue that does not answer in time is away, whatever its socket says: the line is given
        up, so that a fresh one begins with its log.
        """
        client = self._client
        assert client is not None
        result = await client.settle(SETTLE_TIMEOUT_S + self._latency_s)
        if client.overdue:
            await self.close()
            self._lost()
        return result
