"""The `DeadMan` port on the paper exchange."""

from __future__ import annotations

from typing import Any

from tradedeck.adapters.brokers.paper.client import ExchangeClient


class PaperDeadMan:
    """Over a guard's session; the exchange refuses it to any other."""

    def __init__(self, client: ExchangeClient) -> None:
        self._client = client

    async def arm_dead_man(self, account: str, seconds: float) -> dict[str, Any]:
        """See `DeadMan`."""
        reply = await self._client.request("arm_dead_man", account=account, seconds=seconds)
        return {"seconds": reply["seconds"], "fired_ns": reply["fired_ns"]}
