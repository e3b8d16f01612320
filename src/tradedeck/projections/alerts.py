"""Which facts a person must look at, and how badly. One row per cause until it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from tradedeck.trading.facts import Kind

# Alarms beside an entry of their own, which names what it is about.
_SAID_BETTER = frozenset(
    {
        "LIMIT_BREACHED",
        "ORDER_UNKNOWN",
        "FEED_STALE",
        "BREAKER_TRIPPED",
        "TRADER_FAULTED",
        "CONFIG_REFUSED",
        "DRILL_FAILED",
    }
)
SEVERITIES = ("info", "warning", "critical")


class Draft(NamedTuple):
    """An alert before it is known whether the same one is already open."""

    code: str
    subject: str
    detail: str
    severity: str


def alert_of(kind: str, body: dict[str, Any]) -> Draft | None:
    """The alert that an entry raises, or None."""
    maker = _MAKERS.get(kind)
    return None if maker is None else maker(body)


def _alarm(body: dict[str, Any]) -> Draft | None:
    if body.get("code") in _SAID_BETTER:
        return None
    severity = str(body.get("severity", "critical"))
    return Draft(
        str(body.get("code", "ALARM")),
        str(body.get("subject", "")),
        str(body.get("detail", "")),
        # An unknown word is not a reason to look away.
        severity if severity in SEVERITIES else "critical",
    )


def _breach(body: dict[str, Any]) -> Draft:
    return Draft(
        "LIMIT_BREACHED",
        f"{body['scope']}/{body['limit']}",
        f"{body['limit']} of {body['scope']} reached {body.get('value')}, its bound is "
        f"{body.get('bound')}; action: {body.get('action')}.",
        "critical",
    )


def _breaker(body: dict[str, Any]) -> Draft:
    return Draft(
        "BREAKER_TRIPPED",
        f"{body['scope']}/{body.get('breaker')}",
        f"{body.get('breaker')} tripped for {body['scope']}: {body.get('reason')}; action: "
        f"{body.get('action')}.",
        "warning" if body.get("action") == "alarm" else "critical",
    )


def _killed(body: dict[str, Any]) -> Draft:
    return Draft(
        "HOST_KILLED",
        f"trader/{body['trader']}",
        f"The strategy host of {body['trader']} was killed ({body.get('reason')}): "
        f"{body.get('detail')}",
        "warning",
    )


def _unknown(body: dict[str, Any]) -> Draft:
    order: Any = body["order"]
    name = cast("dict[str, Any]", order)["id"] if isinstance(order, dict) else order
    return Draft(
        "ORDER_UNKNOWN",
        f"order/{name}",
        f"The outcome of order {name} is unknown: {body.get('reason')}.",
        "critical",
    )


def _refused(body: dict[str, Any]) -> Draft:
    return Draft(
        "CONFIG_REFUSED",
        str(body.get("path", "")),
        f"The runner refused generation {body.get('generation')}: {body.get('detail')}",
        "warning",
    )


def _feed(body: dict[str, Any]) -> Draft | None:
    if body.get("state") != "failed":
        return None  # stale at once is no news: the breaker counts checks and trips
    return Draft(
        "FEED_FAILED",
        f"feed/{body['feed']}",
        f"Feed {body['feed']} failed: {body.get('reason')}.",
        "critical",
    )


def _kill(body: dict[str, Any]) -> Draft:
    return Draft(
        "KILL_BEGUN",
        f"kill/{body['id']}",
        f"{body.get('by')} stopped {body['scope']} ({body['step']}): {body.get('reason')}",
        "critical",
    )


def _lift_refused(body: dict[str, Any]) -> Draft:
    return Draft(
        "LIFT_REFUSED",
        str(body.get("scope") or ""),
        f"A lift of {body.get('scope')} asked for by {body.get('by')} was refused: "
        f"{body.get('detail')}",
        "warning",
    )


def _drill_failed(body: dict[str, Any]) -> Draft:
    return Draft(
        "DRILL_FAILED", "drill", f"The kill drill failed: {body.get('detail')}", "critical"
    )


_MAKERS: dict[str, Callable[[dict[str, Any]], Draft | None]] = {
    Kind.ALARM: _alarm,
    Kind.LIMIT_BREACHED: _breach,
    Kind.BREAKER_TRIPPED: _breaker,
    Kind.HOST_KILLED: _killed,
    Kind.ORDER_UNKNOWN: _unknown,
    Kind.CONFIG_REFUSED: _refused,
    Kind.FEED_STATE: _feed,
    Kind.KILL_REQUESTED: _kill,
    Kind.HALT_LIFT_REFUSED: _lift_refused,
    Kind.DRILL_FAILED: _drill_failed,
}
