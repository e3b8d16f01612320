"""The rows that a restart begins from: what was sent is kept, and kept once."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cases.kit import Rig, bar, order
from tradedeck.execution.book import RATE_WINDOW_NS, Book
from tradedeck.journal.log import Journal
from tradedeck.kernel import canonical
from tradedeck.runner import state
from tradedeck.trading.order import BUY


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    kept = Journal(tmp_path / "local.db", lambda: 0)
    yield kept
    kept.close()


def restored(journal: Journal, rig: Rig) -> Book:
    """The book of a runner that begins again."""
    journal.commit()
    book, engine = state.load_book(journal, rig.book.account, "USD", rig.book.instruments)
    assert engine is not None
    return book


def test_what_was_sent_survives_a_restart(journal: Journal) -> None:
    rig = Rig()
    rig.bar(bar(100))
    rig.book.sent(order("BUY", 7), 5)
    state.save_account(journal, rig.engine)
    book = restored(journal, rig)
    assert (list(book.sent_ns), book.recent) == ([5], {("AAPL", BUY, Decimal(7)): 5})


def test_what_was_sent_before_the_clock_went_back_is_forgotten(journal: Journal) -> None:
    rig = Rig()
    rig.bar(bar(100))
    rig.book.sent(order("BUY", 7), 5)
    state.save_account(journal, rig.engine)
    journal.commit()
    rig.engine.rewind()
    state.save_account(journal, rig.engine)
    book = restored(journal, rig)
    assert (list(book.sent_ns), book.recent) == ([], {})


def test_a_row_of_an_earlier_build_is_read(journal: Journal) -> None:
    rig = Rig()
    rig.bar(bar(100))
    state.save_account(journal, rig.engine)
    journal.commit()
    row = journal.get(f"book/{rig.book.account}")
    journal.put(
        f"book/{rig.book.account}",
        {**row, "sent_ns": [5], "recent": [["AAPL", "BUY", "7", 5]]},
    )
    book = restored(journal, rig)
    assert (list(book.sent_ns), book.recent) == ([5], {("AAPL", BUY, Decimal(7)): 5})


def test_eng_13_what_a_turn_keeps_does_not_grow_with_the_orders_before_it(
    journal: Journal,
) -> None:
    """A thousand orders of a thousand minutes: none of them is in the next turn's rows."""
    rig = Rig()
    rig.bar(bar(100))
    state.save_account(journal, rig.engine)
    journal.commit()
    name = f"book/{rig.book.account}"
    first = len(canonical.encode(journal.get(name)))
    for n in range(1_000):
        rig.book.sent(order("BUY", n + 1), n * RATE_WINDOW_NS)
    assert list(rig.book.sent_ns) == [999 * RATE_WINDOW_NS]
    state.save_account(journal, rig.engine)
    journal.commit()
    assert len(canonical.encode(journal.get(name))) == first
    journal.drop(f"sends/{rig.book.account}")
    journal.commit()
    state.save_account(journal, rig.engine)  # nothing was sent since: only the short row is written
    journal.commit()
    assert journal.get(f"sends/{rig.book.account}") is None


def test_rsk_1_a_traders_own_rate_outlives_a_restart(journal: Journal) -> None:
    rig = Rig()
    rig.bar(bar(100))
    rig.book.sent(order("BUY", 7, trader="other"), 5)
    rig.book.own_rate("me")
    rig.book.sent(order("BUY", 7, trader="me"), 7)
    rig.book.sent(order("BUY", 7, trader="other"), 8)
    state.save_account(journal, rig.engine)
    book = restored(journal, rig)
    assert list(book.sent_ns) == [5, 7, 8]
    assert {name: list(own) for name, own in book.own_sent.items()} == {"me": [5, 7]}
