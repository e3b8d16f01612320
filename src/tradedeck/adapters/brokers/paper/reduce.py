"""The `Reduce` port on the paper exchange: reduce-only orders and cancels."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.trading.order import Order
from tradedeck.venue.read import WorkingOrder
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
        self._cancel(order.account, order.instrument, order.client_id, order.created_ns)
        return ()

    def withdraw(self, account: str, working: WorkingOrder, time_ns: int) -> Sequence[Report]:
        """See `Reduce`."""
        self._cancel(account, working.instrument, working.client_id, time_ns)
        return ()

    def cancel_all(
        self, account: str, instruments: Collection[str] | None, time_ns: int
    ) -> Sequence[Report]:
        """See `Reduce`."""
        self._client.post(
            "cancel_all",
            "",
            account=account,
            instruments=None if instruments is None else sorted(instruments),
            time_ns=time_ns,
        )
        return ()

    def _cancel(self, account: str, instrument: str, client_id: str, time_ns: int) -> None:
        self._client.post(
            "cancel",
            "",
            instrument=instrument,
            account=account,
            client_id=client_id,
            time_ns=time_ns,
        )
