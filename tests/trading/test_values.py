"""Money, positions, orders and their round trips."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cases.kit import AAPL, d, order

from tradedeck.kernel.canonical import decode, encode
from tradedeck.trading.fill import Fill
from tradedeck.trading.instrument import CATALOGUE, Instrument
from tradedeck.trading.money import ONE, ZERO, ledger_round, minor_unit, round_down
from tradedeck.trading.order import (
    TERMINAL,
    TRANSITIONS,
    IllegalTransitionError,
    Order,
    Side,
    Status,
)
from tradedeck.trading.position import Position

finite = st.decimals(-(10**9), 10**9, places=4, allow_nan=False, allow_infinity=False)


@given(finite)
def test_money_on_the_ledger_grid_is_kept_exactly(amount: Decimal) -> None:
    assert ledger_round(amount) == amount


@given(finite, st.sampled_from(["0.01", "1", "0.25", "100"]))
def test_money_rounding_is_towards_zero_and_on_the_grid(amount: Decimal, step: str) -> None:
    rounded = round_down(amount, d(step))
    assert rounded % d(step) == 0
    assert abs(rounded) <= abs(amount) < abs(rounded) + d(step)
    assert minor_unit("JPY") == 1
    assert minor_unit("USD") == d("0.01")


units = st.integers(1, 500)
steps = st.lists(st.tuples(st.booleans(), units, st.integers(1, 100_000)), max_size=40)


@given(steps)
def test_inv_5_a_position_loses_no_fraction(trades: list[tuple[bool, int, int]]) -> None:
    """Realised plus open P&L is what was paid and received, at any price, after any trades."""
    position, cash, held = Position("a", "AAPL", "t"), ZERO, ZERO
    for buy, quantity, cents in trades:
        signed, price = d(quantity if buy else -quantity), d(cents) / 100
        position.apply(signed, price, ONE, 1)
        cash -= signed * price
        held += signed
        assert position.quantity == held
        assert bool(position.opened_ns) is bool(held)
        assert position.realised + position.unrealised(d(77), ONE) == cash + held * 77
        assert Position.from_body(decode(encode(position.to_body(ONE)))) == position
    if not held:
        assert position.cost == 0
        assert position.realised == cash


@pytest.mark.parametrize(("old", "new"), list(product(Status, Status)))
def test_the_life_cycle_allows_its_table_and_nothing_else(old: Status, new: Status) -> None:
    made = order()
    made.status = old
    if new in TRANSITIONS[old]:
        made.move(new)
        assert made.status is new
    else:
        with pytest.raises(IllegalTransitionError):
            made.move(new)
        assert made.status is old
    assert not (old in TERMINAL and TRANSITIONS[old])


def test_inv_4_unknown_ends_only_by_the_venues_word_or_a_person() -> None:
    made = order()
    made.status = Status.UNKNOWN
    assert made.open
    assert made.remaining == 10
    assert Status.DENIED not in TRANSITIONS[Status.UNKNOWN]
    assert Status.INTENT not in TRANSITIONS[Status.UNKNOWN]


@pytest.mark.parametrize("more", [{}, {"type": "LIMIT", "limit": "99.50"}, {"reduce_only": True},
                                  {"type": "STOP", "stop": 101, "tif": "DAY", "expires": 5}],
                         ids=["market", "limit", "reduce", "stop"])  # fmt: skip
def test_orders_and_fills_survive_the_wire(more: dict[str, Any]) -> None:
    made = order(**more)
    made.filled, made.cost = d(3), d("300.10")
    assert Order.from_body(decode(encode(made.to_body()))) == made
    fill = Fill("o", "c", "a", "t", "AAPL", Side.SELL, d(3), d("1.10"), d("0.1"), "USD", 5, 6)
    assert Fill.from_body(decode(encode(fill.to_body()))) == fill
    assert fill.signed == -3


@pytest.mark.parametrize("spec", CATALOGUE.values(), ids=list(CATALOGUE))
def test_instruments_price_on_their_grid_and_survive_the_wire(spec: Instrument) -> None:
    for observed in (0.1, 1.23456789, 99.995, 1234.5):
        assert spec.on_tick(spec.price(observed))
        assert abs(spec.price(observed) - d(observed)) <= spec.tick / 2
    assert Instrument.from_body(spec.to_body()) == spec


@pytest.mark.parametrize("name", ["tick", "step", "multiplier", "margin_rate"])
@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity"])
def test_an_instrument_without_a_grid_is_refused(name: str, value: str) -> None:
    body = {**AAPL.to_body(), name: value}
    with pytest.raises(ValueError, match=name):
        Instrument.from_body(body)
