"""Entries that stop something or say that it is stopped: latches, kills, lifts, drills, guards.

The same decision is told by up to three holders: the api that sent it, the guard, the runner. What
they tell is joined by the id of the kill; a leg counts as flat on the guard's word alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import orjson

from tradedeck.kernel import canonical
from tradedeck.projections import tables_stop as t
from tradedeck.projections.book import Book
from tradedeck.projections.types import OWN_SOURCE, Event, Row
from tradedeck.trading.facts import Kind

Body = dict[str, Any]

GUARD_SOURCE = "guard"
GUARD, RUNNER, STORE = "guard", "runner", "store"
KILL_SENT = "kill.sent"  # of the api: posted here, and who had latched it when it was answered
HOLDERS = (GUARD, RUNNER, STORE)
_LEVELS = {"pause": 1, "reduce_only": 2, "halted": 3}
_FURTHER = {"asked": 0, "closing": 1, "checking": 2, "flat": 3}
_MS = ("to_last_cancel_sent", "to_cancelled", "to_flat")


def holder_of(source: str) -> str:
    """Whose latch an entry of that source speaks of."""
    return {GUARD_SOURCE: GUARD, OWN_SOURCE: STORE}.get(source, RUNNER)


def level_of(step: str) -> str:
    """The level that a step of a kill latches."""
    return "halted" if step == "flatten" else step


def _json(value: object) -> str:
    return canonical.encode(value).decode()


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


# -- latches --------------------------------------------------------------------------------------


def _latch(book: Book, event: Event, body: Body, holder: str) -> None:
    standing = book.get(t.halts, body["scope"], holder)
    if standing is not None and _LEVELS[standing["level"]] > _LEVELS[body["level"]]:
        return
    book.put(
        t.halts,
        (body["scope"], holder),
        level=body["level"],
        reason=str(body.get("reason") or ""),
        by=str(body.get("by") or ""),
        at_ns=event.at_ns,
        event=event.id,
        kill=body.get("kill"),
    )


def _halted(book: Book, event: Event, body: Body) -> None:
    holder = holder_of(event.source)
    _latch(book, event, body, holder)
    kill = book.edit(t.kills, body["kill"]) if body.get("kill") else None
    if kill is not None:
        _latched(kill, holder, event)


def _cleared(book: Book, event: Event, body: Body) -> None:
    """Whoever lifts it, what the store holds goes with it; the guard's word is for all three."""
    scope, holder = body["scope"], holder_of(event.source)
    book.delete(t.halts, scope, holder)
    if holder == GUARD or book.get(t.halts, scope, GUARD) is None:
        book.delete(t.halts, scope, STORE)
    lift = book.edit(t.lifts, str(body["id"])) if holder == GUARD and body.get("id") else None
    if lift is not None:
        lift.update(state="lifted", ended_ns=event.at_ns)


# -- kills ----------------------------------------------------------------------------------------


def _kill(book: Book, event: Event, body: Body) -> Row:
    """The row of a kill that is told whole."""
    row = _any(book, event, body)
    if not row["scope"]:
        row.update(
            scope=body["scope"],
            step=body["step"],
            flatten=bool(body["flatten"]),
            reason=str(body["reason"]),
            by=str(body["by"]),
            at_ns=int(body["at_ns"]),
        )
    return row


def _any(book: Book, event: Event, body: Body) -> Row:
    """The row of a kill; journals have no common order, so its steps may come before itself."""
    row = book.edit(t.kills, body["id"])
    if row is None:
        row = book.put(
            t.kills,
            (body["id"],),
            event=event.id,
            scope="",
            step="",
            flatten=False,
            reason="",
            by="",
            at_ns=event.at_ns,
            latched="{}",
            totals="{}",
        )
    row["updated_event"] = event.id
    return row


def _latched(row: Row, holder: str, event: Event) -> None:
    known = cast("dict[str, int]", orjson.loads(row["latched"]))
    known[holder] = min(known.get(holder, event.at_ns), event.at_ns)
    row["latched"] = _json(known)


def _sent(book: Book, event: Event, body: Body) -> None:
    row = _kill(book, event, body)
    row["sent_ns"] = row["sent_ns"] or event.at_ns
    _latched(row, STORE, event)
    for holder in body.get("latched") or ():
        _latched(row, str(holder), event)
    # A lift may have overtaken it only if the guard had the kill, and then its journal says so.
    latch = {**body, "level": level_of(body["step"]), "kill": body["id"]}
    _latch(book, event, latch, STORE)


def _requested(book: Book, event: Event, body: Body) -> None:
    row = _kill(book, event, body)
    holder = holder_of(event.source)
    if holder == GUARD:
        row["origin"] = str(body.get("origin") or "")
    _latched(row, holder, event)
    for account, instruments in cast("Body", body.get("accounts") or {}).items():
        leg = _leg(book, body["id"], account)
        leg["instruments"] = None if instruments is None else _json(instruments)


def _leg(book: Book, kill: str, account: str) -> Row:
    row = book.edit(t.kill_legs, kill, account, new={"state": "asked", "steps": 0})
    assert row is not None
    return row


def _further(leg: Row, state: str) -> None:
    """Two journals tell of one leg; what is behind does not take it back."""
    if _FURTHER[state] > _FURTHER[leg["state"]]:
        leg["state"] = state


