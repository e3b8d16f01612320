"""Jobs at the edge: the worker's questions on the bus, lost workers, and waking one up.

A worker holds no credential and is believed only about jobs that were given to it: what it sends
is bounded and checked before it is stored.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import Any, Final

import orjson
import structlog

from tradedeck.adapters.bus.types import Message
from tradedeck.api.context import Context
from tradedeck.jobs import rules, service
from tradedeck.jobs.packing import unpack
from tradedeck.jobs.types import Job
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.readmodels.parts import mapping
from tradedeck.store.scope import Door

RESULT_BYTES_MAX: Final = 8 * 1024 * 1024
SWEEP_S: Final = 2.0
BARS_MAX: Final = 2**53
ASK_S: Final = 1.0
log = structlog.get_logger(__name__)


async def run(context: Context) -> None:
    """The loop of the api: answer workers, and look after jobs that nobody reports on."""
    since = context.clock.now_ns()
    if not context.live.jobs_served:
        context.live.jobs_served = True
        await _serve(context)
    while not context.closing.is_set():
        sweep = partial(service.sweep, now_ns=context.clock.now_ns(), since_ns=since)
        changed = await context.whole.beyond(Door.JOBS).write(sweep)
        for job in changed:
            log.warning("a worker fell silent", job=job.id, state=job.state, detail=job.detail)
        await asyncio.sleep(SWEEP_S)


async def _serve(context: Context) -> None:
    async def claim(message: Message) -> dict[str, Any]:
        worker, now = _worker(mapping(message.json())), context.clock.now_ns()
        job = await context.whole.beyond(Door.JOBS).write(lambda w: service.claim(w, worker, now))
        return {"job": None if job is None else _given(job)}

    async def progress(message: Message) -> dict[str, Any]:
        said, now = mapping(message.json()), context.clock.now_ns()
        cancel = await context.whole.beyond(Door.JOBS).write(
            lambda w: service.progress(
                w,
                str(said.get("id")),
                _worker(said),
                bars=_count(said.get("bars")),
                total=_count(said.get("total")),
                now_ns=now,
            )
        )
        return {"cancel": cancel}

    async def done(message: Message) -> dict[str, Any]:
        said, now = mapping(message.json()), context.clock.now_ns()
        packed: Any = said.get("result")
        outcome = await asyncio.to_thread(_outcome, packed) if isinstance(packed, str) else None
        job = await context.whole.beyond(Door.JOBS).write(
            lambda w: service.done(
                w,
                str(said.get("id")),
                _worker(said),
                state=str(said.get("state")),
                code=str(said.get("code") or ""),
                detail=str(said.get("detail") or ""),
                outcome=outcome,
                now_ns=now,
            )
        )
        log.info("job ended", job=job.id, state=job.state, code=job.code)
        return {"accepted": True}

    await context.bus.serve("jobs.claim", claim, concurrency=1)
    await context.bus.serve("jobs.progress", progress, concurrency=4)
    await context.bus.serve("jobs.done", done, concurrency=2)


def _given(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind.value,
        "params": job.params,
        "time_s_max": min(rules.TIME_S_MAX, int(job.params.get("time_s_max", rules.TIME_S_MAX))),
        "memory_bytes_max": rules.MEMORY_BYTES_MAX,
    }


def _worker(said: Any) -> str:
    name: Any = said.get("worker")
    if not isinstance(name, str) or not 0 < len(name) <= 80:
        raise TradedeckError(Code.INVALID, "A worker did not say its name.")
    return name


def _count(value: Any) -> int:
    return min(value, BARS_MAX) if isinstance(value, int) and value >= 0 else 0


def _outcome(packed: str) -> str:
    try:
        return unpack(packed, RESULT_BYTES_MAX)
    except ValueError as error:
        raise TradedeckError(Code.INVALID, f"A result could not be read: {error}.") from None


async def wake(context: Context) -> None:
    """There is work: tell a worker, and have the supervisor start one if none runs."""
    await context.bus.publish("jobs.hint", {})
    path = context.settings.run_path / "supervisor.sock"
    if path.exists():
        await asyncio.to_thread(_ask_supervisor, str(path))


def _ask_supervisor(path: str) -> None:
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(ASK_S)
            line.connect(path)
            line.sendall(orjson.dumps({"act": "start", "process": "worker"}) + b"\n")
            line.recv(4096)
    except OSError as error:
        log.warning("the supervisor could not be asked for a worker", error=str(error))
