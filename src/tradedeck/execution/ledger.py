"""Double-entry postings: every fill, fee and transfer, so that P&L equals the change in balance.

Each posting set sums to zero. `cash` is what the broker calls balance; the other side names why.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.words import Word
from tradedeck.trading.money import ZERO


class Account(Word):
    """The ledger accounts of one trading account."""

    CASH = "cash"
    REALISED = "pnl.realised"
    FEES = "expense.fees"
    DEPOSITS = "equity.deposits"
    ADJUSTMENTS = "equity.adjustments"


_CASH, _REALISED, _FEES = Account.CASH, Account.REALISED, Account.FEES
Posting = tuple[Account, Decimal]


def opening(amount: Decimal) -> list[Posting]:
    """The deposit an account starts with."""
    return [(Account.CASH, amount), (Account.DEPOSITS, -amount)]


def of_fill(realised: Decimal, fee: Decimal) -> list[Posting]:
    """What a fill moved: realised P&L into cash, the fee out of it."""
    paid: list[Posting] = [(_CASH, -fee), (_FEES, fee)] if fee else []
    return [(_CASH, realised), (_REALISED, -realised), *paid] if realised else paid


def balanced(postings: list[Posting]) -> bool:
    """Whether a posting set sums to zero."""
    return sum((amount for _, amount in postings), ZERO) == 0


def to_body(postings: list[Posting], currency: str, ref: str) -> list[dict[str, Any]]:
    """JSON-able lines."""
    return [
        {"ledger": account.value, "amount": decimal_text(amount), "currency": currency, "ref": ref}
        for account, amount in postings
    ]
