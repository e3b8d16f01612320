"""Whether the tables agree with each other: INV-5, checked by reading.

    balance now           = opening balance + Σ cash postings                  (per account)
    Σ postings            = 0, entry by entry: it is a double entry
    Σ signed fills        = position                                           (per instrument)
    Σ cash postings       = Σ pnl of closed round trips + net of the open ones (per account)

Sums are made in Python with Decimals: the database's own arithmetic is floating.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

import orjson
from sqlalchemy import select

from tradedeck.projections import tables as t
from tradedeck.projections.fills import CASH
from tradedeck.store.sessions import ReadSession
from tradedeck.trading.money import ZERO


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Two figures that should be one."""

    what: str
    expected: Decimal
    found: Decimal


def discrepancies(session: ReadSession) -> list[Discrepancy]:
    """Every disagreement; none when the book is true."""
    posted = _posted(session)
    return [
        *_entries(session),
        *_balances(session, posted),
        *_positions(session),
        *_trips(session, posted),
    ]


def _entries(session: ReadSession) -> list[Discrepancy]:
    sums: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for row in session.all(select(t.ledger.c.event, t.ledger.c.amount)):
        sums[row["event"]] += Decimal(row["amount"])
    return [
        Discrepancy(f"postings of event {event}", ZERO, total)
        for event, total in sorted(sums.items())
        if total
    ]


def _posted(session: ReadSession) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    columns = t.ledger.c
    for row in session.all(select(columns.account, columns.amount).where(columns.ledger == CASH)):
        sums[row["account"]] += Decimal(row["amount"])
    return sums


def _balances(session: ReadSession, posted: dict[str, Decimal]) -> list[Discrepancy]:
    found: list[Discrepancy] = []
    columns = t.accounts_observed.c
    for row in session.all(
        select(columns.account, columns.opening_balance, columns.balance).where(
            columns.opening_balance.is_not(None), columns.balance.is_not(None)
        )
    ):
        expected = Decimal(row["opening_balance"]) + posted.get(row["account"], ZERO)
        if expected != Decimal(row["balance"]):
            found.append(
                Discrepancy(f"balance of {row['account']}", expected, Decimal(row["balance"]))
            )
    return found


def _positions(session: ReadSession) -> list[Discrepancy]:
    held: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    columns = t.fills.c
    for row in session.all(
        select(columns.account, columns.instrument, columns.side, columns.quantity)
    ):
        units = Decimal(row["quantity"])
        held[row["account"], row["instrument"]] += units if row["side"] == "BUY" else -units
    stored = {
        (row["account"], row["instrument"]): Decimal(row["quantity"])
        for row in session.all(
            select(t.positions.c.account, t.positions.c.instrument, t.positions.c.quantity)
        )
    }
    return [
        Discrepancy(f"position {account}/{instrument}", held.get(key, ZERO), stored.get(key, ZERO))
        for key in sorted(held.keys() | stored.keys())
        for account, instrument in (key,)
        if held.get(key, ZERO) != stored.get(key, ZERO)
    ]


def _trips(session: ReadSession, posted: dict[str, Decimal]) -> list[Discrepancy]:
    nets: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for row in session.all(select(t.trades.c.account, t.trades.c.pnl)):
        nets[row["account"]] += Decimal(row["pnl"])
    for row in session.all(select(t.open_trades.c.account, t.open_trades.c.state)):
        nets[row["account"]] += Decimal(orjson.loads(row["state"])["net"])
    return [
        Discrepancy(f"round trips of {account}", posted.get(account, ZERO), nets.get(account, ZERO))
        for account in sorted(posted.keys() | nets.keys())
        if posted.get(account, ZERO) != nets.get(account, ZERO)
    ]
