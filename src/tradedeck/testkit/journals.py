"""A journal in memory that chains and answers like the real one, and a day of trading to fill it.

Owns no file. `MemoryJournal.answer` is what `journal.<source>` replies.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradedeck.execution import ledger
from tradedeck.journal.chain import Entry, genesis, link
from tradedeck.kernel import canonical
from tradedeck.kernel.canonical import decimal_text
from tradedeck.trading.facts import Kind
from tradedeck.trading.fill import Fill
from tradedeck.trading.order import Order, OrderType, Side, Status
from tradedeck.trading.position import Position

PAGE_MAX = 500
ONE = Decimal(1)


class MemoryJournal:
    """Entries of one source; `at_ns` rises by a millisecond with each."""

    def __init__(self, source: str = "local", epoch: str = "e1", at_ns: int = 10**18) -> None:
        self.source = source
        self.epoch = epoch
        self.entries: list[Entry] = []
        self.at_ns = at_ns

    @property
    def head(self) -> int:
        """Sequence of the last entry."""
        return len(self.entries)

    def append(self, kind: str, body: dict[str, Any]) -> int:
        """One more entry; returns its sequence."""
        text = canonical.encode(body).decode()
        previous = self.entries[-1].hash if self.entries else genesis(self.epoch)
        self.at_ns += 1_000_000
        seq = self.head + 1
        self.entries.append(
            Entry(seq, self.at_ns, kind, text, link(previous, seq, self.at_ns, kind, text))
        )
        return seq

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply of the contract to {epoch, after, max}."""
        reply: dict[str, Any] = {
            "source": self.source,
            "epoch": self.epoch,
            "head": self.head,
            "entries": [],
        }
        if request.get("epoch") in (None, self.epoch):
            after, most = int(request.get("after", 0)), int(request.get("max", PAGE_MAX))
            reply["entries"] = [list(e) for e in self.entries[after : after + min(most, PAGE_MAX)]]
        return reply


