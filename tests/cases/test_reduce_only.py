"""Reduce-only over random books and intents: never opens, never flips, always can close."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases.kit import ACCOUNT, bar, d, order, send, venue
from tradedeck.execution.gate import reducing
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import Order, OrderType
from tradedeck.venue.matching import PaperVenue
from tradedeck.venue.model import ExchangeModel
from tradedeck.venue.report import Report, ReportKind

sides = st.sampled_from(["BUY", "SELL"])
kinds = st.sampled_from(["MARKET", "LIMIT", "STOP"])
lives = st.sampled_from(["GTC", "IOC", "FOK"])
units = st.integers(1, 60)
prices = st.integers(80, 120)
intents = st.tuples(st.booleans(), sides, kinds, lives, units, prices)
moves = st.one_of(intents, st.tuples(prices, st.sampled_from([0.0, 10.0, 400.0])))


class Watched:
    """A venue whose every fill is judged: what was reduce-only brought nearer to zero."""

    def __init__(self, share: str | None) -> None:
        model = ExchangeModel(volume_share_max=None if share is None else d(share))
        self.venue: PaperVenue = venue(model, 10_000_000)
        self.held = ZERO
        self.reducers: set[str] = set()
        self.bars = 0
        self.tick(100, 0.0)

    def take(self, reports: list[Report]) -> None:
        for report in reports:
            if report.kind is not ReportKind.FILLED:
                continue
            before, self.held = self.held, self.held + report.signed
            if report.client_id in self.reducers:
                assert before, "it opened"
                assert abs(self.held) < abs(before), "it increased"
                assert not self.held or (self.held > 0) == (before > 0), "it flipped"

    def tick(self, price: int, volume: float) -> None:
        self.bars += 1
        self.take(self.venue.bar(bar(float(price), self.bars, volume=volume)))

    def place(self, what: Order) -> None:
        if what.reduce_only:
            self.reducers.add(what.client_id)
        self.take(send(self.venue, what))

    def position(self) -> Decimal:
        position = self.venue.positions.get((ACCOUNT, "AAPL"))
        return position.quantity if position else ZERO


def intent(reduce_only: bool, side: str, kind: str, tif: str, size: int, price: int) -> Order:
    return order(
        side,
        size,
        type=kind,
        limit=price if kind == "LIMIT" else None,
        stop=price if kind == "STOP" else None,
        tif=tif,
        reduce_only=reduce_only,
    )


@settings(deadline=None, max_examples=150)
@given(st.lists(moves, max_size=25), st.sampled_from([None, "0.5"]))
def test_inv_8_eng_3_reduce_only_never_opens_never_flips_and_always_can_close(
    sequence: list[tuple[Any, ...]], share: str | None
) -> None:
    at = Watched(share)
    for move in sequence:
        if len(move) == 2:
            at.tick(*move)
            continue
        what = intent(*move)
        if what.reduce_only and reducing(what, at.held) is not None:
            assert not at.held or (at.held > 0) == (what.signed > 0)  # only what reduces nothing
        at.place(what)
        assert at.held == at.position()
    if not at.held:
        return
    at.take(at.venue.cancel_all(ACCOUNT, None, 0))
    close = order("SELL" if at.held > 0 else "BUY", abs(at.held), reduce_only=True)
    assert reducing(close, at.held) is None
    at.place(close)
    for _ in range(200):  # where volume bounds it, it works on
        if not at.held:
            break
        at.tick(100, 400.0)
    assert (at.held, at.position()) == (ZERO, ZERO)


@given(st.integers(-100, 100), intents)
def test_inv_8_the_gate_lets_reduce_exactly_what_brings_nearer_to_zero(
    held: int, wish: tuple[bool, str, str, str, int, int]
) -> None:
    what = replace(intent(*wish), reduce_only=True)
    after = d(held) + min(what.quantity, abs(d(held))) * (1 if what.signed > 0 else -1)
    nearer = bool(held) and abs(after) < abs(held)
    assert (reducing(what, d(held)) is None) is nearer
    if nearer:
        assert after == 0 or (after > 0) == (held > 0)
        assert what.type is not OrderType.MARKET or after in (0, d(held) + what.signed)
