from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.cases.gate_table import NOW, TABLE, Try, a_book, hold, with_
from tests.cases.kit import AAPL, Rig, bar, d, order, request

from tradedeck.execution import checks, gate
from tradedeck.execution.arming import Mode
from tradedeck.execution.book import Book
from tradedeck.execution.checks import CONTROLS, compile_checks
from tradedeck.execution.gate import Conditions, Denial
from tradedeck.execution.halt import Level
from tradedeck.execution.refusals import WORDS, Refusal
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.risk.limits import Limits
from tradedeck.trading.instrument import AssetClass, Instrument
from tradedeck.trading.order import Side, Status
from tradedeck.venue.permit import Permit

# Refused by the engine before the gate; see tests/engine/test_planning.py and test_hand.py.
ELSEWHERE = {Refusal.REDUCE_NOTHING_HELD, Refusal.KILL_CLOSING}


@pytest.mark.parametrize(("key", "cases"), TABLE.items(), ids=["-".join(k) for k in TABLE])
def test_rsk_1_refused_at_the_bound_and_allowed_beside_it(
    key: tuple[str, str], cases: tuple[Try, Try]
) -> None:
    refused, allowed = cases
    assert refused.reason == key[0]
    assert allowed.reason == "allowed"


def test_rsk_1_every_refusal_has_a_case_and_words() -> None:
    assert {Refusal(name) for name, _ in TABLE} | ELSEWHERE == set(Refusal)
    assert set(WORDS) == set(Refusal)
    assert all(meaning.endswith(".") and advice for meaning, advice in WORDS.values())


def test_rsk_1_every_limit_that_is_not_a_running_one_has_a_control() -> None:
    running = {"drawdown_max", "day_loss_max", "loss_max", "stale_checks_max"}
    from tradedeck.risk.limits import NAMES

    assert set(CONTROLS) == set(NAMES) - running


def test_rsk_1_a_denial_carries_its_numbers() -> None:
    answer = Try(order=order(quantity=11), limits={"order_quantity_max": 10}).answer()
    assert isinstance(answer, Denial)
    assert answer.numbers == {
        "limit": "order_quantity_max",
        "scope": "account",
        "used": "0",
        "after": "11",
        "bound": "10",
    }


def test_inv_10_a_check_that_raises_denies() -> None:
    def broken(_case: checks.Case, _bound: Decimal) -> checks.Check:
        raise ZeroDivisionError("no data")

    answer = gate.decide(
        order(), a_book(), ((broken, Decimal(1), "account"),), with_(), d(1000), NOW
    )
    assert isinstance(answer, Denial)
    assert answer.refusal is Refusal.CHECK_FAILED
    assert "ZeroDivisionError" in answer.numbers["error"]


def test_inv_10_conditions_that_cannot_be_read_deny() -> None:
    nothing: Any = None
    answer = gate.decide(order(), a_book(), (), nothing, d(1000), NOW)
    assert isinstance(answer, Denial)
    assert answer.refusal is Refusal.CHECK_FAILED


def test_inv_10_explain_shows_a_check_that_raises_as_failed() -> None:
    def broken(_case: checks.Case, _bound: Decimal) -> checks.Check:
        raise KeyError("x")

    [shown] = gate.explain(order(), a_book(), ((broken, Decimal(1), "t"),), d(1000), NOW)
    assert shown["ok"] is False


@pytest.mark.parametrize(("key", "cases"), TABLE.items(), ids=["-".join(k) for k in TABLE])
def test_explain_survives_whatever_the_gate_refuses(
    key: tuple[str, str], cases: tuple[Try, Try]
) -> None:
    case = cases[0]
    book = a_book(case.balance, case.marks)
    case.before(book)
    stop = None if case.stop is None else d(case.stop)
    bounds = compile_checks(Limits.from_document(case.limits), Limits())
    gate.explain(case.order, book, bounds, d(case.equity), NOW, stop)


def test_explain_lists_every_limit_with_its_numbers() -> None:
    bounds = compile_checks(
        Limits.from_document({"order_quantity_max": 5}),
        Limits.from_document({"open_orders_max": 9}),
    )
    shown = gate.explain(order(), a_book(), bounds, d(100_000), NOW)
    assert [(c["limit"], c["scope"], c["ok"]) for c in shown] == [
        ("order_quantity_max", "account", False),
        ("margin_use_max", "account", True),
        ("open_orders_max", "trader", True),
    ]


# -- a trader's own --------------------------------------------------------------------------

OWN_CASES: dict[str, tuple[object, str]] = {
    "orders_per_minute": (2, "ORDER_RATE_LIMIT"),
    "open_orders_max": (2, "ORDERS_OPEN_LIMIT"),
    "gross_exposure_max": ("0.02", "EXPOSURE_LIMIT"),
    "margin_use_max": ("0.01", "MARGIN_LIMIT"),
}


