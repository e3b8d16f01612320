"""How each part is: processes as the supervisor sees them, journals, store, bus, streams."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Final

import orjson

from tradedeck.api.context import Context
from tradedeck.api.pull import EXCHANGE
from tradedeck.kernel.clock import NS_PER_MS
from tradedeck.kernel.errors import TradedeckError
from tradedeck.projections.apply import last_event
from tradedeck.readmodels.parts import mapping, sequence
from tradedeck.readmodels.status import SILENT_NS, age_ms
from tradedeck.store.scope import MAIN

# The supervisor's words for a process, in ours.
_STATES: Final = {
    "running": "ok",
    "ready": "ok",
    "idle": "idle",
    "starting": "degraded",
    "waiting": "degraded",
    "backoff": "down",
    "failed": "down",
    "stopped": "down",
    "ended": "down",
}
VENUE_PROCESS: Final = "exchange"
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


async def components(context: Context) -> list[dict[str, Any]]:
    """Every part; for a tenant without the host those that serve it."""
    processes = await asyncio.to_thread(_processes, context.settings.run_path / "processes.json")
    venue = any(item["id"] == f"process/{VENUE_PROCESS}" for item in processes)
    if context.tenant != MAIN:  # the processes are the host's
        return [await _store(context), _bus(context), _streams(context)]
    return [
        *processes,
        *_sources(context, venue=venue),
        await _store(context),
        _bus(context),
        _streams(context),
    ]


def _processes(path: Path) -> list[dict[str, Any]]:
    try:
        told = mapping(orjson.loads(path.read_bytes()))
    except (OSError, orjson.JSONDecodeError):
        return [
            {
                "id": "process/api",
                "state": "ok",
                "pid": os.getpid(),
                "rss_mb": _rss(os.getpid()),
                "detail": "started without a supervisor",
            }
        ]
    return [_process(mapping(item)) for item in sequence(told.get("processes"))]


def _process(item: Any) -> dict[str, Any]:
    pid: Any = item.get("pid")
    restarts = item.get("restarts") or 0
    words = [str(item.get("detail") or "")] + ([f"{restarts} restarts"] if restarts else [])
    return {
        "id": f"process/{item.get('name')}",
        "state": _STATES.get(str(item.get("state")), "unknown"),
        "detail": "; ".join(word for word in words if word),
        "since": item.get("since"),
        "pid": pid,
        "rss_mb": _rss(pid) if isinstance(pid, int) else None,
    }


def _rss(pid: int) -> float | None:
    """Resident memory in MB, where the platform tells."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return round(pages * _PAGE / 1_000_000, 1)


def _sources(context: Context, *, venue: bool) -> list[dict[str, Any]]:
    now = context.clock.now_ns()
    found: list[dict[str, Any]] = []
    for name, state in sorted(context.live.sources.items()):
        silent = state.seen_ns is None or now - state.seen_ns > SILENT_NS
        behind = max(0, state.head - state.seq)
        if name == EXCHANGE and not venue and state.seen_ns is None:
            word, detail = "idle", "paper execution is not enabled on this host"
        elif state.stopped is not None:
            word, detail = "down", f"not trusted: {state.stopped}"
        elif silent:
            word, detail = "unknown" if state.seen_ns is None else "down", state.problem
        else:
            word, detail = "ok" if behind < 1_000 else "degraded", f"entry {state.seq}"
        found.append(
            {
                "id": f"journal/{name}",
                "state": word,
                "detail": detail,
                "queue": behind,
                "age_ms": age_ms(state.seen_ns, now),
                "latency_ms": round(state.lag_ns / NS_PER_MS, 3),
            }
        )
    return found


async def _store(context: Context) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        head = await context.store.read(last_event)
    except TradedeckError as error:
        return {"id": "store", "state": "down", "detail": error.detail}
    return {
        "id": "store",
        "state": "ok",
        "detail": f"event {head}",
        "queue": context.store.waiting,
        "latency_ms": round((time.perf_counter() - began) * 1000, 3),
    }


def _bus(context: Context) -> dict[str, Any]:
    state = str(context.bus.state)
    return {"id": "bus", "state": "ok" if state == "connected" else "down", "detail": state}


def _streams(context: Context) -> dict[str, Any]:
    hub = context.live.hub
    detail = f"{hub.slow} let go because they were slow" if hub.slow else ""
    return {"id": "streams", "state": "ok", "detail": detail, "sockets": hub.subscribers}
