"""What stops trading by itself, where and by which rule, beside how it stands.

One row for each place where a breaker or a running limit can open. The rule is the desired
document's, the state what the journals say, `used` what was observed last; what nobody reported is
null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from sqlalchemy import select

from tradedeck.desired.document import Breakers
from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as t
from tradedeck.readmodels.desired import by_id
from tradedeck.readmodels.limits import headroom
from tradedeck.readmodels.parts import mapping, sequence
from tradedeck.readmodels.status import Facts, instant
from tradedeck.risk.breakers import UNITS, Breaker
from tradedeck.risk.limits import RUNNING, STALE_CHECKS_DEFAULT
from tradedeck.store.sessions import ReadSession
from tradedeck.trading.facts import Kind

EVENTS_MAX: Final = 500
STALE_CHECKS: Final = "stale_checks"
Row = dict[str, Any]
Key = tuple[str, str]


def breakers(session: ReadSession, facts: Facts, gauges: Mapping[str, Any]) -> list[Row]:
    """Open ones first, then by account: each with its rule and how it stands."""
    said, seen = _said(session), _seen(gauges)
    rows: list[Row] = []
    for account in by_id(facts.document, "accounts"):
        rows += [
            _of_limit(row, account, facts)
            for row in headroom(session, facts, account)
            if row["limit"] in RUNNING
        ]
        rows += [
            _of_breaker(account, place, name, rule, said, seen, facts)
            for place, name, rule in _rules(facts, account)
        ]
    return sorted(rows, key=lambda row: row["state"] != "open")


def is_limit(breaker: str) -> bool:
    """Whether it is a running limit, which what is held now crosses or not."""
    return breaker in RUNNING


def _rules(facts: Facts, account: str) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    """Where each breaker of an account can open, its name and its rule."""
    spec = by_id(facts.document, "accounts")[account]
    rules = Breakers.model_validate(spec.get("breakers") or {}).model_dump(mode="json")
    traders = {
        name: trader
        for name, trader in by_id(facts.document, "traders").items()
        if trader.get("account") == account
    }
    feeds = list(dict.fromkeys(str(trader.get("feed")) for trader in traders.values()))
    places: dict[Breaker, list[str]] = {
        Breaker.FEED_DISCONNECTED: [f"feed/{name}" for name in feeds],
        Breaker.REJECTS: [f"account/{account}"],
        Breaker.REPEATED_EXECUTION: [f"trader/{name}" for name in traders],
        Breaker.CLOCK_OFFSET: [f"account/{account}"],
    }
    for feed in feeds:
        checks = [
            mapping(part.get("limits")).get("stale_checks_max")
            for part in (spec, *(each for each in traders.values() if each.get("feed") == feed))
        ]
        bound = min((each for each in checks if each is not None), default=STALE_CHECKS_DEFAULT)
        yield f"feed/{feed}", STALE_CHECKS, {"bound": bound, "action": "pause", "resume": "auto"}
    for breaker, found in places.items():
        for place in found:
            yield place, breaker.value, rules[breaker.value]


def _row(account: str, scope: str, breaker: str, rule: Mapping[str, Any]) -> Row:
    action = rule.get("action")
    person = rule.get("resume") == "person" and action != "alarm"  # nothing to lift after an alarm
    return {
        "account": account,
        "scope": scope,
        "breaker": breaker,
        "state": "closed",
        "used": None,
        "bound": float(rule["bound"]),
        "unit": "",
        "window_s": rule.get("window_s"),
        "action": action,
        "resume": "person" if person else "auto",
        "cooldown_s": None if person else float(rule.get("cooldown_s") or 0),
        "lifted_by": "risk" if person or action == "flatten" else None,
        "reason": "",
        "numbers": {},
        "open_since": None,
        "closes_at": None,
        "halts": [],
        "last_tripped": None,
        "trips": 0,
    }


def _of_limit(limit: Mapping[str, Any], account: str, facts: Facts) -> Row:
    """A running limit is open while what it latched stands, or while it is crossed."""
    scope, name = str(limit["scope"]), str(limit["limit"])
    rule = {"bound": limit["bound"], "action": limit["action"], "resume": "person"}
    row = _row(account, scope, name, rule)
    row |= {"used": limit["used"], "unit": limit["unit"]}
    row |= {"last_tripped": limit["last_breach"], "trips": limit["breaches"]}
    latched = [
        halt
        for halt in facts.halts
        if halt["scope"] == scope and halt["by"] == "limit" and halt["reason"].startswith(name)
    ]
    crossed = limit["used"] is not None and limit["used"] >= limit["bound"] > 0
    if latched or crossed:
        since = latched[0]["at"] if latched else limit["last_breach"]
        row |= {"state": "open", "open_since": since, "halts": [_halt(each) for each in latched]}
        row["reason"] = latched[0]["reason"] if latched else "the bound is crossed"
    return row


def _of_breaker(
    account: str,
    scope: str,
    breaker: str,
    rule: Mapping[str, Any],
    said: Mapping[Key, Row],
    seen: Mapping[Key, Mapping[str, Any]],
    facts: Facts,
) -> Row:
    row = _row(account, scope, breaker, rule)
    row["unit"] = "checks" if breaker == STALE_CHECKS else UNITS[Breaker(breaker)]
    gauge, told = seen.get((scope, breaker), {}), said.get((scope, breaker))
    row["used"] = gauge.get("used")
    if told is None:
        return row
    row |= {"last_tripped": told["last_tripped"], "trips": told["trips"]}
    if told["open"]:
        names = set(told["halts"])
        row |= {"state": "open", "open_since": told["last_tripped"], "reason": told["reason"]}
        row |= {"numbers": told["numbers"], "closes_at": instant(gauge.get("closes_ns"))}
        row["halts"] = [_halt(halt) for halt in facts.halts if halt["scope"] in names]
    return row


def _halt(halt: Mapping[str, Any]) -> Row:
    return {key: halt[key] for key in ("scope", "level", "by", "at")}


def _seen(gauges: Mapping[str, Any]) -> dict[Key, Mapping[str, Any]]:
    """The newest gauges of each place; lossy, and absent while no runner speaks."""
    found = {
        (str(row.get("scope")), str(row.get("breaker"))): row
        for row in map(mapping, sequence(gauges.get("breakers")))
    }
    for name, feed in mapping(gauges.get("feeds")).items():
        found[f"feed/{name}", STALE_CHECKS] = {"used": mapping(feed).get("stale_checks")}
    return found


def _said(session: ReadSession) -> dict[Key, Row]:
    """The newest word on each breaker, and how often it tripped of late."""
    columns = t.entries.c
    events = session.all(
        select(columns.at_ns, columns.kind, columns.body)
        .where(columns.kind.in_((Kind.BREAKER_TRIPPED.value, Kind.BREAKER_RESET.value)))
        .order_by(columns.id.desc())
        .limit(EVENTS_MAX)
    )
    found: dict[Key, Row] = {}
    for event in events:
        body: Row = orjson.loads(event["body"])
        tripped = event["kind"] == Kind.BREAKER_TRIPPED.value
        key = str(body.get("scope")), str(body.get("breaker"))
        row = found.setdefault(key, {"open": tripped, "trips": 0, "last_tripped": None})
        if tripped:
            row["trips"] += 1
            if row["last_tripped"] is None:
                row["last_tripped"] = format_ns(event["at_ns"])
                row["reason"] = str(body.get("reason") or "")
                row["numbers"] = mapping(body.get("numbers"))
                row["halts"] = sequence(body.get("halts"))
    return found
