"""The `Reduce` port on the paper exchange: reduce-only orders and cancels."""

from __future__ import annotations

from collections.abc import Sequence

from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.trading.order import Order
from tradedeck.venue.report import Report


class PaperReduce:
    """Posts what can only bring a position nearer to zero."""

    def __init__(self, client: ExchangeClient) -> None:
        self._client = client

    def reduce(self, order: Order) -> Sequence[Report]:
        """See `Reduce`; an order that is not reduce-only is a bug and raises."""
        if not order.reduce_only:
            msg = f"order {order.id} was not reduce-only"
            raise PermissionError(msg)
        self._client.post("place", order.client_id, order=order.to_body())
        return ()

    def cancel(self, order: Order) -> Sequence[Report]:
        """See `Reduce`."""
        self._client.post(
            "cancel",
            "",
            instrument=order.instrument,
            account=order.account,
            client_id=order.client_id,
            time_ns=order.created_ns,
        )
        return ()