def others_busy() -> Book:
    """A book in which another trader has sent, holds and has open more than any bound below."""
    book = a_book()
    book.instruments["MSFT"] = AAPL_LIKE
    book.marks["MSFT"] = 100.0
    for n in range(3):
        other = order(quantity=100, symbol="MSFT", trader="other", name=f"other{n}")
        book.add(other)
        book.sent(other, NOW)
    return book


AAPL_LIKE = Instrument("MSFT", "USD", d("0.01"), d(1), "24x7", AssetClass.EQUITY)


def refused(book: Book, account: Limits, trader: Limits) -> str:
    bounds = compile_checks(account, trader)
    answer = gate.decide(order(trader="me"), book, bounds, with_(), d(100_000), NOW)
    return "allowed" if isinstance(answer, Permit) else answer.refusal.value


@pytest.mark.parametrize(("name", "case"), OWN_CASES.items())
def test_rsk_1_a_traders_bound_counts_its_own_and_the_accounts_all(
    name: str, case: tuple[object, str]
) -> None:
    bound, refusal = case
    limits = Limits.from_document({name: bound})
    book = others_busy()
    book.own_rate("me").clear()  # known for so long that the others' minute is not its own
    assert refused(book, Limits(), limits) == "allowed"
    assert refused(book, limits, Limits()) == refusal
    for n in range(2):  # two of its own: the third is one too many
        own = order(trader="me", name=f"own{n}", quantity=10)
        book.add(own)
        book.sent(own, NOW)
    assert refused(book, Limits(), limits) == refusal


def test_rsk_1_a_bound_that_is_new_on_a_traders_rate_counts_the_accounts_minute() -> None:
    """What it sent before the bound was there is not known apart: at worst case all was its own."""
    book = others_busy()
    limits = Limits.from_document({"orders_per_minute": 2})
    assert refused(book, Limits(), limits) == "ORDER_RATE_LIMIT"
    bounds = compile_checks(Limits(), limits)
    later = NOW + 60 * NS_PER_S
    answer = gate.decide(order(trader="me"), book, bounds, with_(), d(100_000), later)
    assert isinstance(answer, Permit)
    book.forget_sends()
    assert refused(book, Limits(), limits) == "allowed"


# -- INV-4 -----------------------------------------------------------------------------------

UNKNOWN_CASES = {
    "position_quantity_max": 19,
    "position_value_max": 1999,
    "gross_exposure_max": "0.01999",
    "concentration_max": "0.01999",
    "margin_use_max": "0.00999",
    "open_orders_max": 1,
}


@pytest.mark.parametrize(("name", "bound"), UNKNOWN_CASES.items())
def test_inv_4_an_unknown_order_counts_at_worst_case(name: str, bound: object) -> None:
    def lost(book: Book) -> None:
        first = order(quantity=10, name="lost")
        book.add(first)
        book.unknown(first)

    def rejected(book: Book) -> None:
        lost(book)
        book.discard(book.orders["lost"], Status.REJECTED)

    assert Try(limits={name: bound}, before=lost).reason not in ("allowed", "CHECK_FAILED")
    assert Try(limits={name: bound}, before=rejected).reason == "allowed"


@pytest.mark.parametrize(("side", "held"), [("BUY", -5), ("SELL", 5)])
def test_inv_4_unknown_elsewhere_counts_in_the_direction_that_hurts(side: str, held: int) -> None:
    """An UNKNOWN order in another instrument may have filled, or not: the worse of the two."""

    def lost(book: Book) -> None:
        hold("IBM", held, 50)(book)
        other = order(side, 15, symbol="IBM")
        book.add(other)
        book.unknown(other)

    # 10 x 100 of AAPL, and IBM at 5 (unfilled) or 10 (filled, through zero) units of 50.
    assert Try(limits={"gross_exposure_max": "0.015"}, before=lost).reason == "allowed"
    assert Try(limits={"gross_exposure_max": "0.01499"}, before=lost).reason == "EXPOSURE_LIMIT"


