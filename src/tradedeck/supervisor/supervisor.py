"""The loop that keeps the processes of one home running.

Owns children, their pipes, run/processes.json and run/supervisor.sock. It holds no credential,
opens no store, speaks no bus: a fault of any other part must not end it. Written on selectors
rather than asyncio, which costs 11 MB of memory for a process that mostly sleeps.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, Protocol

from tradedeck.kernel.clock import format_ns
from tradedeck.ops.files import write_json
from tradedeck.supervisor import policy
from tradedeck.supervisor.spawn import Running, spawn
from tradedeck.supervisor.types import Child, Spec, State

STOP_S = 5.0
STOP_STAGE_S = 2.0  # of those 5, what one stage may take before the next begins
START_TIMEOUT_S = 60.0
PROBE_EVERY_S = 0.02
PROBE_TIMEOUT_S = 0.2
TICK_S = 1.0
LINES_PER_S_MAX = 20  # of a child's own output into our log; the rest is counted
LINE_BYTES_MAX = 4096
_ACTIVE = (State.STARTING, State.RUNNING, State.STOPPING)


class Log(Protocol):
    """Where the supervisor writes events (the pipeline of `adapters.logs`)."""

    def write(self, level: str, logger: str, event: str, fields: dict[str, Any], /) -> None:
        """One event."""
        ...


class Supervisor:
    """All children of one home. `run` returns the exit code of `up`."""

    def __init__(
        self,
        specs: list[Spec],
        processes_file: Any,
        log: Log,
        *,
        on_change: Callable[[Child], None] = lambda _: None,
        on_tick: Callable[[], None] = lambda: None,
        on_failed: Callable[[str, str], bool] = lambda _name, _why: True,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self.children = {
            spec.name: Child(spec, State.IDLE if spec.lazy else State.WAITING, time.time_ns())
            for spec in specs
        }
        self._file = processes_file
        self._log = log
        self._on_change = on_change
        self._on_tick = on_tick
        self._on_failed = on_failed
        self._on_stop = on_stop
        self._tell_mono = 0.0
        self._untold: dict[str, str] = {}  # given up, and whoever halts has not heard of it
        self._running: dict[str, Running] = {}
        self._selector = selectors.DefaultSelector()
        self._due: dict[str, float] = {}  # process → monotonic second of its next start
        self._stopping_since: float | None = None
        self._exit = 0
        self._since_ns = time.time_ns()
        self._parent_read, self._parent_write = os.pipe()
        self._wake_read, self._wake_write = socket.socketpair()
        self._dirty = True

    # -- the loop -----------------------------------------------------------------------------

    def run(self, listener: socket.socket | None = None) -> int:
        """Start everything, serve until told to stop, stop everything."""
        previous = self._catch_signals()
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._woken)
        if listener is not None:
            self._selector.register(listener, selectors.EVENT_READ, self.accept)
        try:
            while not self._finished():
                self._advance()
                for key, _ in self._selector.select(self._sleep_s()):
                    key.data(key.fileobj)
                self._reap()
                self._on_tick()
                self._report()
        finally:
            self._kill_all()
            self._report()
            for number, handler in previous.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(-1)
            self._selector.close()
            for descriptor in (self._parent_read, self._parent_write):
                os.close(descriptor)
            self._wake_read.close()
            self._wake_write.close()
        return self._exit

    def stop(self, exit_code: int = 0) -> None:
        """Begin the orderly stop; a second call ends it at once."""
        if self._stopping_since is not None:
            self._kill_all()
            return
        self._stopping_since = time.monotonic()
        self._exit = exit_code
        self._on_stop()  # before the first process hears of it
        self._log.write("info", "", "stopping", {})
        for child in self.children.values():
            if child.state not in _ACTIVE:
                self._become(child, State.STOPPED)

    def start(self, name: str) -> str:
        """Start one that rests or was given up. Returns what was done, in words."""
        child = self.children[name]
        if child.state in _ACTIVE:
            return f"{name} is {child.state} already"
        child.ends.clear()
        self._become(child, State.WAITING, "asked for")
        return f"{name} is being started"

    def restart(self, name: str) -> str:
        """Stop one in order; it comes back like after any end."""
        child = self.children[name]
        if child.state not in _ACTIVE:
            return self.start(name)
        self._running[name].signal(signal.SIGTERM)
        return f"{name} was asked to end and will be started again"

    def snapshot(self) -> dict[str, Any]:
        """What run/processes.json holds."""
        return {
            "supervisor": {"pid": os.getpid(), "since": format_ns(self._since_ns)},
            "stopping": self._stopping_since is not None,
            "processes": [
                {
                    "name": child.spec.name,
                    "pid": child.pid,
                    "state": child.state.value,
                    "restarts": child.restarts,
                    "since": format_ns(child.since_ns),
                    "detail": child.detail,
                }
                for child in self.children.values()
            ],
        }

    # -- starting -----------------------------------------------------------------------------

    def _advance(self) -> None:
        now = time.monotonic()
        if self._stopping_since is not None:
            self._advance_stop(now)
            return
        self._tell_failed(now)
        for child in self.children.values():
            if self._due_to_start(child, now):
                self._start(child, now)
            elif child.state is State.STARTING:
                self._watch_start(child, now)
            elif child.state is State.RUNNING and child.spec.silent_s_max:
                self._watch_beat(child, now)

    def _tell_failed(self, now: float) -> None:
        """A home is never half up in silence: whoever halts is told, until it has heard."""
        if not self._untold or now < self._tell_mono:
            return
        self._tell_mono = now + TICK_S
        for name, why in list(self._untold.items()):
            if self._on_failed(name, why):
                del self._untold[name]

    def _due_to_start(self, child: Child, now: float) -> bool:
        if child.state is State.WAITING:
            return all(self.children[name].ready_once for name in child.spec.needs)
        return child.state is State.BACKOFF and now >= self._due[child.spec.name]

    def _start(self, child: Child, now: float) -> None:
        name = child.spec.name
        child.starts += 1
        child.started_mono, child.ready_mono, child.hung = now, None, False
        try:
            running = spawn(child.spec, self._parent_read)
        except OSError as error:
            child.last_words = f"{child.spec.argv[0]}: {error.strerror}"
            self._ended(child, 127, now)
            return
        self._running[name] = running
        child.pid = running.process.pid
        self._become(child, State.STARTING)
        if child.spec.probe is None and running.ready_fd is not None:
            self._selector.register(
                running.ready_fd, selectors.EVENT_READ, partial(self._readable, child)
            )
        self._selector.register(
            running.output_fd, selectors.EVENT_READ, partial(self._output, child)
        )

    def _watch_start(self, child: Child, now: float) -> None:
        if child.spec.probe is not None and _answers(child.spec.probe):
            self._ready(child)
        elif now - child.started_mono > START_TIMEOUT_S:
            child.last_words = f"not ready within {START_TIMEOUT_S:g} s"
            self._running[child.spec.name].signal(signal.SIGKILL)

    def _watch_beat(self, child: Child, now: float) -> None:
        """A loop that stands still is ended: frozen, it holds its place and does no work."""
        running = self._running[child.spec.name]
        if child.spec.probe is not None:
            if now >= child.probe_mono:
                child.probe_mono = now + TICK_S
                if _answers(child.spec.probe):
                    child.beat_mono = time.monotonic()
        elif running.ready_fd is not None and running.ready_fd in self._selector.get_map():
            self._readable(child, running.ready_fd)  # what it said while we did not listen
        if now - child.beat_mono <= child.spec.silent_s_max:
            return
        child.hung = True
        child.last_words = f"its loop stood still for {child.spec.silent_s_max:g} s"
        running.signal(signal.SIGKILL)
        child.beat_mono = now  # until it is reaped

    def _readable(self, child: Child, descriptor: int) -> None:
        """READY once, then a byte per beat of its working loop."""
        try:
            data = os.read(descriptor, 4096)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(descriptor)
            return
        child.beat_mono = time.monotonic()
        if data.startswith(b"READY"):
            self._ready(child)

    def _ready(self, child: Child) -> None:
        if child.state is not State.STARTING:
            return
        child.ready_once = True
        child.ready_mono = child.beat_mono = time.monotonic()
        self._become(child, State.RUNNING)

    # -- ends ---------------------------------------------------------------------------------

    def _reap(self) -> None:
        for name, running in list(self._running.items()):
            code = running.process.poll()
            if code is None:
                continue
            child = self.children[name]
            self._output(child, running.output_fd)
            self._forget(name)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.process.pid, signal.SIGKILL)  # what it left behind
            self._ended(child, code, time.monotonic())

    def _ended(self, child: Child, code: int, now: float) -> None:
        child.pid = None
        if self._stopping_since is not None:
            self._become(child, State.STOPPED, policy.describe(code))
            return
        if code == 0 and child.spec.lazy:
            self._become(child, State.IDLE, "nothing to do")
            return
        if code == 0 and child.spec.finishes:
            self._become(child, State.STOPPED, "finished its cycles")
            self.stop()
            return
        was_ready = child.ready_mono is not None
        verdict = policy.judge(child.ends, code=code, was_ready=was_ready, now=now, hung=child.hung)
        said = f": {child.last_words}" if child.last_words else ""
        if verdict.wait_s is None:
            self._become(child, State.FAILED, f"{verdict.reason}{said}")
            self._untold[child.spec.name] = child.detail
            return
        self._due[child.spec.name] = now + verdict.wait_s
        self._become(child, State.BACKOFF, f"{verdict.reason}{said}")

    def _forget(self, name: str) -> None:
        running = self._running.pop(name)
        for descriptor in (running.ready_fd, running.output_fd):
            if descriptor is not None and descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)
        running.close()

    # -- stopping -----------------------------------------------------------------------------

    def _advance_stop(self, now: float) -> None:
        """Stage by stage: those that trade, then those that serve them, the wire last."""
        begun = self._stopping_since or now
        if now - begun >= STOP_S:
            self._kill_all()
            return
        ranks = sorted({c.spec.stop_rank for c in self.children.values() if c.state in _ACTIVE})
        if not ranks:
            return
        allowed = int((now - begun) / STOP_STAGE_S)  # a slow stage does not hold up the next
        for child in self.children.values():
            due = child.spec.stop_rank <= max(ranks[0], allowed)
            if due and child.state in (State.STARTING, State.RUNNING):
                self._become(child, State.STOPPING)
                self._running[child.spec.name].signal(signal.SIGTERM)

    def _kill_all(self) -> None:
        for name, running in list(self._running.items()):
            running.signal(signal.SIGKILL)
            running.process.wait()
            self._forget(name)
            child = self.children[name]
            child.pid = None
            self._become(child, State.STOPPED, "killed: it did not end in time")

    def _finished(self) -> bool:
        return self._stopping_since is not None and not self._running

    # -- telling ------------------------------------------------------------------------------

    def _become(self, child: Child, state: State, detail: str = "") -> None:
        if state is child.state and detail == child.detail:
            return
        child.state, child.detail, child.since_ns = state, detail, time.time_ns()
        self._dirty = True
        level = {State.FAILED: "error", State.BACKOFF: "warning"}.get(state, "info")
        fields: dict[str, Any] = {"child": child.spec.name, "state": state.value}
        if child.pid is not None:
            fields["child_pid"] = child.pid
        if detail:
            fields["detail"] = detail
        self._log.write(level, "", f"{child.spec.name} {state.value}", fields)
        self._on_change(child)

    def _report(self) -> None:
        if not self._dirty:
            return
        self._dirty = False
        write_json(self._file, self.snapshot())

    def _output(self, child: Child, descriptor: int) -> None:
        """What a child says outside its log: a start that failed, nats-server's lines."""
        data = b""
        with contextlib.suppress(BlockingIOError, OSError):
            data = os.read(descriptor, 65536)
            if not data:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(descriptor)
        for line in data.decode("utf-8", "replace").splitlines():
            text = line.strip()[:LINE_BYTES_MAX]
            if not text:
                continue
            child.last_words = text
            if self._may_say(child):
                level = "debug" if "[INF]" in text else "warning"
                self._log.write(level, child.spec.name, text, {})

    def _may_say(self, child: Child) -> bool:
        second = int(time.monotonic())
        if child.said_second != second:
            child.said_second, child.said = second, 0
        child.said += 1
        return child.said <= LINES_PER_S_MAX

    # -- the socket ---------------------------------------------------------------------------

    def accept(self, listener: Any) -> None:
        """One question, one answer; see `ops.child.ask_supervisor`."""
        from tradedeck.supervisor.control import answer

        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                answer(self, connection)
        self._dirty = True

    # -- signals and time ---------------------------------------------------------------------

    def _catch_signals(self) -> dict[signal.Signals, Any]:
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        caught = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        return {number: signal.signal(number, _ignore) for number in caught}

    def _woken(self, reader: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in reader.recv(1024):
                if number != signal.SIGCHLD:
                    self.stop()

    def _sleep_s(self) -> float:
        now = time.monotonic()
        wait = TICK_S
        for child in self.children.values():
            if child.state is State.STARTING:
                wait = min(wait, PROBE_EVERY_S if child.spec.probe else TICK_S)
            elif child.state is State.BACKOFF:
                wait = min(wait, max(0.0, self._due[child.spec.name] - now))
        if self._stopping_since is not None:
            wait = min(wait, 0.05)
        return wait


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """The wake-up descriptor tells the loop; a handler must exist for it to be written."""


def _answers(address: tuple[str, int]) -> bool:
    """Whether the server there greets: a frozen one's kernel takes the connection all the same."""
    try:
        with socket.create_connection(address, timeout=PROBE_TIMEOUT_S) as line:
            return bool(line.recv(1))
    except OSError:
        return False
