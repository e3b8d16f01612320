"""What a lift would meet: limits and breakers that are still crossed would latch again at once.

A lift arms the running limits of its scope; one that is still crossed halts on the next price.
What was observed last decides; what nobody reported is said to be unknown, never taken for right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradedeck.execution.halt import check_scope, covering
from tradedeck.readmodels.breakers import breakers, is_limit
from tradedeck.readmodels.desired import by_id
from tradedeck.readmodels.status import Facts
from tradedeck.risk.breakers import Breaker
from tradedeck.store.sessions import ReadSession

Row = dict[str, Any]


def lift_preview(session: ReadSession, facts: Facts, gauges: Mapping[str, Any], scope: str) -> Row:
    """The latch of `scope`, and what would stop it again.

    Raises:
        TradedeckError: INVALID for a scope that is none.
    """
    check_scope(scope)
    traders = by_id(facts.document, "traders")
    causes = [
        _cause(row)
        for row in breakers(session, facts, gauges)
        if _stops(row) and scope in _lifted_with(row, traders)
    ]
    again = [cause for cause in causes if cause["crossed"]]
    return {
        "scope": scope,
        "latched": any(halt["scope"] == scope for halt in facts.halts),
        "again": bool(again),
        "causes": [cause for cause in causes if cause["crossed"] is not False],
        "detail": _words(again),
    }


def _stops(row: Mapping[str, Any]) -> bool:
    """Whether it latches by what stands now: counts begin anew with a lift."""
    if row["action"] == "alarm":
        return False
    return is_limit(row["breaker"]) or (
        row["breaker"] == Breaker.FEED_DISCONNECTED and row["resume"] == "person"
    )


def _lifted_with(row: Mapping[str, Any], traders: Mapping[str, Row]) -> tuple[str, ...]:
    """Scopes whose lift arms it again; a feed's is with its account."""
    kind, _, name = str(row["scope"]).partition("/")
    if kind != "trader":
        return covering(row["account"], "", "", "")[:3]
    spec = traders.get(name, {})
    strategy, instrument = str(spec.get("strategy")), str(spec.get("instrument"))
    return covering(row["account"], name, strategy, instrument)


def _cause(row: Mapping[str, Any]) -> Row:
    used = row["used"]
    shown = ("account", "scope", "breaker", "used", "bound", "unit", "action")
    return {
        **{key: row[key] for key in shown},
        "crossed": None if used is None else used >= row["bound"],
    }


def _words(again: list[Row]) -> str:
    if not again:
        return ""
    each = "; ".join(
        f"{cause['breaker']} of {cause['scope']} is at {cause['used']:g} of {cause['bound']:g}"
        for cause in again
    )
    return (
        f"Still crossed: {each}. It stops again on the next price; raise the limit first, "
        "or leave it stopped."
    )
