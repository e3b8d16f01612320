"""The exchange's decisions, sans-I/O: a request in, reports out, everything journaled first.

State rows beside the journal hold accounts, positions and working orders of the same transaction,
so that a kill -9 at any moment loses nothing that was answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, cast

from tradedeck.exchange.timers import Timers
from tradedeck.journal.chain import Entry
from tradedeck.journal.log import Journal
from tradedeck.kernel import canonical
from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.trading.facts import Kind
from tradedeck.trading.instrument import CATALOGUE, Instrument
from tradedeck.trading.market import Bar
from tradedeck.trading.order import Order, OrderType, Purpose, Side
from tradedeck.venue.matching import PaperVenue
from tradedeck.venue.model import ExchangeModel
from tradedeck.venue.report import Report, ReportKind

_KINDS = {
    ReportKind.ACCEPTED: Kind.EXCH_ORDER,
    ReportKind.FILLED: Kind.EXCH_FILL,
    ReportKind.CANCELLED: Kind.EXCH_CANCEL,
    ReportKind.EXPIRED: Kind.EXCH_EXPIRE,
    ReportKind.REJECTED: Kind.EXCH_REJECT,
    ReportKind.REPLACED: Kind.EXCH_REPLACE,
}
_REPORTS = frozenset(kind.value for kind in _KINDS.values())
_STATE = ("account/", "position/", "order/", "bar/", "used/")
_INFINITE = float("inf")
BARS_KEPT_EVERY_NS = 1_000_000_000  # a restart may price from a bar that old, no older


class ExchangeCore:
    """Serves requests against one `PaperVenue` and its journal.

    Args:
        journal: the exchange's own; held by this process alone.
        monotonic_ns: for how often the last bars are kept.
    """

    def __init__(self, journal: Journal, monotonic_ns: Callable[[], int]) -> None:
        self._journal = journal
        self._monotonic_ns = monotonic_ns
        self._bars_kept_ns = 0
        self.instruments: dict[str, Instrument] = dict(CATALOGUE)
        for name in journal.names("instrument/"):
            spec = Instrument.from_body(journal.get(name))
            self.instruments[spec.symbol] = spec
        self._venue = PaperVenue(self.instruments, lambda client: journal.has(f"id/{client}"))
        rows = {name: journal.get(name) for prefix in _STATE for name in journal.names(prefix)}
        self._venue.restore(rows, journal.head)
        self.latency_ns: dict[str, int] = {}
        self.timers = Timers(journal, monotonic_ns)

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request; nothing is durable before `commit`.

        Raises:
            TradedeckError: INVALID for a request that makes no sense.
        """
        operation = str(request.get("op"))
        handler = getattr(self, f"_on_{operation}", None)
        if handler is None:
            raise TradedeckError(Code.INVALID, f"the exchange has no operation {operation!r}")
        try:
            return handler(request)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise TradedeckError(
                Code.INVALID, f"{operation} was malformed: {type(error).__name__}: {error}"
            ) from error

    def commit(self) -> int:
        """Make what was handled durable, once per turn."""
        now = self._monotonic_ns()
        if self._journal.dirty or now - self._bars_kept_ns >= BARS_KEPT_EVERY_NS:
            self._bars_kept_ns = now
            for symbol, bar in self._venue.last_bars().items():
                self._journal.put(f"bar/{symbol}", bar.to_list())
        return self._journal.commit()

    def _state(self, reports: Sequence[Report]) -> dict[str, Any]:
        bodies: list[dict[str, Any]] = []
        for report in reports:
            body = report.to_body()
            seq = self._journal.append(_KINDS[report.kind], body)
            assert seq == report.seq, "a report's number is its place in the journal"
            bodies.append(body)
        for name, row in self._venue.changes().items():
            if row is None:
                self._journal.drop(name)
            else:
                self._journal.put(name, row)
        return {"reports": bodies}

    def _on_instruments(self, request: dict[str, Any]) -> dict[str, Any]:
        for body in request["instruments"]:
            spec = Instrument.from_body(body)
            if self.instruments.get(spec.symbol) != spec:
                self.instruments[spec.symbol] = spec
                self._journal.put(f"instrument/{spec.symbol}", spec.to_body())
        return {}

    def _on_account(self, request: dict[str, Any]) -> dict[str, Any]:
        """Open or re-model an account; the answer says what it holds."""
        account, balance = str(request["account"]), Decimal(request["balance"])
        if not balance.is_finite() or balance <= 0:
            raise TradedeckError(Code.INVALID, "an account opens with a balance above zero")
        model = ExchangeModel.from_body(request.get("model", {}))
        self.latency_ns[account] = int(request.get("latency_ms") or 0) * 1_000_000
        self.timers.model(account, has=request.get("dead_man_timer") is True)
        if self._venue.open_account(account, str(request["currency"]), balance, model):
            self._venue.seq = self._journal.append(
                Kind.EXCH_ACCOUNT,
                {
                    "account": account,
                    "currency": request["currency"],
                    "balance": decimal_text(balance),
                    "model": model.to_body(),
                },
            )
            self._state([])
        return self._snapshot(account)

    def _on_bar(self, request: dict[str, Any]) -> dict[str, Any]:
        symbol, start, end, *prices = request["bar"]
        bar = Bar(str(symbol), int(start), int(end), *prices)
        if not all(0.0 < float(p) < _INFINITE for p in (bar.open, bar.high, bar.low, bar.close)):
            raise TradedeckError(Code.INVALID, f"a bar of {symbol} held what is no price")
        return self._state(self._venue.bar(bar))

    def _on_place(self, request: dict[str, Any]) -> dict[str, Any]:
        order = Order.from_body(request["order"])
        reports = self._venue.place(order)
        if reports:
            self._journal.put(f"id/{order.client_id}", reports[0].seq)
        return self._state(reports)

    def _on_cancel(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._state(
            self._venue.cancel_id(
                request["instrument"], request["client_id"], int(request["time_ns"])
            )
        )

    def _on_replace(self, request: dict[str, Any]) -> dict[str, Any]:
        terms = [
            None if request.get(key) is None else Decimal(request[key])
            for key in ("quantity", "limit_price", "stop_price")
        ]
        return self._state(
            self._venue.replace(
                request["instrument"], request["client_id"], terms[0], terms[1], terms[2]
            )
        )

    def _on_close_all(self, request: dict[str, Any]) -> dict[str, Any]:
        """The venue's own close: cancels and flattens an account, or one instrument of it."""
        account, only = str(request["account"]), request.get("instrument")
        # Read whole before anything is done: a half-done request would number reports in vain.
        close_id, time_ns = str(request["id"]), int(request["time_ns"])
        reports: list[Report] = []
        reports += self._venue.cancel_all(account, None if only is None else {only}, time_ns)
        for (owner, symbol), position in list(self._venue.positions.items()):
            if owner == account and only in (None, symbol) and position.quantity:
                side = Side.SELL if position.quantity > 0 else Side.BUY
                name = f"{close_id}-{symbol}"
                reports += self._venue.place(
                    Order(
                        name,
                        name,
                        account,
                        position.trader,
                        "",
                        symbol,
                        side,
                        OrderType.MARKET,
                        abs(position.quantity),
                        time_ns,
                        reduce_only=True,
                        purpose=Purpose.CLOSE,
                        by=str(request.get("by", "venue")),
                    )
                )
                self._journal.put(f"id/{name}", self._venue.seq)
        return self._state(reports)

    def _on_cancel_all(self, request: dict[str, Any]) -> dict[str, Any]:
        """Withdraws every working order of an account, or of some instruments of it."""
        account, wanted = str(request["account"]), request.get("instruments")
        if wanted is not None and not isinstance(wanted, list):
            raise TypeError("instruments is a list of symbols, or absent")
        only = None if wanted is None else frozenset(cast("list[str]", wanted))
        return self._state(self._venue.cancel_all(account, only, int(request["time_ns"])))

    def _on_arm_dead_man(self, request: dict[str, Any]) -> dict[str, Any]:
        """Sets the account's dead-man timer anew; 0 seconds: not at all."""
        account, seconds = str(request["account"]), float(request["seconds"])
        if account not in self._venue.accounts:
            raise TradedeckError(Code.NOT_FOUND, f"the exchange has no account {account}")
        seq = self.timers.arm(account, seconds)
        if seq is not None:
            self._venue.seq = seq
        return self.timers.shown(account)

    def fire(self, now_ns: int) -> list[dict[str, Any]]:
        """Cancel everything of the accounts whose timer has gone off; the reports, not durable yet.

        Protective stops too: no broker knows which they are.
        """
        reports: list[dict[str, Any]] = []
        for account in self.timers.due():
            self._venue.seq = self.timers.fired(account, now_ns)
            found = self._state(self._venue.cancel_all(account, None, now_ns))["reports"]
            detail = f"account/{account}: nobody renewed it; {len(found)} orders were cancelled"
            self._venue.seq = self._journal.append(
                Kind.ALARM,
                {
                    "code": "DEAD_MAN_FIRED",
                    "severity": "critical",
                    "subject": "exchange",
                    "detail": detail,
                },
            )
            reports += found
        return reports

    def _on_snapshot(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._snapshot(str(request["account"]))

    def _snapshot(self, account: str) -> dict[str, Any]:
        book = self._venue.accounts.get(account)
        if book is None:
            raise TradedeckError(Code.NOT_FOUND, f"the exchange has no account {account}")
        positions = {
            symbol: decimal_text(position.quantity)
            for (owner, symbol), position in self._venue.positions.items()
            if owner == account and position.quantity
        }
        working = sorted(self._venue.working_of(account), key=lambda e: e.order.client_id)
        return {
            "account": account,
            "currency": book.currency,
            "balance": decimal_text(book.balance),
            "positions": positions,
            "working": [entry.shown().to_body() for entry in working],
            "seq": self._venue.seq,
        }

    def _on_since(self, request: dict[str, Any]) -> dict[str, Any]:
        """The venue's log above a number, a page at a time; only reports, with the page's end."""
        page = self._journal.read(int(request["seq"]))
        reports = [canonical.decode(entry.body) for entry in page if entry.kind in _REPORTS]
        return {
            "reports": reports,
            "seq": page[-1].seq if page else int(request["seq"]),
            "head": self._journal.head,
        }

    def _on_lookup(self, request: dict[str, Any]) -> dict[str, Any]:
        """Whether a client id ever reached the venue, and its reports."""
        first = self._journal.get(f"id/{request['client_id']}")
        reports: list[Any] = []
        if first is not None:
            reports = [canonical.decode(e.body) for e in self._of(first, request["client_id"])]
        return {"known": first is not None, "reports": reports}

    def _of(self, first: int, client_id: str) -> list[Entry]:
        return [
            entry
            for entry in self._journal.iterate(first - 1)
            if entry.kind in _REPORTS and f'"client_id":"{client_id}"' in entry.body
        ]
