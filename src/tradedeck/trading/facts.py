"""The closed vocabulary of journal entries: what a runner or an exchange can state as a fact.

Bodies are JSON objects; `docs/reference/journal.md` describes each.
"""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Every kind of journal entry."""

    RUNNER_STARTED = "runner.started"
    RUNNER_STOPPED = "runner.stopped"
    MODE_VERDICT = "mode.verdict"
    CONFIG_APPLIED = "config.applied"
    CONFIG_REFUSED = "config.refused"
    CONDITION = "condition"
    TRADER_STATE = "trader.state"
    STRATEGY_SWAPPED = "strategy.swapped"
    DECISION = "decision"
    ORDER_INTENT = "order.intent"
    ORDER_DENIED = "order.denied"
    ORDER_ACCEPTED = "order.accepted"
    ORDER_REJECTED = "order.rejected"
    ORDER_UNKNOWN = "order.unknown"
    ORDER_CANCEL_REQUESTED = "order.cancel_requested"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_EXPIRED = "order.expired"
    ORDER_REPLACED = "order.replaced"
    ORDER_FILLED = "order.filled"
    EQUITY = "equity"
    LIMIT_BREACHED = "limit.breached"
    HALT_SET = "halt.set"
    HALT_CLEARED = "halt.cleared"
    BREAKER_TRIPPED = "breaker.tripped"
    BREAKER_RESET = "breaker.reset"
    FEED_STATE = "feed.state"
    HOST_KILLED = "host.killed"
    COMMAND_DONE = "command.done"
    ALARM = "alarm"
    CYCLE = "cycle"
    ACCOUNT_OPENED = "account.opened"
    EXCH_ACCOUNT = "exch.account"
    EXCH_ORDER = "exch.order"
    EXCH_FILL = "exch.fill"
    EXCH_CANCEL = "exch.cancel"
    EXCH_EXPIRE = "exch.expire"
    EXCH_REJECT = "exch.reject"
    EXCH_REPLACE = "exch.replace"