def _owned(book: Book, event: Event, body: Body) -> None:
    kill, by = _any(book, event, body), str(body["by"])
    if by == RUNNER:
        _latched(kill, RUNNER, event)
    leg = _leg(book, body["id"], body["account"])
    if leg["by"] == GUARD and by == RUNNER:
        return  # the guard took it over since
    leg.update(by=by, owned_ns=event.at_ns)
    if body.get("epoch") is not None:
        leg["epoch"] = int(body["epoch"])
    _further(leg, "closing")


def _step(book: Book, event: Event, body: Body) -> None:
    _any(book, event, body)
    holder = holder_of(event.source)
    by = str(body.get("by") or holder)
    leg = _leg(book, body["id"], body["account"])
    leg["by"] = leg["by"] or by
    if holder == GUARD:  # which repeats what the runner told it
        leg["steps"] += 1
    _further(leg, "closing")
    book.add(
        t.kill_steps,
        kill=body["id"],
        event=event.id,
        account=body["account"],
        holder=holder,
        by=by,
        step=str(body["words"]),
        numbers=_json(body.get("numbers") or {}),
        ref=str(body.get("ref") or ""),
        at_ns=event.at_ns,
    )


def _flat(book: Book, event: Event, body: Body) -> None:
    _any(book, event, body)
    leg = _leg(book, body["id"], body["account"])
    if holder_of(event.source) != GUARD:
        _further(leg, "checking")  # the guard looks for itself
        return
    leg.update(state="flat", flat_ns=event.at_ns, proof=_json(body.get("proof") or {}))


def _done(book: Book, event: Event, body: Body) -> None:
    row = _any(book, event, body)
    if holder_of(event.source) != GUARD:
        return
    row["done_ns"] = event.at_ns
    row["totals"] = _json(body.get("totals") or {})
    row["sha256"] = str(body["sha256"]) if body.get("sha256") else None
    ms = cast("Body", body.get("ms") or {})
    for name in _MS:
        row[f"{name}_ms"] = _number(ms.get(name))


# -- lifts, drills, guards ------------------------------------------------------------------------


def _waiting(book: Book, event: Event, body: Body) -> None:
    until = body.get("due_ns")
    book.put(
        t.lifts,
        (str(body["id"]),),
        event=event.id,
        scope=body["scope"],
        reason=str(body.get("reason") or ""),
        by=str(body.get("by") or ""),
        at_ns=event.at_ns,
        until_ns=None if until is None else int(until),
        state="waiting",
        detail="",
    )


def _ended(state: str) -> Callable[[Book, Event, Body], None]:
    def handler(book: Book, event: Event, body: Body) -> None:
        detail = str(body.get("detail") or body.get("reason") or "")
        row = book.put(
            t.lifts, (str(body["id"]),), state=state, ended_ns=event.at_ns, detail=detail
        )
        if row["event"] is None:  # refused at once: it never waited
            row.update(
                event=event.id,
                scope=str(body.get("scope") or ""),
                reason="",
                by=str(body.get("by") or ""),
                at_ns=event.at_ns,
            )

    return handler


def _drill(*, ok: bool) -> Callable[[Book, Event, Body], None]:
    def handler(book: Book, event: Event, body: Body) -> None:
        ms = cast("Body", body.get("ms") or {})
        book.add(
            t.drills,
            event=event.id,
            id=str(body.get("id") or ""),
            at_ns=event.at_ns,
            ok=ok,
            by=str(body.get("by") or ""),
            orders=body.get("orders"),
            positions=body.get("positions"),
            detail=str(body.get("detail") or ""),
            **{f"{name}_ms": _number(ms.get(name)) for name in _MS},
        )

    return handler


def _guard(book: Book, event: Event, **values: Any) -> Row:
    row = book.put(t.guards_observed, (event.source,), at_ns=event.at_ns, **values)
    row["state"] = row["state"] or "started"
    return row


def _guard_started(book: Book, event: Event, body: Body) -> None:
    _guard(
        book,
        event,
        state="started",
        build=body.get("build"),
        pid=body.get("pid"),
        started_ns=event.at_ns,
    )


def _guard_stopped(book: Book, event: Event, _: Body) -> None:
    _guard(book, event, state="stopped")


def _guard_runner(book: Book, event: Event, body: Body) -> None:
    words = (body.get("reason"), body.get("detail"), body.get("account"), body.get("act"))
    _guard(
        book,
        event,
        runner_state=str(body["state"]),
        runner_detail="; ".join(str(word) for word in words if word),
        runner_ns=event.at_ns,
    )


STOP: dict[str, Callable[[Book, Event, Body], None]] = {
    Kind.HALT_SET: _halted,
    Kind.HALT_CLEARED: _cleared,
    KILL_SENT: _sent,
    Kind.KILL_REQUESTED: _requested,
    Kind.KILL_OWNED: _owned,
    Kind.KILL_STEP: _step,
    Kind.KILL_ACCOUNT_FLAT: _flat,
    Kind.KILL_DONE: _done,
    Kind.HALT_LIFT_WAITING: _waiting,
    Kind.HALT_LIFT_CANCELLED: _ended("cancelled"),
    Kind.HALT_LIFT_REFUSED: _ended("refused"),
    Kind.DRILL_DONE: _drill(ok=True),
    Kind.DRILL_FAILED: _drill(ok=False),
    Kind.GUARD_STARTED: _guard_started,
    Kind.GUARD_STOPPED: _guard_stopped,
    Kind.GUARD_RUNNER: _guard_runner,
}
