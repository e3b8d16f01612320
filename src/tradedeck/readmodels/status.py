"""The one snapshot of everything a dashboard needs.

Two steps: `read_facts` selects what is committed, `compose` joins it with the desired document and
the newest telemetry. What was never reported is null and `unknown`, never a guess; every part that
ages carries its age, and past its deadline it is `stale` or `unknown` with what was last known
(INV-16).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import orjson
from sqlalchemy import func, select

from tradedeck.execution.halt import Halts
from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.clock import NS_PER_MS, NS_PER_S, format_ns
from tradedeck.projections import tables as t
from tradedeck.readmodels.desired import Document, by_id, newest
from tradedeck.readmodels.parts import mapping, sequence
from tradedeck.readmodels.stop import read_latches
from tradedeck.store.sessions import ReadSession

SPARK_POINTS: Final = 30
SILENT_NS: Final = 6 * NS_PER_S  # three missed polls of the journal
COMPARED_NS: Final = 45 * NS_PER_S  # three missed comparisons of our book with the venue's
GUARDED: Final = ("runner", "GuardConnected")  # the runner's condition on its guard
_EXECUTING: Final = ("paper", "live")
RECONCILED: Final = "Reconciled"  # the runner's condition on a match of its book with the venue's
Rows = list[dict[str, Any]]


@dataclass(slots=True)
class Facts:
    """What the store says, in one read."""

    generation: int = 0
    document: Document = field(default_factory=dict[str, Any])
    runner: dict[str, Any] | None = None
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    traders: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    feeds: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    positions: dict[tuple[str, str], dict[str, Any]] = field(
        default_factory=dict[tuple[str, str], dict[str, Any]]
    )
    halts: Rows = field(default_factory=list[dict[str, Any]])
    conditions: dict[tuple[str, str], dict[str, Any]] = field(
        default_factory=dict[tuple[str, str], dict[str, Any]]
    )
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    sparks: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    unacknowledged: int = 0
    oldest_ns: int | None = None
    last_seq: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of the runner from the wire."""

    id: str
    epoch: str = ""
    seq: int = 0
    seen_ns: int | None = None
    stopped: str | None = None
    gauges: Mapping[str, Any] = field(default_factory=dict[str, Any])
    gauges_ns: int = 0
    sparks: Mapping[str, Iterable[float]] = field(default_factory=dict[str, Iterable[float]])


def read_facts(
    session: ReadSession, runner: str, known: tuple[int, Document] | None = None
) -> Facts:
    """Everything that is committed and on the screen."""
    generation, document = newest(session, known)
    names = sorted(by_id(document, "traders"))
    unacknowledged = session.first(
        select(func.count().label("count"), func.min(t.alerts.c.at_ns).label("oldest")).where(
            t.alerts.c.acknowledged_ns.is_(None)
        )
    )
    row = session.first(select(t.runners_observed).where(t.runners_observed.c.source == runner))
    return Facts(
        generation=generation,
        document=document,
        runner=None if row is None else dict(row),
        accounts=_keyed(session, t.accounts_observed, "account"),
        traders=_keyed(session, t.traders_observed, "trader"),
        feeds=_keyed(session, t.feeds_observed, "feed"),
        positions={
            (row["account"], row["instrument"]): dict(row)
            for row in session.all(select(t.positions))
        },
        halts=read_latches(session),
        conditions={
            (row["subject"], row["type"]): dict(row) for row in session.all(select(t.conditions))
        },
        decisions={name: found for name in names if (found := _last_decision(session, name))},
        sparks={name: _spark(session, name) for name in names},
        unacknowledged=unacknowledged["count"] if unacknowledged else 0,
        oldest_ns=unacknowledged["oldest"] if unacknowledged else None,
        last_seq=int(session.scalar(select(func.max(t.entries.c.id))) or 0),
    )


def _keyed(session: ReadSession, table: Any, key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: dict(row) for row in session.all(select(table))}


def _last_decision(session: ReadSession, trader: str) -> dict[str, Any] | None:
    columns = t.decisions.c
    row = session.first(
        select(columns.event, columns.body)
        .where(columns.trader == trader)
        .order_by(columns.event.desc())
        .limit(1)
    )
    return None if row is None else decision_view(row["event"], row["body"])


def decision_view(event: int, body: str) -> dict[str, Any]:
    """A decision as people read it: its time as text."""
    fields: dict[str, Any] = orjson.loads(body)
    fields["time"] = format_ns(fields.pop("time_ns"))
    return {"seq": event, **fields}


