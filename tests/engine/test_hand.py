"""What the engine leaves to a closer: while it closes, nobody else sends in its instruments."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.cases.kit import Rig, bar, request

from tradedeck.closing.types import Sent
from tradedeck.engine.actions import ReduceOrder
from tradedeck.trading.order import OrderType, Purpose, Side

SENT = Sent("kc1", "AAPL", 1, Side.SELL, Decimal(10), 1)
STOP = Sent("kc2", "AAPL", 1, Side.SELL, Decimal(10), 1, protective=True)


def holding(stop: float | None = None) -> Rig:
    """Long 10 of AAPL at 100, with a protective stop or without."""
    rig = Rig()
    rig.trader()
    rig.bar(bar(100, 1))
    rig.signal(rig.engine.slots["on-AAPL"], 1.0, stop=stop)
    assert rig.book.held("AAPL") == 10
    return rig


@pytest.mark.parametrize("cells", [None, frozenset({"AAPL"})])
def test_inv_9_a_strategy_sends_nothing_where_a_closer_closes(cells: frozenset[str] | None) -> None:
    rig = holding()
    slot = rig.engine.slots["on-AAPL"]
    rig.engine.closer.take(cells)
    target = slot.target
    rig.signal(slot, -1.0)
    rig.want(slot, request("BUY", 1, type="LIMIT", limit_price=50))
    assert set(rig.sink.reasons) == {"KILL_CLOSING"}
    assert rig.book.held("AAPL") == 10
    assert slot.target == target
    assert rig.engine.close("AAPL", by="a person") == []
    rig.engine.closer.take(frozenset())
    rig.signal(slot, -1.0)
    assert rig.book.held("AAPL") == -10


def test_a_closer_elsewhere_is_in_nobodys_way() -> None:
    rig = holding()
    rig.engine.closer.take(frozenset({"IBM"}))
    rig.signal(rig.engine.slots["on-AAPL"], 0.0)
    assert rig.flat()


def test_inv_3_a_close_is_stated_once_however_often_it_is_sent() -> None:
    rig = holding()
    rig.engine.closer.take(None)
    first = rig.engine.closer.send(SENT, "kill_1", None, 5)
    again = rig.engine.closer.send(SENT, "kill_1", None, 5)
    assert isinstance(first, ReduceOrder)
    assert isinstance(again, ReduceOrder)
    assert first.order is again.order
    order = first.order
    assert (order.client_id, order.purpose, order.reduce_only) == ("kc1", Purpose.CLOSE, True)
    assert (order.trader, order.by, order.signed) == ("on-AAPL", "kill_1", Decimal(-10))
    assert [f[1]["client_id"] for f in rig.sink.facts if f[0] == "intent"].count("kc1") == 1


def test_a_stop_that_a_closer_places_again_has_its_price() -> None:
    rig = holding()
    action = rig.engine.closer.send(STOP, "kill_1", Decimal("95.50"), 5)
    assert isinstance(action, ReduceOrder)
    order = action.order
    assert (order.type, order.purpose) == (OrderType.STOP, Purpose.PROTECTIVE)
    assert (order.stop_price, order.reduce_only) == (Decimal("95.50"), True)


def test_the_engine_places_no_stop_again_while_a_closer_closes() -> None:
    """Its cancel is the closer's; another one behind it would be cancelled for ever."""
    rig = holding(stop=90.0)
    slot = rig.engine.slots["on-AAPL"]
    [stop] = rig.working()
    assert stop.purpose is Purpose.PROTECTIVE
    rig.want(slot, request("BUY", 1, type="LIMIT", limit_price=50))
    entry = next(o for o in rig.working() if o.purpose is not Purpose.PROTECTIVE)
    rig.engine.closer.take(None)
    rig.carry_out(
        [rig.engine.closer.withdraw(stop, "kill_1"), rig.engine.closer.withdraw(entry, "kill_1")]
    )
    assert not rig.working()


def test_after_a_closer_a_strategy_begins_from_flat() -> None:
    rig = holding(stop=90.0)
    slot = rig.engine.slots["on-AAPL"]
    rig.engine.closer.closed(frozenset({"IBM"}))
    assert slot.target == 1.0
    rig.engine.closer.closed(frozenset({"AAPL"}))
    assert (slot.target, slot.stop) == (0.0, None)


def test_inv_9_nothing_is_sent_for_an_account_that_another_process_holds() -> None:
    rig = holding()
    slot = rig.engine.slots["on-AAPL"]
    rig.want(slot, request("BUY", 1, type="LIMIT", limit_price=50))
    rig.engine.locked = True
    rig.want(slot, request("SELL", 5, reduce_only=True))
    assert rig.sink.reasons == ["ACCOUNT_HELD"]
    assert rig.book.held("AAPL") == 10
    [order] = rig.book.orders.values()
    assert rig.engine.cancel([order], by="a person") == []
    assert rig.engine.flatten(None, by="a person") == []
