"""What the venue gives out to be kept, and what it keeps itself."""

from __future__ import annotations

from decimal import Decimal

from tests.cases.kit import ACCOUNT, bar, order, send, venue

from tradedeck.venue.matching import PaperVenue
from tradedeck.venue.model import ExchangeModel
from tradedeck.venue.report import ReportKind


def test_what_a_venue_remembers_is_what_it_must() -> None:
    """Where a journal knows the ids they are kept once; rows nobody asked for do not pile up."""
    used: set[str] = set()
    at = PaperVenue({"AAPL": venue()._instruments["AAPL"]}, known=used.__contains__)
    at.open_account(ACCOUNT, "USD", Decimal(100_000), ExchangeModel())
    at.bar(bar(100))
    for n in range(50):
        resting = order(type="LIMIT", limit=50, name=f"o{n}")
        assert len(at.place(resting)) == 1
        used.add(resting.client_id)
        assert at.place(resting) == []
        assert [r.kind for r in at.cancel(resting)] == [ReportKind.CANCELLED]
    assert not at._seen
    assert not any(name.startswith("order/") for name in at.changes())


def test_inv_12_a_row_that_was_given_out_is_taken_back() -> None:
    at = venue()
    at.bar(bar(100))
    resting = order(type="LIMIT", limit=50, name="rest")
    send(at, resting)
    assert at.changes()["order/AAPL/rest"] is not None
    at.cancel(resting)
    assert at.changes() == {"order/AAPL/rest": None}