class TradingDay:
    """Writes the entries that a runner writes: decisions, orders, fills, equity.

    Money is booked by `trading.position`, so that balance, postings and positions agree.
    """

    def __init__(self, journal: MemoryJournal, balance: str = "100000.00") -> None:
        self.journal = journal
        self.balance = Decimal(balance)
        self.opening = self.balance
        self.positions: dict[str, Position] = {}
        self.time_ns = 1_092_945_600_000_000_000  # 2004-08-19T20:00:00Z
        self._orders = 0

    def start(self, account: str = "demo") -> None:
        """A runner that starts on paper with one account."""
        put = self.journal.append
        put(
            Kind.RUNNER_STARTED,
            {
                "runner": self.journal.source,
                "build": "test",
                "pid": 1,
                "mode": "paper",
                "reasons": [],
                "data_mode": "replay",
                "execution_capable_accounts": 1,
                "strict_live": True,
            },
        )
        put(
            Kind.ACCOUNT_OPENED,
            {
                "account": account,
                "currency": "USD",
                "balance": decimal_text(self.balance),
            },
        )
        put(Kind.MODE_VERDICT, {"account": account, "verdict": "paper", "reasons": []})
        put(Kind.CONFIG_APPLIED, {"generation": 1, "changes": [], "digest": "d"})

    def decide(
        self,
        price: str,
        *,
        trader: str = "t1",
        instrument: str = "AAPL",
        account: str = "demo",
        target: str | None = None,
        stop: str | None = None,
        orders: tuple[str, ...] = (),
    ) -> int:
        """A decision, with a signal where there is a target."""
        self.time_ns += 86_400_000_000_000
        signal = None if target is None else {"target": target, "stop": stop, "reason": "cross"}
        return self.journal.append(
            Kind.DECISION,
            {
                "trader": trader,
                "account": account,
                "strategy": "ema-cross",
                "instrument": instrument,
                "time_ns": self.time_ns,
                "price": price,
                "inputs": {"fast": 1.5},
                "signal": signal,
                "position": "0",
                "verdict": "allowed" if orders else "none",
                "orders": list(orders),
                "refusals": [],
                "checks": [
                    {
                        "limit": "order_value_max",
                        "used": "0",
                        "after": "1",
                        "bound": "2",
                        "ok": True,
                    }
                ],
            },
        )

    def order(
        self,
        side: str,
        quantity: str,
        *,
        trader: str = "t1",
        instrument: str = "AAPL",
        account: str = "demo",
        price: str = "15.00",
        status: str = "INTENT",
    ) -> Order:
        """An order that was journaled."""
        self._orders += 1
        order = Order(
            id=f"o{self._orders}",
            client_id=f"c{self._orders}",
            account=account,
            trader=trader,
            strategy="ema-cross",
            instrument=instrument,
            side=Side(side),
            type=OrderType.MARKET,
            quantity=Decimal(quantity),
            created_ns=self.time_ns,
            decision_price=Decimal(price),
            status=Status(status),
            sent_at_ns=None if status == "DENIED" else self.journal.at_ns,
        )
        if status == "DENIED":
            self.journal.append(
                Kind.ORDER_DENIED,
                {
                    "order": order.to_body(),
                    "reason": "LIMIT_ORDER_VALUE",
                    "numbers": {"bound": "1"},
                },
            )
        else:
            self.journal.append(Kind.ORDER_INTENT, {"order": order.to_body()})
        return order

    def accept(self, order: Order) -> None:
        """The venue took it."""
        self.journal.append(
            Kind.ORDER_ACCEPTED, {"order": order.id, "venue_order": "v" + order.id, "venue_seq": 1}
        )

    def fill(
        self, order: Order, price: str, *, quantity: str | None = None, fee: str = "1.00"
    ) -> None:
        """An execution, booked."""
        units = Decimal(quantity) if quantity else order.remaining
        position = self.positions.setdefault(
            order.instrument, Position(order.account, order.instrument, order.trader)
        )
        signed = units if order.side is Side.BUY else -units
        realised = position.apply(signed, Decimal(price), ONE, self.time_ns)
        order.filled += units
        paid = Decimal(fee)
        self.balance += realised - paid
        fill = Fill(
            order=order.id,
            client_id=order.client_id,
            account=order.account,
            trader=order.trader,
            instrument=order.instrument,
            side=order.side,
            quantity=units,
            price=Decimal(price),
            fee=paid,
            currency="USD",
            time_ns=self.time_ns,
            venue_seq=self.journal.head,
            at_ns=self.journal.at_ns,
        )
        postings = ledger.to_body(ledger.of_fill(realised, paid), "USD", fill.id)
        self.journal.append(
            Kind.ORDER_FILLED,
            {
                "fill": fill.to_body(),
                "status": "PARTIALLY_FILLED" if order.remaining else "FILLED",
                "position": position.to_body(ONE),
                "postings": postings,
                "balance": decimal_text(self.balance),
            },
        )

    def trade(self, side: str, quantity: str, price: str, **names: str) -> Order:
        """Intent, acknowledgement and a whole fill."""
        order = self.order(side, quantity, price=price, **names)
        self.accept(order)
        self.fill(order, price)
        return order

    def equity(self, equity: str, *, account: str = "demo", drawdown: str = "0") -> None:
        """A sample of the account."""
        self.journal.append(
            Kind.EQUITY,
            {
                "account": account,
                "time_ns": self.time_ns,
                "equity": equity,
                "balance": decimal_text(self.balance),
                "unrealised": "0",
                "realised": "0",
                "fees": "0",
                "exposure": "0",
                "day_pnl": "0",
                "drawdown": drawdown,
                "traders": {
                    "t1": {
                        "realised": decimal_text(self.balance - self.opening),
                        "unrealised": "0",
                    }
                },
            },
        )
