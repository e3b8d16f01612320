"""Claims jobs and runs each in a child process with a time and a memory limit.

Owns the child's life: nobody else kills it. The api may be away for a while: what a job came to is
kept and said again until it is heard. Never runs a strategy in its own process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import orjson
import structlog

import tradedeck
from tradedeck.adapters.bus.types import Bus, Message
from tradedeck.jobs.packing import pack
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.redaction import redact_text

POLL_S: Final = 5.0
REPORT_S: Final = 1.0
RETRY_S: Final = 1.0
KILL_S: Final = 5.0
OUTPUT_BYTES_MAX: Final = 1_500
LINE_BYTES_MAX: Final = 16 * 1024 * 1024  # the result is one line
_KEPT: Final = ("PATH", "LANG", "TZ", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Run:
    """One job on its way."""

    id: str
    bars: int = 0
    total: int = 0
    cancel: bool = False
    disowned: bool = False
    output: bytes = b""  # the end of what it printed
    last: dict[str, Any] = field(default_factory=dict[str, Any])


class Worker:
    """One at a time: two cores belong to trading first."""

    def __init__(self, bus: Bus, home: Path, strategies: Path, name: str) -> None:
        self._bus = bus
        self._home = home
        self._strategies = strategies
        self._name = name
        self._wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a running job is killed then, and begun again by the next worker."""
        await self._bus.serve("jobs.hint", self._hinted, concurrency=1)
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                claimed = await self._claim()
                if claimed is not None:
                    await self._work(claimed, stop)
                    continue
                waking = asyncio.create_task(self._wake.wait())
                await asyncio.wait(
                    [waking, stopping], timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED
                )
                waking.cancel()
                self._wake.clear()
        finally:
            stopping.cancel()

    async def _hinted(self, _: Message) -> None:
        self._wake.set()

    async def _claim(self) -> dict[str, Any] | None:
        try:
            answer = await self._bus.request("jobs.claim", {"worker": self._name})
        except TradedeckError as error:
            if error.code not in {Code.UNAVAILABLE, Code.TIMEOUT}:
                log.warning("no job could be claimed", code=error.code, detail=error.detail)
            return None
        found = _object(_object(answer).get("job"))
        return dict(found) or None

    async def _work(self, claimed: dict[str, Any], stop: asyncio.Event) -> None:
        run = _Run(str(claimed["id"]))
        log.info("job begun", job=run.id, kind=claimed.get("kind"))
        time_s = float(claimed["time_s_max"])
        child = await self._spawn(claimed)
        reading = asyncio.create_task(self._read(child, run))
        listening = asyncio.create_task(_listen(child, run))
        reporting = asyncio.create_task(self._report(run))
        stopping = asyncio.create_task(stop.wait())
        try:
            ended, _ = await asyncio.wait(
                [reading, reporting, stopping],
                timeout=time_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            await _kill(child)
            for task in (reporting, stopping):
                task.cancel()
            await asyncio.gather(reading, reporting, stopping, listening, return_exceptions=True)
        if stop.is_set() or run.disowned:
            log.info("job let go", job=run.id)
            return
        end = _end(run, child.returncode, timed_out=not ended, time_s=time_s)
        await self._tell(run, end, stop)

    async def _spawn(self, claimed: dict[str, Any]) -> asyncio.subprocess.Process:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tradedeck.worker.child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=LINE_BYTES_MAX,
            cwd="/",
            env={
                **{name: os.environ[name] for name in _KEPT if name in os.environ},
                "PYTHONPATH": str(Path(tradedeck.__file__).parents[1]),
            },
        )
        assert child.stdin is not None
        request = {
            **claimed,
            "strategies": str(self._strategies),
            "data_folder": str(self._home / "data"),
        }
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            child.stdin.write(orjson.dumps(request))
            await child.stdin.drain()
        child.stdin.close()
        return child

    async def _read(self, child: asyncio.subprocess.Process, run: _Run) -> None:
        """What the child says; ends with the child."""
        assert child.stdout is not None
        while True:
            try:
                line = await child.stdout.readline()
            except ValueError:
                run.last = {
                    "error": {"code": Code.TOO_LARGE, "detail": "The job said more than it may."}
                }
                return
            if not line:
                await child.wait()
                return
            try:
                words = _object(orjson.loads(line))
            except orjson.JSONDecodeError:
                continue  # half a line of a killed child
            if "total" in words:
                run.total = int(words["total"])
            elif "bars" in words:
                run.bars = int(words["bars"])
            else:
                run.last = dict(words)

    async def _report(self, run: _Run) -> None:
        """Say every second how far it is; ends when the job is to stop."""
        while True:
            try:
                answer = await self._bus.request(
                    "jobs.progress",
                    {
                        "id": run.id,
                        "worker": self._name,
                        "bars": run.bars,
                        "total": run.total,
                    },
                )
            except TradedeckError as error:
                if error.code in {Code.CONFLICT, Code.NOT_FOUND}:
                    run.disowned = True  # it was taken from us meanwhile
                    return
            else:
                run.cancel = bool(_object(answer).get("cancel"))
                if run.cancel:
                    return
            await asyncio.sleep(REPORT_S)

    async def _tell(self, run: _Run, end: dict[str, Any], stop: asyncio.Event) -> None:
        """Say the last word until it is heard."""
        while not stop.is_set():
            try:
                await self._bus.request(
                    "jobs.done", {"id": run.id, "worker": self._name, **end}, timeout_s=5.0
                )
            except TradedeckError as error:
                if error.code in {Code.UNAVAILABLE, Code.TIMEOUT, Code.STORAGE, Code.INTERNAL}:
                    await asyncio.sleep(RETRY_S)
                    continue
                log.warning("a job's end was not taken", job=run.id, code=error.code)
            log.info("job ended", job=run.id, state=end["state"])
            return


async def _listen(child: asyncio.subprocess.Process, run: _Run) -> None:
    """Keep the end of what the child prints, so that a flood costs nothing."""
    assert child.stderr is not None
    while piece := await child.stderr.read(64 * 1024):
        run.output = (run.output + piece)[-OUTPUT_BYTES_MAX:]


async def _kill(child: asyncio.subprocess.Process) -> None:
    """End the child and whatever it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(child.wait(), KILL_S)


def _end(run: _Run, code: int | None, *, timed_out: bool, time_s: float) -> dict[str, Any]:
    """The terminal state, decided by what was first: result, cancel, time, or a dead child."""
    if "result" in run.last:
        return {"state": "succeeded", "code": "", "detail": "", "result": pack(run.last["result"])}
    if run.cancel:
        return {"state": "cancelled", "code": "", "detail": "cancelled while it ran"}
    if timed_out:
        return {
            "state": "timed_out",
            "code": "TIMEOUT",
            "detail": f"It took longer than {time_s:g} s.",
        }
    error = _object(run.last.get("error"))
    said = redact_text(run.output.decode("utf-8", "replace")).strip()
    detail = str(error.get("detail") or f"Its process ended with {code}. {said}".strip())
    return {"state": "failed", "code": str(error.get("code") or "DIED"), "detail": detail}


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
