"""The paper exchange order type by order type; prices are worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.cases.kit import ACCOUNT, DAY, MINUTE, T0, bar, d, order, send, venue

from tradedeck.trading.instrument import Instrument
from tradedeck.trading.order import Order
from tradedeck.venue.matching import PaperVenue
from tradedeck.venue.model import ExchangeModel
from tradedeck.venue.report import Report, ReportKind

FILLED, ACCEPTED, CANCELLED = ReportKind.FILLED, ReportKind.ACCEPTED, ReportKind.CANCELLED


def market(model: ExchangeModel | None = None, close: float = 100.0) -> PaperVenue:
    made = venue(model)
    made.bar(bar(close, 0))
    return made


def told(reports: list[Report]) -> list[tuple[str, str]]:
    """Kind, and what matters of it."""
    return [
        (
            r.kind.value,
            f"{r.quantity}@{r.price}" if r.kind is FILLED else r.reason,
        )
        for r in reports
    ]


def held(of: PaperVenue) -> Decimal:
    position = of.positions.get((ACCOUNT, "AAPL"))
    return position.quantity if position else Decimal(0)


# -- market ------------------------------------------------------------------------------------

MODELS = [
    ({}, "BUY", "100.00"),
    ({}, "SELL", "100.00"),
    ({"spread_bps": 20}, "BUY", "100.10"),
    ({"spread_bps": 20}, "SELL", "99.90"),
    ({"slippage_bps": 30}, "BUY", "100.30"),
    ({"slippage_bps": 30}, "SELL", "99.70"),
    ({"spread_bps": 20, "slippage_bps": 100}, "BUY", "101.10"),  # 100.10 x 1.01 = 101.101
    ({"spread_bps": 20, "slippage_bps": 100}, "SELL", "98.90"),  # 99.90 x 0.99 = 98.901
]


@pytest.mark.parametrize(("model", "side", "price"), MODELS)
def test_market_order_fills_at_the_close_against_the_taker(
    model: dict[str, int], side: str, price: str
) -> None:
    at = market(ExchangeModel.from_body(model))
    assert told(send(at, order(side, 3))) == [("filled", f"3@{price}")]


@pytest.mark.parametrize(("side", "price"), [("BUY", "100.07"), ("SELL", "99.95")])
def test_bars_with_sides_price_by_their_sides_not_by_the_configured_spread(
    side: str, price: str
) -> None:
    at = venue(ExchangeModel(spread_bps=Decimal(500)))
    at.bar(bar(100.0, bid=99.95, ask=100.07))
    assert told(send(at, order(side, 3))) == [("filled", f"3@{price}")]


def test_a_fee_is_paid_per_fill_and_never_less_than_the_least() -> None:
    at = market(ExchangeModel(fee_bps=Decimal(5), fee_min=Decimal("1.5")))
    [small] = send(at, order(quantity=1))
    [large] = send(at, order(quantity=100))
    assert (small.fee, large.fee) == (Decimal("1.5"), Decimal(5))
    assert at.accounts[ACCOUNT].balance == Decimal("99993.5")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"account": "other"}, "ACCOUNT_UNKNOWN"),
        ({"symbol": "NONE"}, "INSTRUMENT_UNKNOWN"),
        ({"quantity": 0}, "QUANTITY_INVALID"),
        ({"quantity": -1}, "QUANTITY_INVALID"),
        ({"quantity": "NaN"}, "QUANTITY_INVALID"),
        ({"quantity": "Infinity"}, "QUANTITY_INVALID"),
        ({"quantity": "1.5"}, "QUANTITY_INVALID"),
        ({"symbol": "IBM"}, "NO_MARKET"),
        ({"type": "LIMIT"}, "LIMIT_PRICE_MISSING"),
        ({"type": "LIMIT", "limit": "NaN"}, "LIMIT_PRICE_MISSING"),
        ({"type": "LIMIT", "limit": -1}, "LIMIT_PRICE_MISSING"),
        ({"type": "STOP"}, "STOP_PRICE_MISSING"),
        ({"type": "STOP", "stop": 0}, "STOP_PRICE_MISSING"),
        ({"reduce_only": True}, "REDUCE_NOTHING_HELD"),
    ],
)
def test_a_wrong_order_is_rejected_and_changes_nothing(
    wrong: dict[str, object], reason: str
) -> None:
    at = market()
    before = at.accounts[ACCOUNT].balance
    [report] = at.place(order(**wrong))  # type: ignore[arg-type]: cases are tables of keywords
    assert (report.kind, report.reason, report.done) == (ReportKind.REJECTED, reason, True)
    assert at.accounts[ACCOUNT].balance == before
    assert not at.positions
    assert not any(at.working.values())


# -- limit -------------------------------------------------------------------------------------

LIMITS = [
    # side, limit, the next bar (open, high, low, close), what it fills at
    ("BUY", 99, (100, 101, 99.01, 100), None),
    ("BUY", 99, (100, 101, 99, 100), "99"),  # touched
    ("BUY", 99, (100, 101, 90, 100), "99"),  # traded through: at the limit
    ("BUY", 99, (95, 101, 94, 100), "95.00"),  # gap: at the open, better
    ("SELL", 101, (100, 100.99, 99, 100), None),
    ("SELL", 101, (100, 101, 99, 100), "101"),
    ("SELL", 101, (100, 110, 99, 100), "101"),
    ("SELL", 101, (105, 106, 99, 100), "105.00"),
]


@pytest.mark.parametrize(("side", "limit", "ohlc", "price"), LIMITS)
def test_a_limit_fills_at_its_limit_or_better(
    side: str, limit: int, ohlc: tuple[float, ...], price: str | None
) -> None:
    at = market()
    assert told(send(at, order(side, 5, type="LIMIT", limit=limit))) == [("accepted", "")]
    open_, high, low, close = ohlc
    reports = at.bar(bar(close, open=open_, high=high, low=low))
    assert told(reports) == ([] if price is None else [("filled", f"5@{price}")])
    assert all(r.liquidity == "maker" for r in reports)


def test_a_limit_meets_the_far_side_of_the_spread() -> None:
    """20 bps: the ask of a low of 99.00 is 99.10, which a limit of 99.05 does not reach."""
    at = market(ExchangeModel(spread_bps=Decimal(20)))
    send(at, order(type="LIMIT", limit="99.05"))
    assert at.bar(bar(100, open=100, low=99.0)) == []
    assert told(at.bar(bar(100, 2, open=100, low=98.95))) == [("filled", "10@99.05")]


def test_a_marketable_limit_takes_and_pays_no_slippage_beyond_it() -> None:
    at = market(ExchangeModel(slippage_bps=Decimal(100)))
    [report] = send(at, order(type="LIMIT", limit=101))
    assert (report.price, report.liquidity) == (Decimal("100.00"), "taker")


# -- stop --------------------------------------------------------------------------------------

STOPS = [
    ("BUY", 101, (100, 100.99, 99, 100), None),
    ("BUY", 101, (100, 101, 99, 100), "101"),
    ("BUY", 101, (104, 105, 103, 104), "104.00"),  # gap through it: at the open, worse
    ("SELL", 99, (100, 101, 99.01, 100), None),
    ("SELL", 99, (100, 101, 99, 100), "99"),
    ("SELL", 99, (90, 91, 89, 90), "90.00"),
]


@pytest.mark.parametrize(("side", "stop", "ohlc", "price"), STOPS)
def test_a_stop_fills_at_its_trigger_or_worse(
    side: str, stop: int, ohlc: tuple[float, ...], price: str | None
) -> None:
    at = market()
    assert told(send(at, order(side, 5, type="STOP", stop=stop))) == [("accepted", "")]
    open_, high, low, close = ohlc
    reports = at.bar(bar(close, open=open_, high=high, low=low))
    assert told(reports) == ([] if price is None else [("filled", f"5@{price}")])


@pytest.mark.parametrize(("side", "stop", "price"), [("BUY", 101, "102.01"), ("SELL", 99, "98.01")])
def test_a_stop_slips_against_the_taker(side: str, stop: int, price: str) -> None:
    at = market(ExchangeModel(slippage_bps=Decimal(100)))
    send(at, order(side, 1, type="STOP", stop=stop))
    assert told(at.bar(bar(100, open=100, high=102, low=98))) == [("filled", f"1@{price}")]


def test_a_stop_that_is_beyond_its_trigger_on_arrival_is_a_market_order() -> None:
    at = market()
    assert told(send(at, order("BUY", 5, type="STOP", stop=99))) == [("filled", "5@100.00")]
    assert told(send(at, order("SELL", 5, type="STOP", stop=101))) == [("filled", "5@100.00")]


def test_stop_before_limit_where_one_bar_touches_both() -> None:
    """Long 10, a stop at 95 and a target at 105, a bar from 90 to 110: the loss is taken."""
    at = market()
    send(at, order("BUY", 10))
    send(at, order("SELL", 10, type="LIMIT", limit=105, reduce_only=True))
    send(at, order("SELL", 10, type="STOP", stop=95, reduce_only=True))
    assert told(at.bar(bar(100, open=100, high=110, low=90))) == [
        ("filled", "10@95"),
        ("cancelled", "REDUCE_DONE"),
    ]
    assert held(at) == 0
    assert at.accounts[ACCOUNT].balance == 100_000 - 50


# -- time in force -------------------------------------------------------------------------------


def test_gtc_rests_without_end() -> None:
    at = market()
    send(at, order(type="LIMIT", limit=50))
    assert [at.bar(bar(100, n, step=DAY)) for n in range(1, 400)] == [[]] * 399
    assert told(at.bar(bar(49, 400, step=DAY))) == [("filled", "10@49.00")]


def test_day_expires_at_its_time_after_its_last_chance_to_fill() -> None:
    at = market()
    ends = T0 + 2 * MINUTE
    send(at, order(type="LIMIT", limit=99, tif="DAY", expires=ends, name="late"))
    send(at, order(type="LIMIT", limit=95, tif="DAY", expires=ends, name="never"))
    assert at.bar(bar(100, 1)) == []
    reports = at.bar(bar(99, 2))
    assert [(r.kind, r.client_id, r.done) for r in reports] == [
        (FILLED, "late", True),
        (ReportKind.EXPIRED, "never", True),
    ]
    assert not at.working["AAPL"]


def test_day_does_not_fill_in_a_bar_that_begins_after_its_end() -> None:
    at = market()
    send(at, order(type="LIMIT", limit=99, tif="DAY", expires=T0 + MINUTE))
    assert told(at.bar(bar(50, 10))) == [("expired", "TIME_IN_FORCE")]
    assert held(at) == 0


@pytest.mark.parametrize("tif", ["IOC", "FOK"])
def test_immediate_orders_never_rest(tif: str) -> None:
    at = market()
    assert told(send(at, order(type="LIMIT", limit=99, tif=tif))) == [
        ("cancelled", f"{tif}_UNFILLED")
    ]
    assert not any(at.working.values())
    assert told(send(at, order(type="LIMIT", limit=100, tif=tif))) == [("filled", "10@100.00")]


def test_ioc_takes_what_there_is_and_fok_all_or_nothing() -> None:
    at = venue(ExchangeModel(volume_share_max=Decimal("0.1")))
    at.bar(bar(100, volume=60))
    assert told(send(at, order(quantity=10, tif="FOK"))) == [("cancelled", "FOK_UNFILLED")]
    assert told(send(at, order(quantity=10, tif="IOC"))) == [
        ("filled", "6@100.00"),
        ("cancelled", "IOC_UNFILLED"),
    ]
    assert not any(at.working.values())
    at.bar(bar(100, 2, volume=100))
    assert told(send(at, order(quantity=10, tif="FOK"))) == [("filled", "10@100.00")]


# -- volume ----------------------------------------------------------------------------------


def test_partials_across_bars_add_up_and_share_the_volume() -> None:
    at = venue(ExchangeModel(volume_share_max=Decimal("0.1")))
    at.bar(bar(100, 0, volume=40))
    assert told(send(at, order(quantity=10, name="a"))) == [("filled", "4@100.00")]
    assert told(send(at, order(quantity=5, name="b"))) == [("accepted", "")]  # nothing left
    first = at.bar(bar(101, 1, volume=50))
    second = at.bar(bar(102, 2, volume=90))
    assert [(r.client_id, r.quantity, r.price, r.done) for r in first + second] == [
        ("a", 5, Decimal("101.00"), False),
        ("a", 1, Decimal("102.00"), True),
        ("b", 5, Decimal("102.00"), True),
    ]
    assert held(at) == 15


def test_what_an_account_without_a_bound_took_is_gone_for_one_with_a_bound() -> None:
    at = venue()
    at.open_account("b", "USD", Decimal(500_000), ExchangeModel(volume_share_max=Decimal("0.1")))
    at.bar(bar(100, 0, volume=100))
    assert told(send(at, order(quantity=7))) == [("filled", "7@100.00")]
    assert told(send(at, order(quantity=10, account="b", name="b"))) == [("filled", "3@100.00")]


@pytest.mark.parametrize("more", [{}, {"type": "STOP", "stop": 100}], ids=["market", "stop"])
def test_eng_7_a_resting_order_is_kept_as_far_as_it_filled(more: dict[str, object]) -> None:
    """Read back after part of it filled, it fills what is left and not the whole again."""
    at = venue(ExchangeModel(volume_share_max=Decimal("0.1")))
    at.bar(bar(100, 0, volume=40))
    send(at, order(quantity=10, name="a", **more))  # type: ignore[arg-type]: a table of keywords
    rows = at.changes()
    at.bar(bar(100, 1, volume=30))
    rows |= at.changes()
    back = venue()
    back.restore({name: row for name, row in rows.items() if row is not None}, at.seq)
    assert back.working["AAPL"]["a"].to_row() == at.working["AAPL"]["a"].to_row()
    assert back.working["AAPL"]["a"].left == 3
    back.bar(bar(100, 2))
    assert held(back) == 10


def test_a_bar_without_volume_bounds_nothing() -> None:
    at = venue(ExchangeModel(volume_share_max=Decimal("0.1")))
    at.bar(bar(100))
    assert told(send(at, order(quantity=1_000))) == [("filled", "1000@100.00")]


def test_inv_5_what_is_left_works_on_when_the_fill_ended_another_order() -> None:
    """A part fill that turns the position ends a resting reduction; the report of that end is not
    the end of the order that filled.
    """
    at = venue(ExchangeModel(volume_share_max=Decimal("0.1")))
    at.bar(bar(100, 0))
    send(at, order("SELL", 3))
    send(at, order("BUY", 3, type="LIMIT", limit=90, reduce_only=True, name="idle"))
    at.bar(bar(100, 1, volume=60))
    reports = send(at, order("BUY", 10, name="main"))
    assert [(r.client_id, r.kind) for r in reports] == [("main", FILLED), ("idle", CANCELLED)]
    assert list(at.working["AAPL"]) == ["main"]
    at.bar(bar(100, 2, volume=60))
    send(at, order("SELL", 9))
    send(at, order("BUY", 3, type="LIMIT", limit=90, reduce_only=True, name="idle2"))
    at.bar(bar(100, 3, volume=60))
    ioc = send(at, order("BUY", 10, tif="IOC", name="ioc"))
    assert [(r.client_id, r.kind) for r in ioc][-1] == ("ioc", CANCELLED)


@pytest.mark.parametrize(("tif", "fills"), [("IOC", ["6@101"]), ("FOK", []), ("GTC", ["6@101"])])
def test_an_immediate_stop_is_immediate_when_it_triggers(tif: str, fills: list[str]) -> None:
    at = venue(ExchangeModel(volume_share_max=Decimal("0.1")))
    at.bar(bar(100, 0))
    send(at, order("BUY", 10, type="STOP", stop=101, tif=tif))
    reports = at.bar(bar(100, 1, high=102, volume=60))
    assert [detail for kind, detail in told(reports) if kind == "filled"] == fills
    assert bool(at.working["AAPL"]) is (tif == "GTC")


# -- reduce-only -------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "then"), [("BUY", "SELL"), ("SELL", "BUY")])
def test_eng_3_inv_8_reduce_only_never_flips(first: str, then: str) -> None:
    at = market()
    send(at, order(first, 10_000))
    assert told(send(at, order(then, 50_000, reduce_only=True))) == [
        ("filled", "10000@100.00"),
        ("cancelled", "REDUCE_DONE"),
    ]
    assert held(at) == 0
    assert told(send(at, order(then, 70_000, reduce_only=True))) == [
        ("rejected", "REDUCE_NOTHING_HELD")
    ]


def test_inv_8_a_resting_reduction_that_is_overtaken_ends() -> None:
    """Long 10 with a stop; another order turns the position: the stop must not wait for a later
    long position, which it was never meant for.
    """
    at = market()
    send(at, order("BUY", 10))
    send(at, order("SELL", 10, type="STOP", stop=90, reduce_only=True, name="stop"))
    reports = send(at, order("SELL", 25))
    assert told(reports) == [("filled", "25@100.00"), ("cancelled", "REDUCE_DONE")]
    assert not any(at.working.values())


def test_inv_8_reduction_is_bounded_by_what_is_held_when_it_fills() -> None:
    at = market()
    send(at, order("BUY", 10))
    send(at, order("SELL", 10, type="LIMIT", limit=105, reduce_only=True))
    send(at, order("SELL", 7))
    assert told(at.bar(bar(106, open=106))) == [
        ("filled", "3@106.00"),
        ("cancelled", "REDUCE_DONE"),
    ]
    assert held(at) == 0


def test_the_reduce_port_takes_reduce_only_orders_alone() -> None:
    at = market()
    with pytest.raises(PermissionError):
        at.reduce(order())


# -- ids, cancel, replace ------------------------------------------------------------------------


def test_inv_3_a_client_id_has_one_effect() -> None:
    at = market()
    first = order(quantity=3, name="once")
    assert len(send(at, first)) == 1
    again = Order.from_body({**first.to_body(), "quantity": "500"})
    assert at.place(again) == []
    assert held(at) == 3


def test_inv_3_a_client_id_known_from_before_a_restart_has_no_effect() -> None:
    at = PaperVenue({"AAPL": venue()._instruments["AAPL"]}, known=lambda name: name == "old")
    at.open_account(ACCOUNT, "USD", Decimal(1000), ExchangeModel())
    at.bar(bar(100))
    assert at.place(order(name="old")) == []
    assert len(at.place(order(name="new"))) == 1


def test_cancel_ends_what_works_and_says_nothing_about_the_rest() -> None:
    at = market()
    resting = order(type="LIMIT", limit=50)
    send(at, resting)
    assert told(list(at.cancel(resting))) == [("cancelled", "REQUESTED")]
    assert at.cancel(resting) == []
    assert at.cancel(order(name="never sent")) == []
    assert not at.bar(bar(40))


def test_replace_changes_terms_and_meets_the_market_at_once() -> None:
    at = market()
    send(at, order(quantity=10, type="LIMIT", limit=50, name="r"))
    [report] = at.replace("AAPL", "r", d(20), d(60), None)
    assert (report.kind, report.quantity, report.price) == (ReportKind.REPLACED, 20, 60)
    reports = at.replace("AAPL", "r", None, d(100), None)
    assert told(reports) == [("replaced", ""), ("filled", "20@100.00")]
    assert at.replace("AAPL", "r", d(5), None, None) == []


def test_replace_below_what_filled_ends_the_order() -> None:
    at = venue(ExchangeModel(volume_share_max=Decimal("0.1")))
    at.bar(bar(100, volume=40))
    send(at, order(quantity=10, name="r"))
    assert told(at.replace("AAPL", "r", d(4), None, None)) == [
        ("cancelled", "REPLACED_BELOW_FILLED")
    ]
    assert held(at) == 4
    assert not any(at.working.values())


@pytest.mark.parametrize(
    "terms",
    [("1.5", None, None), ("NaN", None, None), (None, "-1", None), (None, "NaN", None),
     (None, None, "0"), (None, None, "Infinity")],
)  # fmt: skip
def test_replace_with_wrong_terms_is_refused_and_changes_nothing(
    terms: tuple[str | None, ...],
) -> None:
    at = market()
    send(at, order(quantity=10, type="LIMIT", limit=50, name="r"))
    before = at.working["AAPL"]["r"].to_row()
    seq = at.seq
    with pytest.raises(ValueError, match="was not"):
        at.replace("AAPL", "r", *(None if t is None else Decimal(t) for t in terms))
    assert at.working["AAPL"]["r"].to_row() == before
    assert at.seq == seq


def test_reports_are_numbered_without_a_gap() -> None:
    at = market()
    reports = send(at, order()) + send(at, order(type="LIMIT", limit=1)) + send(at, order("SELL"))
    assert [r.seq for r in reports] == [1, 2, 3]
    assert all(Report.from_body(r.to_body()) == r for r in reports)


def test_an_account_is_opened_once_and_re_modelled() -> None:
    at = market()
    assert not at.open_account(ACCOUNT, "USD", Decimal(5), ExchangeModel(fee_min=Decimal(1)))
    assert at.accounts[ACCOUNT].balance == 100_000
    assert send(at, order())[0].fee == 1


def test_two_accounts_do_not_touch_each_other() -> None:
    at = market()
    at.open_account("b", "USD", Decimal(500), ExchangeModel())
    send(at, order("BUY", 10, account="b"))
    send(at, order("SELL", 10, type="STOP", stop=90, reduce_only=True, account="b", name="keep"))
    send(at, order("BUY", 4))
    send(at, order("SELL", 4))
    assert at.positions["b", "AAPL"].quantity == 10
    assert "keep" in at.working["AAPL"]
    assert at.accounts["b"].balance == 500


def test_prices_keep_the_tick_when_it_is_no_power_of_ten() -> None:
    spec = Instrument("Q", "USD", Decimal("0.25"), Decimal(1), "24x7")
    at = venue(ExchangeModel(slippage_bps=Decimal(10)), 100_000, spec)
    at.bar(bar(100.1, symbol="Q"))
    [bought] = send(at, order("BUY", 1, symbol="Q"))
    [sold] = send(at, order("SELL", 1, symbol="Q"))
    assert bought.price is not None
    assert sold.price is not None
    assert bought.price % spec.tick == sold.price % spec.tick == 0
    assert bought.price >= Decimal("100.00") >= sold.price
