"""Breakers: the limits that stop trading when reached, and what has tripped, newest word first."""

from __future__ import annotations

from typing import Any, Final

import orjson
from sqlalchemy import select

from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as t
from tradedeck.readmodels.limits import headroom
from tradedeck.readmodels.status import Facts
from tradedeck.store.sessions import ReadSession
from tradedeck.trading.facts import Kind

EVENTS_MAX: Final = 500
RUNNING: Final = frozenset({"drawdown_max", "day_loss_max", "loss_max", "stale_checks_max"})


def breakers(session: ReadSession, facts: Facts) -> list[dict[str, Any]]:
    """One row per scope and breaker: what is set, and what tripped though nothing is set for it."""
    said = _said(session)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for account in sorted(facts.accounts):
        for limit in headroom(session, facts, account):
            if limit["limit"] in RUNNING:
                key = str(limit["scope"]), str(limit["limit"])
                rows[key] = _row(*key) | {
                    name: limit[name] for name in ("used", "bound", "unit", "action")
                }
                rows[key] |= {"last_tripped": limit["last_breach"], "trips": limit["breaches"]}
    for key, told in said.items():
        rows[key] = rows.get(key, _row(*key)) | told
    return [rows[key] for key in sorted(rows)]


def _row(scope: str, breaker: str) -> dict[str, Any]:
    return {
        "scope": scope,
        "breaker": breaker,
        "state": "armed",
        "used": None,
        "bound": None,
        "unit": "",
        "action": None,
        "reason": "",
        "last_tripped": None,
        "trips": 0,
    }


def _said(session: ReadSession) -> dict[tuple[str, str], dict[str, Any]]:
    """The newest word on each breaker, and how often it tripped of late."""
    columns = t.entries.c
    events = session.all(
        select(columns.at_ns, columns.kind, columns.body)
        .where(columns.kind.in_((Kind.BREAKER_TRIPPED.value, Kind.BREAKER_RESET.value)))
        .order_by(columns.id.desc())
        .limit(EVENTS_MAX)
    )
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        body: dict[str, Any] = orjson.loads(event["body"])
        tripped = event["kind"] == Kind.BREAKER_TRIPPED.value
        key = str(body.get("scope")), str(body.get("breaker"))
        row = found.setdefault(key, {"state": "tripped" if tripped else "armed", "trips": 0})
        if tripped:
            row["trips"] += 1
            row.setdefault("last_tripped", format_ns(event["at_ns"]))
            row.setdefault("action", body.get("action"))
            row.setdefault("reason", str(body.get("reason") or ""))
    return found
