"""The `Submit` port on the paper exchange. Constructed only where execution is armed."""

from __future__ import annotations

from collections.abc import Sequence

from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.trading.order import Order
from tradedeck.venue.permit import Permit
from tradedeck.venue.report import Report


class PaperSubmit:
    """Posts orders with their permit spent; reports come with `settle`."""

    def __init__(self, client: ExchangeClient) -> None:
        self._client = client

    def submit(self, order: Order, permit: Permit) -> Sequence[Report]:
        """See `Submit`."""
        permit.spend(order.id)
        self._client.post("place", order.client_id, order=order.to_body())
        return ()