def _spark(session: ReadSession, trader: str) -> list[float]:
    columns = t.decisions.c
    rows = session.all(
        select(columns.price)
        .where(columns.trader == trader)
        .order_by(columns.event.desc())
        .limit(SPARK_POINTS)
    )
    return [row["price"] for row in reversed(rows)]


def compose(facts: Facts, heard: Heard, *, build: str, now_ns: int) -> dict[str, Any]:
    """The snapshot at `now_ns`, JSON-able."""
    runner = facts.runner or {}
    gauges = heard.gauges
    mode, reasons = _mode(facts)
    silent = silence(facts, heard, now_ns) is not None
    observed = [str(row["verdict"]) for row in facts.accounts.values() if row["verdict"]]
    return {
        "at": format_ns(now_ns),
        "build": build,
        "mode": mode,
        "mode_reasons": reasons + ["RUNNER_SILENT"] * (silent and bool(runner)),
        "simulated": False,
        "data_mode": gauges.get("data_mode") or runner.get("data_mode") or "none",
        "execution_capable_accounts": sum(verdict in _EXECUTING for verdict in observed)
        if observed
        else int(runner.get("execution_capable_accounts") or 0),
        "desired_generation": facts.generation,
        "observed_generation": int(runner.get("generation") or 0),
        "runner": _runner(facts, heard, now_ns),
        "accounts": _accounts(facts),
        "traders": _traders(facts, heard, now_ns),
        "feeds": _feeds(facts, heard, now_ns),
        "halts": facts.halts,
        "session": _sessions(gauges),
        "reconcile": _reconcile(facts, heard, now_ns),
        "alerts": {
            "unacknowledged": facts.unacknowledged,
            "oldest_at": instant(facts.oldest_ns),
        },
        "last_seq": facts.last_seq,
    }


def instant(ns: int | None) -> str | None:
    """A time as text, or nothing."""
    return None if ns is None else format_ns(ns)


