"""The `Read` port on the paper exchange: its own book, and its log."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.venue.read import VenueAccount, WorkingOrder
from tradedeck.venue.report import Report


class PaperRead:
    """Reads over the same line; the exchange answers from its own state."""

    def __init__(self, client: ExchangeClient) -> None:
        self._client = client

    async def open(
        self, account: str, currency: str, balance: Decimal, exchange: dict[str, Any]
    ) -> VenueAccount:
        """Open the account if it is new, set its frictions, and read what it holds."""
        reply = await self._client.request(
            "account",
            account=account,
            currency=currency,
            balance=str(balance),
            model=exchange,
            latency_ms=exchange.get("latency_ms") or 0,
            dead_man_timer=exchange.get("dead_man_timer") is True,
        )
        return _account(reply)

    async def account(self, account: str) -> VenueAccount:
        """See `Read`."""
        return _account(await self._client.request("snapshot", account=account))

    async def since(self, seq: int) -> list[Report]:
        """See `Read`; pages until the head."""
        reports: list[Report] = []
        while True:
            reply = await self._client.request("since", seq=seq)
            reports += [Report.from_body(body) for body in reply["reports"]]
            seq = int(reply["seq"])
            if seq >= int(reply["head"]):
                return reports

    async def lookup(self, client_id: str) -> tuple[bool, list[Report]]:
        """See `Read`."""
        reply = await self._client.request("lookup", client_id=client_id)
        return bool(reply["known"]), [Report.from_body(body) for body in reply["reports"]]


def _account(reply: dict[str, Any]) -> VenueAccount:
    return VenueAccount(
        reply["account"],
        reply["currency"],
        Decimal(reply["balance"]),
        {symbol: Decimal(units) for symbol, units in reply["positions"].items()},
        tuple(WorkingOrder.from_body(body) for body in reply["working"]),
        int(reply["seq"]),
    )
