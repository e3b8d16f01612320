"""What the runner's journal says, read without holding it: what is traded, and what is in doubt.

Read when a kill needs it and not before, so that the guard has nothing to keep true meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradedeck.closing.scope import Holding, Holdings
from tradedeck.closing.types import OpenIntent
from tradedeck.journal.peek import rows
from tradedeck.kernel.errors import TradedeckError
from tradedeck.trading.order import Side, Status

_UNDECIDED = frozenset({Status.INTENT.value, Status.SENT.value, Status.UNKNOWN.value})


class Records:
    """The journal of one runner, on this host.

    Args:
        path: its file; a runner that never ran has none.

    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def holdings(self, known: Iterable[str] = ()) -> Holdings:
        """Accounts of the runner's plan (and `known`), with every tie of a cell to a name.

        Raises:
            TradedeckError: STORAGE, where the journal cannot be read.

        """
        found = rows(self._path, "desired", "book/", "order/")
        document = _document(found)
        accounts = {str(body["id"]) for body in document.get("accounts", ())} | set(known)
        cells: set[Holding] = set()
        strategies: dict[str, str] = {}
        for body in document.get("traders", ()):
            strategies[body["id"]] = body["strategy"]
            cells.add(_holding(body["account"], {**body, "trader": body["id"]}))
        for name, row in found.items():
            kind, _, rest = name.partition("/")
            if kind == "order":
                accounts.add(row["account"])
                cells.add(_holding(row["account"], row))
            elif kind == "book":
                accounts.add(rest)
                for body in row["positions"]:
                    if Decimal(body["quantity"]):
                        trader = body.get("trader") or ""
                        strategy = strategies.get(trader, "")
                        cells.add(_holding(rest, {**body, "strategy": strategy}))
        order = sorted(cells, key=lambda c: (c.account, c.instrument, c.trader, c.strategy))
        return Holdings.of(sorted(accounts), order)

    def open_intents(self, account: str) -> tuple[OpenIntent, ...]:
        """Orders that were journaled, and perhaps sent, whose outcome the runner never learned."""
        return tuple(
            OpenIntent(
                row["client_id"],
                row["instrument"],
                Side(row["side"]),
                Decimal(row["quantity"]) - Decimal(row["filled"]),
                int(row["sent_at_ns"] or row["created_ns"]),
                bool(row["reduce_only"]),
            )
            for row in rows(self._path, "order/").values()
            if row["account"] == account and row["status"] in _UNDECIDED
        )

    def named(self, account: str) -> dict[str, tuple[str, str]]:
        """Instrument → (trader, strategy) of an account, to book a close on; {} when unreadable."""
        try:
            known = self.holdings().cells
        except TradedeckError:
            return {}
        return {h.instrument: (h.trader, h.strategy) for h in known if h.account == account}

    def latency_s(self, account: str) -> float:
        """How long the account's exchange holds back what is sent for it, as configured."""
        try:
            document = _document(rows(self._path, "desired"))
        except TradedeckError:
            return 0.0
        for body in document.get("accounts", ()):
            if body["id"] == account:
                model: dict[str, Any] = body.get("exchange") or {}
                return int(model.get("latency_ms") or 0) / 1000
        return 0.0


def _document(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    kept: dict[str, Any] = found.get("desired") or {}
    return kept.get("document") or {}


def _holding(account: str, body: dict[str, Any]) -> Holding:
    return Holding(
        str(account),
        str(body["instrument"]),
        str(body.get("trader") or ""),
        str(body.get("strategy") or ""),
    )