def age_ms(ns: int | None, now_ns: int) -> int | None:
    """How long ago; never negative, because clocks of two hosts differ."""
    return None if ns is None else max(0, (now_ns - ns) // NS_PER_MS)


def _list(text: Any) -> list[str]:
    found: Any = orjson.loads(text) if text else []
    return [str(item) for item in found]


def _mode(facts: Facts) -> tuple[str, list[str]]:
    """The mode of the host as far as an account reaches it; where none does, blocked, and by what.

    What the host's environment asks for is a ceiling: `live` is said only of what may trade live.
    """
    if not facts.runner:
        return "blocked", ["RUNNER_NEVER_SEEN"]
    ceiling, reasons = facts.runner.get("mode") or "blocked", _list(facts.runner.get("reasons"))
    judged = [row for row in facts.accounts.values() if row["verdict"]]
    if ceiling not in _EXECUTING or any(row["verdict"] == ceiling for row in judged):
        return ceiling, reasons
    if not judged:
        return ("blocked", [*reasons, "NO_ACCOUNT"]) if ceiling == "live" else (ceiling, reasons)
    unmet = [*reasons, *(name for row in judged for name in _list(row.get("reasons")))]
    return "blocked", list(dict.fromkeys(unmet))


def _runner_state(facts: Facts, heard: Heard, now_ns: int) -> str:
    row = facts.runner or {}
    if heard.stopped is not None:
        return "distrusted"  # its journal does not hold: nothing it says is taken
    if row.get("state") == "stopped":
        return "stopped"  # it said so itself, and a process that ended says no more
    if heard.seen_ns is None or now_ns - heard.seen_ns > SILENT_NS:
        return "silent" if row else "unknown"
    return "running"


def silence(facts: Facts, heard: Heard, now_ns: int) -> str | None:
    """Why what the runner said is not held for true any more; None while it speaks.

    One that stopped in order is silent too: nothing of it runs.
    """
    state = _runner_state(facts, heard, now_ns)
    if state == "running":
        return None
    if state == "silent" and heard.seen_ns is not None:
        return f"the runner has said nothing for {(now_ns - heard.seen_ns) // NS_PER_S} s"
    return {
        "stopped": "the runner is stopped",
        "distrusted": "the runner's journal does not hold",
    }.get(state, "the runner was not heard yet")


def _runner(facts: Facts, heard: Heard, now_ns: int) -> dict[str, Any]:
    row = facts.runner or {}
    return {
        "id": heard.id,
        "state": _runner_state(facts, heard, now_ns),
        "guard": hears_guard(facts, heard, now_ns)[0],
        "seen_at": instant(heard.seen_ns),
        "age_ms": age_ms(heard.seen_ns, now_ns),
        "epoch": heard.epoch,
        "seq": heard.seq,
        "loop_lag_ms": heard.gauges.get("loop_lag_ms"),
        "build": row.get("build"),
        "started_at": instant(row.get("started_ns")),
        "detail": heard.stopped or "",
    }


def hears_guard(facts: Facts, heard: Heard, now_ns: int) -> tuple[str, str]:
    """Whether the runner hears its guard (True, False, Unknown), and what it says of it."""
    condition = facts.conditions.get(GUARDED)
    if condition is None or silence(facts, heard, now_ns) is not None:
        return "Unknown", ""
    return str(condition["status"]), str(condition["detail"])


def _accounts(facts: Facts) -> list[dict[str, Any]]:
    specs = by_id(facts.document, "accounts")
    return [
        _account(name, specs.get(name, {}), facts.accounts.get(name, {}))
        for name in [*specs, *sorted(facts.accounts.keys() - specs.keys())]
    ]


def _account(name: str, spec: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    starting = spec.get("starting_balance") or row.get("opening_balance")
    day = mapping(mapping(spec.get("limits")).get("day_loss_max"))
    return {
        "id": name,
        "broker": spec.get("broker"),
        "currency": row.get("currency") or spec.get("currency"),
        "verdict": row.get("verdict") or "unknown",
        "reasons": _list(row.get("reasons")) if row else ["NOT_REPORTED"],
        **{
            key: row.get(key)
            for key in (
                "balance",
                "equity",
                "unrealised",
                "realised",
                "day_pnl",
                "drawdown",
                "max_drawdown",
                "exposure",
            )
        },
        "day_loss_max": None if day.get("bound") is None else str(day["bound"]),
        "starting_balance": None if starting is None else str(starting),
        "as_of": instant(row.get("time_ns")),
        "observed_at": instant(row.get("at_ns")),
    }


def _traders(facts: Facts, heard: Heard, now_ns: int) -> list[dict[str, Any]]:
    return [trader_view(facts, heard, name, now_ns) for name in by_id(facts.document, "traders")]


def trader_view(facts: Facts, heard: Heard, name: str, now_ns: int) -> dict[str, Any]:
    """One trader: desired, observed and the newest gauges side by side."""
    spec = by_id(facts.document, "traders").get(name, {})
    row = facts.traders.get(name, {})
    gauges = _gauges(heard, name)
    position = facts.positions.get((spec.get("account", ""), spec.get("instrument", "")), {})
    last = facts.decisions.get(name)
    condition = facts.conditions.get((f"trader/{name}", "Applied"), {})
    state, reason = _trader_state(row, silence(facts, heard, now_ns))
    held = position.get("quantity") or ("0" if spec.get("account") in facts.accounts else None)
    spark = list(heard.sparks.get(name, ())) or []
    stored = facts.sparks.get(name, [])
    bar_ns = gauges.get("bar_end_ns")
    return {
        "id": name,
        "account": spec.get("account"),
        "instrument": spec.get("instrument"),
        "feed": spec.get("feed"),
        "strategy": spec.get("strategy"),
        "strategy_observed": row.get("strategy"),
        "params": spec.get("params") or {},
        "sizing": spec.get("sizing"),
        "session_gate": spec.get("session_gate"),
        "state": state,
        "reason": reason,
        "desired_state": spec.get("state"),
        "generation_desired": facts.generation,
        "generation_observed": int(
            gauges.get("generation") or (facts.runner or {}).get("generation") or 0
        ),
        "applied": condition.get("status", "Unknown"),
        "position": held,
        "average_price": position.get("average_price"),
        "price": _text(gauges.get("price", last["price"] if last else None)),
        "unrealised": _text(gauges.get("unrealised", row.get("unrealised"))),
        "realised": row.get("realised"),
        "day_pnl": _text(gauges.get("day_pnl", row.get("day_pnl"))),
        "drawdown": row.get("drawdown"),
        "restarts": row.get("restarts") or 0,
        "halt": _halt_over(facts, spec),
        "data_age_ms": age_ms(gauges.get("seen_ns") or None, now_ns),
        "last_bar": instant(bar_ns)
        if isinstance(bar_ns, int)
        else (last["time"] if last else None),
        "sparkline": (stored[: SPARK_POINTS - len(spark)] + spark)[-SPARK_POINTS:]
        if len(spark) < SPARK_POINTS
        else spark,
        "last_decision": last,
    }


def _trader_state(row: Mapping[str, Any], why: str | None) -> tuple[str, str | None]:
    """State and reason; `why` nothing newer is known, or None."""
    if why is None:
        return row.get("state") or "starting", row.get("reason")
    known = row.get("state")
    return "unknown", f"{why}; last known: {known}" if known else why


def _gauges(heard: Heard, trader: str) -> Mapping[str, Any]:
    return mapping(mapping(heard.gauges.get("traders")).get(trader))


def _text(value: Any) -> str | None:
    """An observed number as text; money is text already."""
    if value is None or isinstance(value, str):
        return value
    return decimal_text(Decimal(repr(value)))


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _feeds(facts: Facts, heard: Heard, now_ns: int) -> list[dict[str, Any]]:
    return [
        feed_view(
            name, spec, facts.feeds.get(name, {}), heard, now_ns, silence(facts, heard, now_ns)
        )
        for name, spec in by_id(facts.document, "feeds").items()
    ]


def feed_view(
    name: str,
    spec: Mapping[str, Any],
    row: Mapping[str, Any],
    heard: Heard,
    now_ns: int,
    why: str | None = None,
) -> dict[str, Any]:
    """One feed; the cursor of a replay is the trading clock. `why` nothing newer is known of it."""
    gauges = mapping(mapping(heard.gauges.get("feeds")).get(name))
    cursor: Any = gauges.get("cursor_ns", gauges.get("cursor", row.get("cursor")))
    stale_s: Any = spec.get("stale_after_s")
    state: Any = gauges.get("state") or row.get("state") or "unknown"
    if why is not None and state != "unknown":
        state, why = "stale", f"{why}; last known: {state}"
    return {
        "id": name,
        "kind": spec.get("kind"),
        "source": spec.get("source"),
        "data_mode": row.get("data_mode") or spec.get("kind"),
        "state": state,
        "reason": why or row.get("reason"),
        "cursor": format_ns(cursor) if isinstance(cursor, int) else cursor,
        "start": instant(gauges.get("start_ns")) or spec.get("start"),
        "end": instant(gauges.get("end_ns")) or spec.get("end"),
        "speed": _float(gauges.get("speed", spec.get("speed"))),
        "loop": spec.get("loop"),
        "interval": spec.get("interval"),
        "age_ms": gauges.get("age_ms")
        if "age_ms" in gauges
        else age_ms(heard.gauges_ns or row.get("at_ns"), now_ns),
        "stale_after_ms": None if stale_s is None else int(float(stale_s) * 1000),
        "instruments": list(spec.get("instruments") or ()),
        "observed_at": instant(row.get("at_ns")),
    }


def _halt_over(facts: Facts, spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """The strictest halt that covers a trader, whatever its scope: all, its strategy, …"""
    halts = Halts({row["scope"]: row for row in facts.halts})
    names = (str(spec.get(key) or "") for key in ("account", "id", "strategy", "instrument"))
    return halts.over(*names)


def _sessions(gauges: Mapping[str, Any]) -> list[Any]:
    return sequence(gauges.get("session", gauges.get("sessions")))


def _reconcile(facts: Facts, heard: Heard, now_ns: int) -> dict[str, Any]:
    """The worst word of all accounts; unknown where the runner has said nothing, stale where the
    books were equal and nobody has compared them for too long.

    The condition is journaled when its word changes, the runner compares every 15 s: how old the
    comparison is, is said by the gauges.
    """
    present = {*by_id(facts.document, "accounts"), *mapping(heard.gauges.get("accounts"))}
    said = [
        (row, max(int(row["at_ns"]), _compared_ns(heard, subject) or 0))
        for (subject, kind), row in facts.conditions.items()
        if kind == RECONCILED
        and (row["status"] != "True" or subject.removeprefix("account/") in present)
    ]
    if not said:
        return {"verdict": "unknown", "checked_at": None, "detail": None}
    order = {"False": 0, "Unknown": 1, "True": 2}
    worst, checked_ns = min(said, key=lambda each: (order.get(each[0]["status"], 1), each[1]))
    verdict = {"True": "clean", "False": "drift"}.get(worst["status"], "unknown")
    late = now_ns - checked_ns > COMPARED_NS or silence(facts, heard, now_ns) is not None
    if verdict == "clean" and late:
        verdict = "stale"
    return {"verdict": verdict, "checked_at": format_ns(checked_ns), "detail": worst["detail"]}


def _compared_ns(heard: Heard, subject: str) -> int | None:
    account = mapping(mapping(heard.gauges.get("accounts")).get(subject.removeprefix("account/")))
    at: Any = account.get("checked_at_ns")
    return at if isinstance(at, int) and account.get("reconciled") is not None else None
