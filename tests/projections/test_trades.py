from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tradedeck.kernel import canonical
from tradedeck.projections.trades import Execution, OpenTrade, book
from tradedeck.trading.position import Position

D = Decimal


def fill(
    signed: str,
    price: str,
    *,
    realised: str = "0",
    fee: str = "1",
    stop: str | None = None,
    balance: str = "1000",
    multiplier: str = "1",
) -> Execution:
    return Execution(
        "a",
        "t",
        "s",
        "AAPL",
        D(signed),
        D(price),
        D(realised),
        D(fee),
        5,
        D(balance),
        None if stop is None else D(stop),
        D(multiplier),
    )


def test_a_round_trip_with_a_scale_in_and_a_scale_out():
    trip, row = book(None, fill("10", "100", stop="95"))
    assert row is None
    trip, row = book(trip, fill("10", "110"))
    assert row is None
    trip, row = book(trip, fill("-5", "120", realised="75"))
    assert row is None
    trip, row = book(trip, fill("-15", "100", realised="-75", balance="996"))
    assert trip is None
    assert row is not None
    assert row | {"opened_ns": 0, "closed_ns": 0} == {
        "account": "a",
        "trader": "t",
        "strategy": "s",
        "instrument": "AAPL",
        "side": "BUY",
        "quantity": "20",
        "opened_ns": 0,
        "closed_ns": 0,
        "entry_price": "105",
        "exit_price": "105",
        "pnl": "-4",
        "fees": "4",
        "outcome": "loss",
        "r_multiple": "-0.0200",
        "equity": "996",
    }


def test_the_risk_of_a_contract_is_as_large_as_its_multiplier():
    """Two contracts of 50 units each, stopped out: the loss is what was risked, R is -1."""
    trip, _ = book(None, fill("2", "100", stop="95", fee="0", multiplier="50"))
    _, row = book(trip, fill("-2", "95", realised="-500", fee="0", multiplier="50"))
    assert row is not None
    assert (row["pnl"], row["r_multiple"]) == ("-500", "-1.0000")


def test_a_fill_through_zero_closes_one_and_opens_the_other():
    trip, _ = book(None, fill("10", "100"))
    trip, row = book(trip, fill("-30", "110", realised="100", fee="3"))
    assert row is not None
    assert (row["pnl"], row["fees"], row["r_multiple"]) == ("98.00000000", "2.00000000", None)
    assert trip is not None
    assert (trip.held, trip.net, trip.fees) == (D(-20), D(-2), D(2))
    trip, row = book(trip, fill("20", "100", realised="200", fee="1"))
    assert row is not None
    assert (trip, row["side"], D(row["pnl"])) == (None, "SELL", D(197))


def test_an_open_trade_survives_its_own_encoding():
    trip, _ = book(None, fill("10", "100", stop="95"))
    assert trip is not None
    assert OpenTrade.from_json(canonical.decode(canonical.encode(trip.to_json()))) == trip


@given(st.lists(st.tuples(st.integers(-9, 9).filter(bool), st.integers(50, 150)), max_size=40))
def test_trips_and_the_open_one_add_up_to_the_ledger(fills: list[tuple[int, int]]):
    position, trip, net, closed = Position("a", "AAPL", "t"), None, D(0), D(0)
    for units, price in fills:
        realised = position.apply(D(units), D(price), D(1), 1)
        net += realised - 1
        trip, row = book(trip, fill(str(units), str(price), realised=str(realised)))
        closed += D(row["pnl"]) if row else D(0)
        assert (trip.held if trip else D(0)) == position.quantity
    assert closed + (trip.net if trip else D(0)) == net