# -- INV-1 and permits ------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.SIGNALS, Mode.BLOCKED])
def test_inv_1_no_permit_can_be_made_outside_paper_and_live(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else holds, `decide` does not even reach the place where a Permit is made."""

    def never(_order: str) -> Permit:
        raise AssertionError("a permit was made")

    monkeypatch.setattr(gate, "Permit", never)
    for conditions in (with_(mode), with_(mode, halt=Level.HALTED), with_(mode, running=False)):
        answer = Try(conditions=conditions).answer()
        assert isinstance(answer, Denial)
        assert answer.refusal in (Refusal.MODE_SIGNALS_ONLY, Refusal.MODE_BLOCKED)


def test_inv_1_permits_are_used_once_and_for_their_order() -> None:
    permit = Try(order=order(name="mine")).answer()
    assert isinstance(permit, Permit)
    with pytest.raises(PermissionError):
        permit.spend("other")
    permit.spend("mine")
    with pytest.raises(PermissionError):
        permit.spend("mine")


def test_inv_1_the_venue_takes_no_order_with_a_used_or_foreign_permit() -> None:
    rig = Rig()
    rig.bar(bar(100))
    used = Permit("first")
    used.spend("first")
    for permit in (used, Permit("another")):
        with pytest.raises(PermissionError):
            rig.venue.submit(order(name="first"), permit)
    assert not rig.venue.positions


# -- ENG-10 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", ["1", "0.5", "0.02"])
def test_eng_10_notional_limit_applies_on_a_margin_account(rate: str) -> None:
    """The bound is on notional: what the instrument asks as margin does not soften it."""
    thing = Instrument(
        "THING", "USD", Decimal("0.01"), Decimal(1), "24x7", AssetClass.FX, margin_rate=d(rate)
    )

    def answer(quantity: int) -> Permit | Denial:
        book = Book("main", "USD", {"THING": thing}, d(100_000))
        book.marks["THING"] = 100.0
        bounds = compile_checks(Limits.from_document({"order_value_max": 1_000}), Limits())
        return gate.decide(
            order(quantity=quantity, symbol="THING"), book, bounds, with_(), d(100_000), NOW
        )

    assert isinstance(answer(10), Permit)
    denied = answer(11)
    assert isinstance(denied, Denial)
    assert denied.refusal is Refusal.ORDER_VALUE_LIMIT


# -- the mutation of each control --------------------------------------------------------------

OF_CONTROL = {
    "order_quantity_max": ("ORDER_QUANTITY_LIMIT", "step-above"),
    "order_value_max": ("ORDER_VALUE_LIMIT", "step-above"),
    "price_collar": ("PRICE_COLLAR", "limit-above"),
    "orders_per_minute": ("ORDER_RATE_LIMIT", "one-too-many"),
    "duplicate_window_s": ("ORDER_DUPLICATE", "same-order"),
    "open_orders_max": ("ORDERS_OPEN_LIMIT", "one-too-many"),
    "position_quantity_max": ("POSITION_QUANTITY_LIMIT", "held-and-order"),
    "position_value_max": ("POSITION_VALUE_LIMIT", "step-above"),
    "gross_exposure_max": ("EXPOSURE_LIMIT", "alone"),
    "concentration_max": ("CONCENTRATION_LIMIT", "step-above"),
    "margin_use_max": ("MARGIN_LIMIT", "half-rate"),
    "risk_per_trade_max": ("RISK_PER_TRADE_LIMIT", "step-above"),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_rsk_1_without_its_control_the_named_case_fails(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, _ = TABLE[OF_CONTROL[name]]
    assert refused.reason == OF_CONTROL[name][0]
    left = {other: control for other, control in CONTROLS.items() if other != name}
    monkeypatch.setattr(checks, "CONTROLS", left)
    assert refused.reason == "allowed", f"the case of {name} is refused by something else"


CONDITIONS = {
    "halt": (Level.NONE, ("HALT_HALTED", "halted")),
    "guarded": (True, ("GUARD_ABSENT", "no-guard")),
    "owned": (True, ("ACCOUNT_HELD", "held")),
    "journal_room": (True, ("JOURNAL_FULL", "full")),
    "breaker": ("", ("BREAKER_OPEN", "open")),
    "running": (True, ("TRADER_NOT_RUNNING", "stopped")),
    "session_open": (True, ("SESSION_CLOSED", "closed")),
    "data_fresh": (True, ("DATA_STALE", "stale")),
    "venue_ready": (True, ("VENUE_UNAVAILABLE", "venue")),
    "mode": (Mode.PAPER, ("MODE_SIGNALS_ONLY", "signals")),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_inv_10_without_the_condition_its_case_fails(name: str) -> None:
    """Each standing condition is refused by its own line alone, so that removing it would show.

    `tools/mutants.py` removes the lines themselves.
    """
    kind, key = CONDITIONS[name]
    refused, _ = TABLE[key]
    assert refused.reason == key[0]
    repaired = Try(conditions=Conditions(refused.conditions.mode))
    for field_name in CONDITIONS:
        setattr(repaired.conditions, field_name, getattr(refused.conditions, field_name))
    setattr(repaired.conditions, name, kind)
    assert repaired.reason == "allowed"


def test_the_engine_refuses_a_reduction_of_nothing() -> None:
    rig = Rig()
    slot = rig.trader()
    rig.bar(bar(100))
    rig.want(slot, request("SELL", 5, reduce_only=True))
    assert rig.sink.reasons == ["REDUCE_NOTHING_HELD"]
    assert rig.flat()


@pytest.mark.parametrize("side", list(Side))
def test_worst_case_is_symmetric(side: Side) -> None:
    book = a_book()
    book.add(order(side.value, 4))
    assert book.worst("AAPL", side, d(3)) == 7
    assert book.worst_either("AAPL") == 4
    assert AAPL.symbol in book.touched()
