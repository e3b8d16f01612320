"""Where the engine's facts become journal entries, and the rows that a restart begins from."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradedeck.execution.gate import Denial
from tradedeck.execution.halt import Halts
from tradedeck.execution.ledger import Posting, to_body
from tradedeck.journal.log import Journal
from tradedeck.kernel.canonical import decimal_text
from tradedeck.risk.running import Breach
from tradedeck.trading.facts import Kind
from tradedeck.trading.fill import Fill
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.order import Order, Status
from tradedeck.trading.position import Position
from tradedeck.venue.report import Report, ReportKind

_REPORTS = {
    ReportKind.ACCEPTED: Kind.ORDER_ACCEPTED,
    ReportKind.CANCELLED: Kind.ORDER_CANCELLED,
    ReportKind.EXPIRED: Kind.ORDER_EXPIRED,
    ReportKind.REJECTED: Kind.ORDER_REJECTED,
    ReportKind.REPLACED: Kind.ORDER_REPLACED,
}


class JournalSink:
    """Implements the engine's `Sink` on one journal; commits nothing itself."""

    def __init__(
        self,
        journal: Journal,
        halts: Halts,
        instruments: dict[str, Instrument],
        now_ns: Callable[[], int],
    ) -> None:
        self._journal = journal
        self._halts = halts
        self._instruments = instruments
        self._now_ns = now_ns
        self.on_halt: Callable[[dict[str, Any]], object] = lambda _row: None
        self.turn_denied: list[tuple[Order, Denial]] = []
        self.turn_orders: list[Order] = []
        self.turn_entries: list[tuple[str, int]] = []  # (trader, trading clock), for the breakers
        self.turn_rejected: list[str] = []  # accounts, for the breakers

    def intent(self, order: Order) -> None:
        """The order as it will be sent; durable before it is."""
        order.sent_at_ns = self._now_ns()
        body = order.to_body()
        self._journal.append(Kind.ORDER_INTENT, {"order": body})
        self._journal.put(f"order/{order.client_id}", body)
        self.turn_orders.append(order)
        if not order.reduce_only:
            self.turn_entries.append((order.trader, order.created_ns))

    def denied(self, order: Order, denial: Denial) -> None:
        """A refusal with its numbers."""
        self._journal.append(
            Kind.ORDER_DENIED,
            {
                "order": order.to_body(),
                "reason": denial.refusal.value,
                "numbers": denial.numbers,
            },
        )
        self.turn_denied.append((order, denial))

    def cancel_requested(self, order: Order, by: str) -> None:
        """A cancel is about to be sent."""
        self._journal.append(Kind.ORDER_CANCEL_REQUESTED, {"order": order.to_body(), "by": by})

    def reported(self, order: Order, report: Report) -> None:
        """The venue's word on an order that is not a fill."""
        body = order.to_body()
        self._keep(order, body)
        if report.kind is ReportKind.REJECTED:
            self.turn_rejected.append(order.account)
        entry: dict[str, Any] = {
            "order": body,
            "reason": report.reason,
            "venue_seq": report.seq,
            "venue_order": report.venue_order,
        }
        if report.kind is ReportKind.REPLACED:
            entry |= {key: body[key] for key in ("quantity", "limit_price", "stop_price")}
        self._journal.append(_REPORTS[report.kind], entry)

    def _keep(self, order: Order, body: dict[str, Any]) -> None:
        name = f"order/{order.client_id}"
        if order.open:
            self._journal.put(name, body)
        elif self._journal.has(name):
            self._journal.drop(name)

    def unknown(self, order: Order, reason: str) -> None:
        """An order whose outcome is not known counts on, and is worked."""
        body = order.to_body()
        self._journal.put(f"order/{order.client_id}", body)
        self._journal.append(Kind.ORDER_UNKNOWN, {"order": body, "reason": reason})
        self.alarm(
            "ORDER_UNKNOWN", f"the outcome of order {order.id} is not known: {reason}", "critical"
        )

    def never_reached(self, order: Order) -> None:
        """The venue's own log shows that an order never arrived: it is over."""
        assert order.status is Status.REJECTED
        body = order.to_body()
        self._journal.drop(f"order/{order.client_id}")
        self._journal.append(
            Kind.ORDER_REJECTED,
            {
                "order": body,
                "reason": "NEVER_REACHED",
                "venue_seq": None,
                "venue_order": None,
            },
        )

    def filled(
        self,
        order: Order,
        fill: Fill,
        position: Position,
        postings: list[Posting],
        balance: Decimal,
    ) -> None:
        """A fill with everything it changed, in one entry."""
        body = order.to_body()
        self._keep(order, body)
        multiplier = self._instruments[fill.instrument].multiplier
        self._journal.append(
            Kind.ORDER_FILLED,
            {
                "order": body,
                "fill": fill.to_body(),
                "status": order.status.value,
                "position": position.to_body(multiplier),
                "postings": to_body(postings, fill.currency, fill.id),
                "balance": decimal_text(balance),
            },
        )

    def breached(self, scope: str, breach: Breach) -> None:
        """A running limit was crossed."""
        self._journal.append(
            Kind.LIMIT_BREACHED,
            {
                "scope": scope,
                "limit": breach.limit,
                "value": decimal_text(breach.value),
                "bound": decimal_text(breach.bound),
                "action": breach.action.value,
            },
        )
        self.alarm(
            "LIMIT_BREACHED",
            f"{scope}: {breach.limit} at {decimal_text(breach.value)}, "
            f"the bound is {decimal_text(breach.bound)}; action {breach.action.value}",
            "critical",
        )

    def halted(self, row: dict[str, Any]) -> None:
        """A halt was latched; dated by the host's clock where nobody dated it before."""
        row["at_ns"] = row["at_ns"] or self._now_ns()
        self._journal.append(Kind.HALT_SET, dict(row))
        self._journal.put("halts", self._halts.active)
        self.on_halt(dict(row))

    def cleared(self, scope: str, reason: str, by: str) -> None:
        """A person lifted a halt."""
        self._journal.append(
            Kind.HALT_CLEARED, {"scope": scope, "level": "none", "reason": reason, "by": by}
        )
        self._journal.put("halts", self._halts.active)

    def considered(self, decision: dict[str, Any]) -> None:
        """The record of one decision."""
        self._journal.append(Kind.DECISION, decision)

    def alarm(self, code: str, detail: str, severity: str = "warning") -> None:
        """Something a person must hear of."""
        self._journal.append(
            Kind.ALARM, {"code": code, "detail": detail[:1000], "severity": severity}
        )
