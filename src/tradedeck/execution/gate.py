"""The one gate before the broker. Pure: it is told everything, and answers Permit or Denial.

The only module that makes a `Permit`. Only orders that increase come here; what reduces uses the
`Reduce` port and needs no permission. A check that raises denies (INV-10).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradedeck.execution.arming import Mode
from tradedeck.execution.book import Book
from tradedeck.execution.checks import Bound, Case, Check
from tradedeck.execution.halt import NO_HALT, Level
from tradedeck.execution.refusals import Refusal
from tradedeck.kernel.canonical import decimal_text
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import BUY, LIMIT, MARKET, STOP, Order
from tradedeck.venue.permit import Permit


@dataclass(slots=True)
class Denial:
    """Why an order may not go, with the numbers that led to it."""

    refusal: Refusal
    numbers: dict[str, Any]


@dataclass(slots=True)
class Conditions:
    """What holds around an order at the moment of decision.

    Args:
        mode: the account's verdict.
        halt: strictest level over the trader.
        running: whether the trader may enter (state running).
        session_open: the instrument's market, or True where the trader has no session gate.
        data_fresh: the feed is within its age.
        venue_ready: the venue answers and nothing awaits reconciliation.
        guarded: the guard is there and its latch was read, or none is required.
        owned: the account is this process's to send for.
        journal_room: the journal writes without its reserve.
        breaker: the open breaker that stops entries until it has cooled down; empty: none.
    """

    mode: Mode
    halt: Level = NO_HALT
    running: bool = True
    session_open: bool = True
    data_fresh: bool = True
    venue_ready: bool = True
    guarded: bool = True
    owned: bool = True
    journal_room: bool = True
    breaker: str = ""


_HALTS = {
    Level.PAUSE: Refusal.HALT_PAUSED,
    Level.REDUCE_ONLY: Refusal.HALT_REDUCE_ONLY,
    Level.HALTED: Refusal.HALT_HALTED,
}
EXECUTING = (Mode.PAPER, Mode.LIVE)


def decide(
    order: Order,
    book: Book,
    bounds: tuple[Bound, ...],
    conditions: Conditions,
    equity: Decimal,
    now_ns: int,
    stop: Decimal | None = None,
) -> Permit | Denial:
    """May this increasing order be sent now?

    Args:
        order: an intent; quantities and prices already on the instrument's grids.
        book: the account as believed, open orders included.
        bounds: from `compile_checks`.
        conditions: mode, halts, session, data, venue.
        equity: account equity at the last marks.
        now_ns: trading clock.
        stop: where the idea is wrong, for risk per trade.
    """
    try:
        denial = standing(conditions)
        if denial is not None:
            return denial
        return _decide(order, book, bounds, equity, now_ns, stop)
    except Exception as error:  # noqa: BLE001 - INV-10: whatever a check raises, it denies
        return Denial(Refusal.CHECK_FAILED, {"error": f"{type(error).__name__}: {error}"})


def standing(conditions: Conditions) -> Denial | None:
    """What forbids every increasing order now, or None."""
    if conditions.mode not in EXECUTING:
        refusal = (
            Refusal.MODE_SIGNALS_ONLY if conditions.mode is Mode.SIGNALS else Refusal.MODE_BLOCKED
        )
        return Denial(refusal, {"mode": conditions.mode.value})
    if conditions.halt is not NO_HALT:
        return Denial(_HALTS[conditions.halt], {"level": conditions.halt.word})
    if not conditions.guarded:
        return Denial(Refusal.GUARD_ABSENT, {})
    if not conditions.owned:
        return Denial(Refusal.ACCOUNT_HELD, {})
    if not conditions.journal_room:
        return Denial(Refusal.JOURNAL_FULL, {})
    if conditions.breaker:
        return Denial(Refusal.BREAKER_OPEN, {"breaker": conditions.breaker})
    if not conditions.running:
        return Denial(Refusal.TRADER_NOT_RUNNING, {})
    if not conditions.session_open:
        return Denial(Refusal.SESSION_CLOSED, {})
    if not conditions.data_fresh:
        return Denial(Refusal.DATA_STALE, {})
    if not conditions.venue_ready:
        return Denial(Refusal.VENUE_UNAVAILABLE, {})
    return None


def _decide(
    order: Order,
    book: Book,
    bounds: tuple[Bound, ...],
    equity: Decimal,
    now_ns: int,
    stop: Decimal | None,
) -> Permit | Denial:
    instrument = book.instruments.get(order.instrument)
    mark = book.marks.get(order.instrument)
    if instrument is None or mark is None:
        return Denial(Refusal.DATA_MISSING, {"instrument": order.instrument})
    malformed = form(order, instrument, book.currency)
    if malformed is not None:
        return malformed
    price = instrument.price(mark)
    if not (price.is_finite() and price > ZERO):  # at such a price every value limit would pass
        return Denial(Refusal.DATA_MISSING, {"instrument": order.instrument, "price": str(mark)})
    case = Case(order, book, instrument, price, equity, now_ns, stop)
    for control, bound, scope in bounds:
        check = control(case, bound)
        if not check.ok:
            return Denial(check.refusal, numbers(check, scope))
    return Permit(order.id)


def form(order: Order, instrument: Instrument, currency: str) -> Denial | None:
    """Whether the order is well formed for its instrument and account."""
    if instrument.currency != currency:
        return Denial(
            Refusal.INSTRUMENT_CURRENCY, {"instrument": instrument.currency, "account": currency}
        )
    if order.quantity <= ZERO:
        return Denial(Refusal.QUANTITY_INVALID, {"quantity": decimal_text(order.quantity)})
    if not instrument.on_step(order.quantity):
        return Denial(
            Refusal.QUANTITY_STEP,
            {"quantity": decimal_text(order.quantity), "step": decimal_text(instrument.step)},
        )
    limit, stop = order.limit_price, order.stop_price
    if limit is None and stop is None and order.type is MARKET:
        return None
    for needed, price in ((order.type is LIMIT, limit), (order.type is STOP, stop)):
        if price is None and not needed:
            continue
        if price is None or price <= 0:
            return Denial(Refusal.PRICE_INVALID, {"type": order.type.value})
        if not instrument.on_tick(price):
            return Denial(
                Refusal.PRICE_TICK,
                {"price": decimal_text(price), "tick": decimal_text(instrument.tick)},
            )
    return None


def reducing(order: Order, held: Decimal) -> Denial | None:
    """What forbids a reduction: only that it reduces nothing, or says no size or price."""
    if not held or (held > ZERO) == (order.side is BUY):
        return Denial(Refusal.REDUCE_NOTHING_HELD, {"held": decimal_text(held)})
    if order.quantity <= ZERO:
        return Denial(Refusal.QUANTITY_INVALID, {"quantity": decimal_text(order.quantity)})
    if order.type is MARKET:
        return None
    limit, stop = order.limit_price, order.stop_price
    for needed, price in ((order.type is LIMIT, limit), (order.type is STOP, stop)):
        if needed and (price is None or price <= 0):
            return Denial(Refusal.PRICE_INVALID, {"type": order.type.value})
    return None


def numbers(check: Check, scope: str) -> dict[str, Any]:
    """A check as people and journals read it."""
    return {
        "limit": check.limit,
        "scope": scope,
        "used": _plain(check.used),
        "after": _plain(check.after),
        "bound": _plain(check.bound),
    }


def _plain(value: Decimal) -> str:
    if not value.is_finite():
        return "unknown"
    return decimal_text(round(value, 8).normalize()) if value else "0"


def explain(
    order: Order,
    book: Book,
    bounds: tuple[Bound, ...],
    equity: Decimal,
    now_ns: int,
    stop: Decimal | None = None,
) -> list[dict[str, Any]]:
    """Every limit the order is held against, whether it passes or not: for "why"."""
    instrument, mark = book.instruments.get(order.instrument), book.marks.get(order.instrument)
    if instrument is None or mark is None:
        return []
    try:
        if form(order, instrument, book.currency) is not None:
            return []
        case = Case(order, book, instrument, instrument.price(mark), equity, now_ns, stop)
    except Exception:  # noqa: BLE001 - an order that cannot be priced: `decide` denies and says so
        return []
    checks: list[dict[str, Any]] = []
    for control, bound, scope in bounds:
        try:
            check = control(case, bound)
        except Exception as error:  # noqa: BLE001 - `decide` denies on it; here it is shown
            checks.append(
                {
                    "limit": control.__name__,
                    "scope": scope,
                    "ok": False,
                    "error": f"{type(error).__name__}: {error}",
                }
            )
            continue
        checks.append({**numbers(check, scope), "ok": check.ok})
    return checks
