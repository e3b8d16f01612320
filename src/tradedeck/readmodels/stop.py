"""What is stopped and how it went: latches per scope, kills with their legs, lifts, drills.

SELECT only. A latch is shown per scope with who holds it: one that the store holds alone has
reached neither runner nor guard, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import orjson
from sqlalchemy import func, select

from tradedeck.closing.report import Taken, build
from tradedeck.closing.types import Kill, KillStep, Owner, Proof
from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as facts
from tradedeck.projections import tables_stop as t
from tradedeck.projections.stop import GUARD, RUNNER, STORE
from tradedeck.readmodels.parts import mapping
from tradedeck.store.sessions import ReadSession
from tradedeck.trading.facts import Kind

STEPS_MAX: Final = 10_000
TREND_MAX: Final = 100
_LEVELS: Final = {"pause": 1, "reduce_only": 2, "halted": 3}
_MS: Final = ("to_last_cancel_sent_ms", "to_cancelled_ms", "to_flat_ms")
Row = Mapping[str, Any]


def latches(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """One entry per scope: the strictest level, its words, and every holder. Oldest first."""
    scopes: dict[str, list[Row]] = {}
    for row in rows:
        scopes.setdefault(row["scope"], []).append(row)
    found = [_latch(scope, held) for scope, held in scopes.items()]
    return sorted(found, key=lambda item: item["at"])


def _latch(scope: str, held: list[Row]) -> dict[str, Any]:
    worst = max(held, key=lambda row: (_LEVELS.get(row["level"], 0), -row["at_ns"]))
    return {
        "id": str(worst["event"]),
        "scope": scope,
        "level": worst["level"],
        "reason": worst["reason"],
        "by": worst["by"],
        "at": format_ns(worst["at_ns"]),
        "kill": worst["kill"],
        "holders": sorted(row["holder"] for row in held),
    }


def read_latches(session: ReadSession) -> list[dict[str, Any]]:
    """Every latch in force."""
    return latches(session.all(select(t.halts).order_by(t.halts.c.event)))


def list_kills(
    session: ReadSession, *, before: int | None, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Newest first, and the cursor of what follows."""
    query = select(t.kills).order_by(t.kills.c.event.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(t.kills.c.event < before)
    rows = session.all(query)
    legs = _legs(session, [row["id"] for row in rows[:limit]])
    items = [kill_view(row, legs.get(row["id"], [])) for row in rows[:limit]]
    return items, rows[limit - 1]["event"] if len(rows) > limit else None


def find_kill(session: ReadSession, kill: str) -> dict[str, Any] | None:
    """One kill with its steps; None when nobody has told of it."""
    row = session.first(select(t.kills).where(t.kills.c.id == kill))
    if row is None:
        return None
    legs = _legs(session, [kill]).get(kill, [])
    steps = _steps(session, kill)
    view = kill_view(row, legs)
    for leg in view["legs"]:  # what the runner alone journaled as well
        leg["steps"] = sum(step["account"] == leg["account"] for step in steps)
    return view | {
        "steps": [
            {
                "at": format_ns(step["at_ns"]),
                "account": step["account"],
                "by": step["by"],
                "step": step["step"],
                "numbers": orjson.loads(step["numbers"]),
                "ref": step["ref"],
                "seq": step["event"],
            }
            for step in steps
        ]
    }


def _legs(session: ReadSession, kills: list[str]) -> dict[str, list[Row]]:
    columns = t.kill_legs.c
    found: dict[str, list[Row]] = {}
    for row in session.all(
        select(t.kill_legs).where(columns.kill.in_(kills)).order_by(columns.account)
    ):
        found.setdefault(row["kill"], []).append(row)
    return found


def _steps(session: ReadSession, kill: str) -> list[Row]:
    """Each step once: the guard's journal repeats what the runner told it, the runner's has the
    rest.
    """
    columns = t.kill_steps.c
    rows = session.all(
        select(t.kill_steps)
        .where(columns.kill == kill)
        .order_by(columns.at_ns, columns.event)
        .limit(STEPS_MAX)
    )
    left: dict[tuple[Any, ...], int] = {}
    for row in rows:
        if row["holder"] == GUARD:
            left[_what(row)] = left.get(_what(row), 0) + 1
    kept: list[Row] = []
    for row in rows:
        what = _what(row)
        if row["holder"] != GUARD and left.get(what, 0) > 0:
            left[what] -= 1
            continue
        kept.append(row)
    return kept


def _what(row: Row) -> tuple[Any, ...]:
    return row["account"], row["by"], row["step"], row["numbers"], row["ref"]


def state_of(row: Row, legs: Iterable[Row]) -> str:
    """`unanswered`, `latched`, `closing` or `done`, in the order of a kill's life."""
    latched = orjson.loads(row["latched"])
    if row["done_ns"] is not None:
        return "done"
    if not latched.keys() & {GUARD, RUNNER}:
        return "unanswered"
    if row["step"] == KillStep.FLATTEN.value or any(True for _ in legs):
        return "closing"
    return "latched"


def kill_view(row: Row, legs: list[Row]) -> dict[str, Any]:
    """A kill as people read it; times in milliseconds are since the decision."""
    latched: dict[str, int] = orjson.loads(row["latched"])
    return {
        "id": row["id"],
        "scope": row["scope"],
        "step": row["step"],
        "flatten": row["flatten"],
        "reason": row["reason"],
        "by": row["by"],
        "origin": row["origin"],
        "at": format_ns(row["at_ns"]),
        "state": state_of(row, legs),
        "latched": {
            holder: format_ns(latched[holder]) if holder in latched else None
            for holder in (GUARD, RUNNER, STORE)
        },
        "done_at": None if row["done_ns"] is None else format_ns(row["done_ns"]),
        "legs": [_leg_view(leg) for leg in legs],
        "totals": orjson.loads(row["totals"]),
        **{name: row[name] for name in _MS},
        "sha256": row["sha256"],
    }


def _leg_view(leg: Row) -> dict[str, Any]:
    return {
        "account": leg["account"],
        "instruments": None if leg["instruments"] is None else orjson.loads(leg["instruments"]),
        "state": leg["state"],
        "by": leg["by"],
        "epoch": leg["epoch"],
        "owned_at": None if leg["owned_ns"] is None else format_ns(leg["owned_ns"]),
        "flat_at": None if leg["flat_ns"] is None else format_ns(leg["flat_ns"]),
        "proof": None if leg["proof"] is None else orjson.loads(leg["proof"]),
        "steps": leg["steps"],
    }


def evidence(session: ReadSession, kill: str) -> dict[str, Any] | None:
    """The body of the report (`closing.report`), from what the journals told; None if unknown."""
    row = session.first(select(t.kills).where(t.kills.c.id == kill, t.kills.c.scope != ""))
    if row is None:
        return None
    decided = Kill.from_body(_decided(row))
    told = _sealed_steps(session, row)
    steps = [
        Taken(
            step["account"],
            step["at_ns"],
            Owner(step["by"]),
            step["step"],
            orjson.loads(step["numbers"]),
            step["ref"],
        )
        for step in told
    ]
    proofs = {
        leg["account"]: _proof(orjson.loads(leg["proof"]))
        for leg in _legs(session, [kill]).get(kill, [])
        if leg["proof"] is not None
    }
    ms = {name.removesuffix("_ms"): row[name] for name in _MS if row[name] is not None}
    return build(decided, steps, proofs, orjson.loads(row["totals"]), ms)


def _sealed_steps(session: ReadSession, row: Row) -> list[Row]:
    """What the guard sealed: its own entries up to `kill.done`; all that is known before that."""
    steps = _steps(session, row["id"])
    if row["done_ns"] is None:
        return steps
    columns = facts.entries.c
    done = session.scalar(
        select(func.max(columns.id)).where(
            columns.source == GUARD,
            columns.kind == Kind.KILL_DONE.value,
            columns.at_ns == row["done_ns"],
        )
    )
    return [step for step in steps if step["holder"] == GUARD and step["event"] < (done or 0)]


def _proof(body: Mapping[str, Any]) -> Proof:
    """As the guard journaled it; what it does not say is absent."""
    reads = tuple((int(at), int(seq)) for at, seq in body.get("reads") or ())
    held = {symbol: Decimal(units) for symbol, units in mapping(body.get("held")).items()}
    return Proof(reads, held, tuple(str(name) for name in body.get("kept") or ()))


def list_lifts(session: ReadSession, limit: int) -> list[dict[str, Any]]:
    """Those that wait, then those that ended, newest first."""
    columns = t.lifts.c
    rows = session.all(
        select(t.lifts)
        .order_by((columns.state == "waiting").desc(), columns.event.desc())
        .limit(limit)
    )
    return [lift_view(row) for row in rows]


def lift_view(row: Row) -> dict[str, Any]:
    """A lift as people read it."""
    return {
        "id": row["id"],
        "scope": row["scope"],
        "reason": row["reason"],
        "by": row["by"],
        "at": format_ns(row["at_ns"]),
        "until": None if row["until_ns"] is None else format_ns(row["until_ns"]),
        "state": row["state"],
        "ended_at": None if row["ended_ns"] is None else format_ns(row["ended_ns"]),
        "detail": row["detail"],
    }


def list_drills(session: ReadSession, limit: int = TREND_MAX) -> list[dict[str, Any]]:
    """Newest first."""
    rows = session.all(select(t.drills).order_by(t.drills.c.event.desc()).limit(limit))
    return [
        {
            "id": row["id"],
            "at": format_ns(row["at_ns"]),
            "ok": row["ok"],
            "by": row["by"],
            "orders": row["orders"],
            "positions": row["positions"],
            **{name: row[name] for name in _MS},
            "detail": row["detail"],
        }
        for row in rows
    ]


def guard_row(session: ReadSession) -> dict[str, Any] | None:
    """What the guard's journal said of it last."""
    row = session.first(select(t.guards_observed).where(t.guards_observed.c.source == GUARD))
    return None if row is None else dict(row)


def decision(session: ReadSession, kill: str) -> dict[str, Any] | None:
    """What was decided, as `closing.Kill` has it; None when nobody has told of it whole."""
    row = session.first(select(t.kills).where(t.kills.c.id == kill, t.kills.c.scope != ""))
    return None if row is None else _decided(row)


def _decided(row: Row) -> dict[str, Any]:
    names = ("id", "scope", "step", "reason", "by", "at_ns")
    return {name: row[name] for name in names} | {"flatten": bool(row["flatten"])}


def unanswered(session: ReadSession, since_ns: int) -> list[dict[str, Any]]:
    """Bodies of kills that were posted here and that neither runner nor guard has latched."""
    columns = t.kills.c
    rows = session.all(
        select(t.kills).where(
            columns.sent_ns.is_not(None), columns.at_ns >= since_ns, columns.done_ns.is_(None)
        )
    )
    return [
        _decided(row) for row in rows if not orjson.loads(row["latched"]).keys() & {GUARD, RUNNER}
    ]
