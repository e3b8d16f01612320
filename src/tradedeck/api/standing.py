"""How the guard stands: its journal's last word joined with its newest telemetry."""

from __future__ import annotations

from typing import Any, cast

from tradedeck.api.context import Context
from tradedeck.api.snapshot import heard
from tradedeck.projections.stop import GUARD_SOURCE
from tradedeck.readmodels.parts import mapping
from tradedeck.readmodels.status import SILENT_NS, age_ms, hears_guard, instant
from tradedeck.readmodels.stop import guard_row


async def guard_view(context: Context) -> dict[str, Any]:
    """The answer of `GET /guard`; what nobody reported is null."""
    row = await context.store.read(guard_row) or {}
    source = context.live.source(GUARD_SOURCE)
    gauges = context.live.telemetry.get(GUARD_SOURCE)
    body = mapping(gauges.body if gauges else {})
    facts = await context.live.made.facts()
    now = context.clock.now_ns()
    hears, said = hears_guard(facts, heard(context), now)
    seen = max(source.seen_ns or 0, gauges.at_ns if gauges else 0) or None
    runner = mapping(body.get("runner"))
    halts = body.get("halts")
    return {
        "state": _state(row, seen, now),
        "seen_at": instant(seen),
        "age_ms": age_ms(seen, now),
        "pid": row.get("pid"),
        "build": row.get("build"),
        "started_at": instant(row.get("started_ns")),
        "detail": source.stopped or source.problem,
        "runner": {
            "connected": runner.get("connected"),
            "pid": runner.get("pid"),
            "silent_ms": runner.get("silent_ms"),
            "state": row.get("runner_state"),
            "detail": row.get("runner_detail"),
            "since": instant(row.get("runner_ns")),
            "accounts": dict(mapping(runner.get("accounts"))),
            "hears": hears,
            "hears_detail": said,
        },
        "timers": dict(mapping(body.get("timers"))),
        "latched": len(cast("list[Any]", halts)) if isinstance(halts, list) else None,
    }


def _state(row: dict[str, Any], seen: int | None, now: int) -> str:
    if seen is None or now - seen > SILENT_NS:
        return "silent" if row else "unknown"
    return "stopped" if row.get("state") == "stopped" else "running"
