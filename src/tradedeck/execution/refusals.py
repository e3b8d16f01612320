"""Why an order is denied: a closed vocabulary, CATEGORY_CONDITION, with its words.

`docs/reference/refusals.md` is generated from this table.
"""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Every reason the gate can give."""

    MODE_SIGNALS_ONLY = "MODE_SIGNALS_ONLY"
    MODE_BLOCKED = "MODE_BLOCKED"
    HALT_PAUSED = "HALT_PAUSED"
    HALT_REDUCE_ONLY = "HALT_REDUCE_ONLY"
    HALT_HALTED = "HALT_HALTED"
    GUARD_ABSENT = "GUARD_ABSENT"
    KILL_CLOSING = "KILL_CLOSING"
    ACCOUNT_HELD = "ACCOUNT_HELD"
    JOURNAL_FULL = "JOURNAL_FULL"
    BREAKER_OPEN = "BREAKER_OPEN"
    TRADER_NOT_RUNNING = "TRADER_NOT_RUNNING"
    SESSION_CLOSED = "SESSION_CLOSED"
    DATA_MISSING = "DATA_MISSING"
    DATA_STALE = "DATA_STALE"
    VENUE_UNAVAILABLE = "VENUE_UNAVAILABLE"
    INSTRUMENT_CURRENCY = "INSTRUMENT_CURRENCY"
    QUANTITY_INVALID = "QUANTITY_INVALID"
    QUANTITY_STEP = "QUANTITY_STEP"
    PRICE_INVALID = "PRICE_INVALID"
    PRICE_TICK = "PRICE_TICK"
    PRICE_COLLAR = "PRICE_COLLAR"
    ORDER_QUANTITY_LIMIT = "ORDER_QUANTITY_LIMIT"
    ORDER_VALUE_LIMIT = "ORDER_VALUE_LIMIT"
    ORDER_RATE_LIMIT = "ORDER_RATE_LIMIT"
    ORDER_DUPLICATE = "ORDER_DUPLICATE"
    ORDERS_OPEN_LIMIT = "ORDERS_OPEN_LIMIT"
    POSITION_QUANTITY_LIMIT = "POSITION_QUANTITY_LIMIT"
    POSITION_VALUE_LIMIT = "POSITION_VALUE_LIMIT"
    EXPOSURE_LIMIT = "EXPOSURE_LIMIT"
    CONCENTRATION_LIMIT = "CONCENTRATION_LIMIT"
    MARGIN_LIMIT = "MARGIN_LIMIT"
    RISK_STOP_MISSING = "RISK_STOP_MISSING"
    RISK_PER_TRADE_LIMIT = "RISK_PER_TRADE_LIMIT"
    REDUCE_NOTHING_HELD = "REDUCE_NOTHING_HELD"
    CHECK_FAILED = "CHECK_FAILED"


WORDS: dict[Refusal, tuple[str, str]] = {
    Refusal.MODE_SIGNALS_ONLY: (
        "Execution is off: the runner computes signals and sends nothing.",
        "Set TRADING_MODE=paper and PAPER_EXECUTION_ENABLED=true on the runner's host.",
    ),
    Refusal.MODE_BLOCKED: (
        "The account is blocked from trading; its verdict lists every unmet condition.",
        "Meet the conditions on the runner's host, then restart the runner.",
    ),
    Refusal.HALT_PAUSED: ("Entries are paused in this scope.", "Resume, or clear the halt."),
    Refusal.HALT_REDUCE_ONLY: ("Only reducing orders pass in this scope.", "Clear the halt."),
    Refusal.HALT_HALTED: ("The scope is halted; the latch survives restarts.", "Lift the halt."),
    Refusal.GUARD_ABSENT: (
        "The runner has no guard: it may reduce, not enter.",
        "Start the guard of this host; `tradedeck status` shows it.",
    ),
    Refusal.KILL_CLOSING: (
        "A kill is closing this instrument; nothing else may send there.",
        "Wait until it is flat and no longer watched.",
    ),
    Refusal.ACCOUNT_HELD: (
        "The account is held by another process of this host: its guard closes it.",
        "Wait for the guard to finish; `tradedeck status` shows who holds it.",
    ),
    Refusal.JOURNAL_FULL: (
        "The disk is full: the journal has only its reserve left, which is kept for stopping.",
        "Free disk space on the runner's host.",
    ),
    Refusal.BREAKER_OPEN: (
        "A circuit breaker is open and has not cooled down.",
        "Wait for its cool-down; the risk page says what opened it.",
    ),
    Refusal.TRADER_NOT_RUNNING: ("The trader is not running.", "Start or resume it."),
    Refusal.SESSION_CLOSED: (
        "The instrument's market is closed now.",
        "Wait for the session, or trade another market.",
    ),
    Refusal.DATA_MISSING: ("There is no price yet.", "Wait for the first bar; check the feed."),
    Refusal.DATA_STALE: ("The price is older than allowed.", "Check the feed that names itself."),
    Refusal.VENUE_UNAVAILABLE: ("The venue cannot be reached.", "Check the exchange process."),
    Refusal.INSTRUMENT_CURRENCY: (
        "The instrument is priced in another currency than the account's.",
        "Use an account in the instrument's currency.",
    ),
    Refusal.QUANTITY_INVALID: ("The quantity was not above zero.", "Raise the size."),
    Refusal.QUANTITY_STEP: (
        "The quantity was not a multiple of the instrument's step.",
        "Round it.",
    ),
    Refusal.PRICE_INVALID: ("A price was missing or not above zero.", "Give the price."),
    Refusal.PRICE_TICK: ("A price was not on the instrument's tick grid.", "Round it."),
    Refusal.PRICE_COLLAR: (
        "The price was further from the market than the collar allows.",
        "Check the price; widen the collar with a second person.",
    ),
    Refusal.ORDER_QUANTITY_LIMIT: ("Above the largest order size.", "Send less."),
    Refusal.ORDER_VALUE_LIMIT: ("Above the largest order value.", "Send less."),
    Refusal.ORDER_RATE_LIMIT: ("Too many orders in a minute.", "Wait; look for a runaway loop."),
    Refusal.ORDER_DUPLICATE: (
        "The same order was sent a moment ago.",
        "Wait for the window to pass.",
    ),
    Refusal.ORDERS_OPEN_LIMIT: ("Too many open orders.", "Cancel some."),
    Refusal.POSITION_QUANTITY_LIMIT: ("The position could exceed its size limit.", "Send less."),
    Refusal.POSITION_VALUE_LIMIT: ("The position could exceed its value limit.", "Send less."),
    Refusal.EXPOSURE_LIMIT: ("Gross exposure could exceed its limit.", "Reduce elsewhere first."),
    Refusal.CONCENTRATION_LIMIT: ("One instrument could exceed its share of equity.", "Send less."),
    Refusal.MARGIN_LIMIT: ("Margin at worst case could exceed its limit.", "Reduce first."),
    Refusal.RISK_STOP_MISSING: (
        "A risk-per-trade limit needs a stop, and the entry had none.",
        "Let the strategy give a stop.",
    ),
    Refusal.RISK_PER_TRADE_LIMIT: ("The loss at the stop is above its limit.", "Send less."),
    Refusal.REDUCE_NOTHING_HELD: (
        "A reduce-only order found nothing that it could reduce.",
        "Nothing: the book is flat.",
    ),
    Refusal.CHECK_FAILED: (
        "A check failed to compute, so the order was denied.",
        "Report this; see the log.",
    ),
}
"""Refusal → (what it means, what to do)."""
