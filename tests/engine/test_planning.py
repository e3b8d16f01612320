"""From wishes to orders: planning, sizing, what is in flight."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.cases.kit import AAPL, Rig, bar, d, request

from tradedeck.engine import sizing
from tradedeck.engine.actions import CancelOrder, ReduceOrder, SubmitOrder
from tradedeck.engine.planner import utc_day_end
from tradedeck.engine.sizing import Sizing, SizingKind
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.order import Purpose
from tradedeck.trading.signal import CancelRequest
from tradedeck.venue.model import ExchangeModel

UNITS, SHARE, RISK = SizingKind.UNITS, SizingKind.EQUITY_FRACTION, SizingKind.RISK
POINT = Instrument("P", "USD", d("0.01"), d("0.1"), "24x7", multiplier=d(50))

SIZES = [
    # kind, value, instrument, target, price, equity, stop, units
    (UNITS, "10", AAPL, 1.0, "100", "1", None, "10"),
    (UNITS, "10", AAPL, -0.5, "100", "1", None, "-5"),
    (UNITS, "10", AAPL, 0.55, "100", "1", None, "5"),  # towards zero
    (UNITS, "10", AAPL, 3.0, "100", "1", None, "10"),  # a target beyond 1 is 1
    (SHARE, "0.5", AAPL, 1.0, "100", "10000", None, "50"),
    (SHARE, "0.5", AAPL, 1.0, "99.99", "10000", None, "50"),
    (SHARE, "0.5", AAPL, 1.0, "100.01", "10000", None, "49"),
    (SHARE, "1", AAPL, 1.0, "100", "-5", None, "0"),
    (SHARE, "1", AAPL, 1.0, "0", "1000", None, "0"),
    (SHARE, "1", POINT, -1.0, "100", "10000", None, "-2.0"),  # multiplier 50
    (RISK, "0.01", AAPL, 1.0, "100", "10000", "95", "20"),
    (RISK, "0.01", AAPL, -1.0, "100", "10000", "105", "-20"),
    (RISK, "0.01", AAPL, 1.0, "100", "10000", None, "0"),
    (RISK, "0.01", AAPL, 1.0, "100", "10000", "100", "0"),
    (RISK, "0.01", POINT, 1.0, "100", "10000", "95", "0.4"),
]


@pytest.mark.parametrize(
    ("kind", "value", "spec", "wanted", "price", "equity", "stop", "units"),
    SIZES,
    ids=range(len(SIZES)),
)
def test_sizing_formulas(
    kind: SizingKind,
    value: str,
    spec: Instrument,
    wanted: float,
    price: str,
    equity: str,
    stop: str | None,
    units: str,
) -> None:
    made = sizing.units(
        Sizing(kind, d(value)), spec, wanted, d(price), d(equity), None if stop is None else d(stop)
    )
    assert made == Decimal(units)
    assert spec.on_step(made)


def begun(**more: object) -> Rig:
    rig = Rig(day_end=utc_day_end, **more)  # type: ignore[arg-type]: cases are tables of keywords
    rig.trader()
    rig.bar(bar(100, volume=1_000))
    return rig


def test_planning_the_same_wish_twice_is_one_order() -> None:
    rig = begun()
    slot = rig.engine.slots["on-AAPL"]
    for _ in range(3):
        rig.signal(slot, 1.0)
    assert [type(a) for a in rig.sent] == [SubmitOrder]
    assert (slot.signals, slot.executed) == (3, 1)


@pytest.mark.parametrize("start", [-1.0, -0.5, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("then", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_planning_every_change_of_target_ends_where_it_should(start: float, then: float) -> None:
    rig = begun()
    slot = rig.engine.slots["on-AAPL"]
    if start:
        rig.signal(slot, start)
    assert rig.book.held("AAPL") == d(start) * 10
    rig.sent.clear()
    rig.signal(slot, then)
    assert rig.book.held("AAPL") == d(then) * 10
    # What brings nearer to zero goes by the port that needs no permission.
    ports = [type(a) for a in rig.sent]
    if start * then < 0:
        assert ports == [ReduceOrder, SubmitOrder]
    elif abs(then) < abs(start):
        assert ports == [ReduceOrder]
    else:
        assert ports == ([] if start == then else [SubmitOrder])
    rig.agree()


def test_planning_what_is_in_flight_ends_before_the_next_decision() -> None:
    rig = begun(model=ExchangeModel(volume_share_max=d("0.001")))
    slot = rig.engine.slots["on-AAPL"]
    rig.signal(slot, 1.0)  # one unit fills, nine work on
    assert rig.book.held("AAPL") == 1
    rig.sent.clear()
    rig.signal(slot, -1.0)
    assert [type(a) for a in rig.sent] == [CancelOrder]
    assert rig.book.held("AAPL") == 1
    rig.bar(bar(100, 2, volume=100_000))
    rig.signal(slot, -1.0)
    assert rig.book.held("AAPL") == -10
    rig.agree()


def test_planning_explicit_orders_reduce_where_they_can() -> None:
    rig = begun()
    slot = rig.engine.slots["on-AAPL"]
    rig.want(slot, request("BUY", 10))
    rig.want(slot, request("SELL", 4))
    assert isinstance(rig.sent[-1], ReduceOrder)
    assert rig.sent[-1].order.purpose is Purpose.EXIT
    rig.want(slot, request("SELL", 7))  # more than is held: through the gate
    assert isinstance(rig.sent[-1], SubmitOrder)
    assert rig.book.held("AAPL") == -1


def test_planning_a_days_order_ends_with_the_day() -> None:
    rig = begun()
    slot = rig.engine.slots["on-AAPL"]
    rig.want(slot, request("BUY", 1, type="LIMIT", limit_price=50, tif="DAY"))
    [order] = rig.working()
    assert order.expires_ns == utc_day_end(rig.engine.now_ns)
    rig.bar(bar(100, 24 * 60))
    assert not rig.working()
    assert not rig.book.orders
    kinds = [f[1]["kind"] for f in rig.sink.facts if f[0] == "reported"]
    assert kinds == ["accepted", "expired"]


def test_planning_cancel_one_or_all_of_its_own() -> None:
    rig = begun()
    slot = rig.engine.slots["on-AAPL"]
    for price in (50, 51, 52):
        rig.want(slot, request("BUY", 1, type="LIMIT", limit_price=price))
    first = rig.working()[0]
    rig.want(slot, CancelRequest(first.id))
    assert len(rig.working()) == 2
    rig.want(slot, CancelRequest("of somebody else"))
    assert len(rig.working()) == 2
    rig.want(slot, CancelRequest())
    assert not rig.working()


def test_one_trader_per_instrument() -> None:
    rig = begun()
    with pytest.raises(ValueError, match="traded by"):
        rig.trader(name="second")
    rig.engine.remove_trader("on-AAPL")
    rig.trader(name="second")
