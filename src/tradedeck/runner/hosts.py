"""Strategy hosts as the runner sees them: spawned, asked with a deadline, killed when they harm.

A host is fenced by its own process: it can hang, crash, bloat or flood, and the runner only notices
a missed deadline. Kills go through a pidfd where there is one, so that a reused pid is never hit.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.frames import Unpacker, pack
from tradedeck.kernel.redaction import redact_text

READ_BYTES = 256 * 1024
OUTPUT_BYTES_PER_S_MAX = 64 * 1024
OUTPUT_LINES_KEPT = 200
SPAWN_TIMEOUT_S = 10.0
WISHES_MAX = 100  # as the host's own bound; a host is not trusted to have kept it
INPUTS_MAX = 200


class HostFailed(Exception):
    """A callback did not end well. `reason`: deadline, memory, exit, exception, flood."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Host:
    """One live strategy process."""

    trader: str
    pid: int
    line: socket.socket
    output: int
    pidfd: int | None
    unpacker: Unpacker = field(default_factory=Unpacker)
    waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    next_id: int = 0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=OUTPUT_LINES_KEPT))
    flood_bytes: int = 0
    flood_since: float = 0.0
    unenforced: list[str] = field(default_factory=list)
    closed: bool = False


class Hosts:
    """The zygote and every host forked from it.

    Args:
        folder: the host administrator's folder of users' strategies, or None.
        memory_bytes_max: address space a host may add.
        on_output: called with (trader, line) for each line a strategy prints.
    """

    def __init__(
        self, folder: Path | None, memory_bytes_max: int, on_output: Callable[[str, str], None]
    ) -> None:
        self._folder = folder
        self._memory = memory_bytes_max
        self._on_output = on_output
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._unpacker = Unpacker()
        self._spawned: dict[str, asyncio.Future[int]] = {}
        self._spawns = 0
        self._starting = asyncio.Lock()
        self._gone = False
        self.on_death: Callable[[str, HostFailed], None] = lambda _trader, _failure: None
        self._ready: asyncio.Future[dict[str, Any]] | None = None
        self.hosts: dict[str, Host] = {}
        self.catalogue: list[dict[str, Any]] = []
        self.fault = ""

    async def start(self) -> None:
        """Start the zygote and learn which strategies this host has."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._control, self._unpacker, self._gone = ours, Unpacker(), False
        self._ready = loop.create_future()
        env = _environment()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tradedeck.host",
            str(theirs.fileno()),
            str(self._folder or ""),
            pass_fds=(theirs.fileno(),),
            env=env,
            cwd="/",
            stdin=asyncio.subprocess.DEVNULL,
        )
        theirs.close()
        loop.add_reader(ours.fileno(), self._on_control)
        hello = await asyncio.wait_for(self._ready, SPAWN_TIMEOUT_S)
        self.catalogue, self.fault = hello["strategies"], hello["fault"]

    async def stop(self) -> None:
        """Kill every host and the zygote."""
        for trader in list(self.hosts):
            self.kill(trader)
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    @property
    def alive(self) -> bool:
        """Whether the zygote lives."""
        return self._process is not None and self._process.returncode is None and not self._gone

    def _on_control(self) -> None:
        assert self._control is not None
        try:
            data = self._control.recv(READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._gone = True
            spawned, self._spawned = self._spawned, {}
            for future in spawned.values():
                if not future.done():
                    future.set_exception(HostFailed("exit", "the parent of strategy hosts ended"))
            if self._ready is not None and not self._ready.done():
                self._ready.set_exception(
                    TradedeckError(
                        Code.STRATEGY,
                        "the parent of strategy hosts did not start",
                        hint="Its own words are above, or in the supervisor's log.",
                    )
                )
            return
        for message in self._unpacker.feed(data):
            if "ready" in message and self._ready is not None:
                self._ready.set_result(message)
            elif "spawned" in message:
                future = self._spawned.pop(message["spawned"], None)
                if future is not None and not future.done():
                    future.set_result(int(message["pid"]))
            elif "exited" in message:
                self._exited(int(message["exited"]), int(message["status"]))

    def _exited(self, pid: int, status: int) -> None:
        for host in list(self.hosts.values()):
            if host.pid == pid:
                self._fail(host, HostFailed("exit", f"ended with {_ending(status)}"))

    async def spawn(
        self, trader: str, strategy: str, params: dict[str, Any], memory: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Fork a host and load the strategy; returns its first answer.

        Raises:
            HostFailed: it did not come up, or the strategy refused its parameters.
        """
        self.kill(trader)
        pid, line, output = await self._fork(trader)
        host = Host(trader, pid, line, output, _pidfd(pid))
        self.hosts[trader] = host
        loop = asyncio.get_running_loop()
        host.waiting[0] = loop.create_future()
        loop.add_reader(line.fileno(), self._on_line, host)
        loop.add_reader(output, self._on_host_output, host)
        try:
            hello = await asyncio.wait_for(host.waiting[0], SPAWN_TIMEOUT_S)
        except TimeoutError:
            self.kill(trader)
            raise HostFailed("deadline", "the host did not come up") from None
        host.unenforced = hello.get("unenforced", [])
        return await self.ask(
            trader,
            {"op": "load", "strategy": strategy, "params": params, "memory": memory},
            SPAWN_TIMEOUT_S,
        )

    async def _fork(self, trader: str) -> tuple[int, socket.socket, int]:
        await self._revive()
        assert self._control is not None
        self._spawns += 1
        ticket = f"{trader}#{self._spawns}"  # an answer to a load that was given up is not ours
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        for descriptor in (ours.fileno(), read):
            os.set_blocking(descriptor, False)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._spawned[ticket] = future
        fds = array.array("i", [theirs.fileno(), write])
        try:
            self._control.sendmsg(
                [pack({"trader": ticket, "memory_bytes_max": self._memory})],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)],
            )
            pid = await asyncio.wait_for(future, SPAWN_TIMEOUT_S)
        except BaseException as error:  # a cancelled load too must leave no descriptor behind
            self._spawned.pop(ticket, None)
            ours.close()  # and with it goes the host, if it was forked
            os.close(read)
            if isinstance(error, TimeoutError | OSError):
                raise HostFailed("deadline", "the host was not forked in time") from None
            raise
        finally:
            theirs.close()
            os.close(write)
        return pid, ours, read

    async def _revive(self) -> None:
        """Start the zygote again where it was killed; its hosts died with it."""
        async with self._starting:
            if self.alive:
                return
            if self._control is not None:
                asyncio.get_running_loop().remove_reader(self._control.fileno())
                self._control.close()
            try:
                await self.start()
            except (TradedeckError, TimeoutError, OSError) as error:
                raise HostFailed("exit", f"the parent of strategy hosts is gone: {error}") from None

    async def ask(self, trader: str, request: dict[str, Any], deadline_s: float) -> dict[str, Any]:
        """One callback with its deadline; a host that misses it is killed.

        Raises:
            HostFailed: with the reason; the host is gone.
        """
        return await self.post(trader, request, deadline_s)

    def post(
        self, trader: str, request: dict[str, Any], deadline_s: float
    ) -> asyncio.Future[dict[str, Any]]:
        """`ask`, on its way when this returns; the future brings the answer or the failure."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[dict[str, Any]] = loop.create_future()
        host = self.hosts.get(trader)
        if host is None:
            _set_failure(future, HostFailed("exit", "there is no host"))
            return future
        host.next_id += 1
        host.waiting[host.next_id] = future
        failure = HostFailed("deadline", f"{request['op']} took more than {deadline_s:g} s")
        timer = loop.call_later(deadline_s, self._fail, host, failure)
        future.add_done_callback(lambda _: timer.cancel())
        self._send(host, pack({**request, "id": host.next_id}))
        return future

    def _send(self, host: Host, data: bytes) -> None:
        try:
            sent = host.line.send(data)
        except (BlockingIOError, OSError):
            sent = 0
        if sent != len(data):  # a host that does not read is hung: its deadline ends it
            self._fail(host, HostFailed("deadline", "the host does not read its requests"))

    def _on_line(self, host: Host) -> None:
        try:
            data = host.line.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._fail(host, HostFailed("exit", "the host closed its line"))
            return
        try:
            messages = host.unpacker.feed(data)
        except TradedeckError as error:
            self._fail(host, HostFailed("flood", str(error)))
            return
        for message in messages:
            answer = cast("dict[str, Any]", message) if isinstance(message, dict) else {}
            if not isinstance(answer.get("id"), int):
                self._fail(host, HostFailed("flood", "it wrote into its own line"))
                return
            future = host.waiting.pop(answer["id"], None)
            if future is None or future.done():
                continue
            failure = _failure(answer)
            if failure is None:
                future.set_result(answer)
            else:
                _set_failure(future, failure)
                self._fail(host, failure, told=True)
                return

    def _on_host_output(self, host: Host) -> None:
        try:
            data = os.read(host.output, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(host.output)
            return
        now = asyncio.get_running_loop().time()
        if now - host.flood_since > 1.0:
            host.flood_since, host.flood_bytes = now, 0
        host.flood_bytes += len(data)
        if host.flood_bytes > OUTPUT_BYTES_PER_S_MAX:
            self._fail(
                host,
                HostFailed(
                    "flood", f"it printed more than {OUTPUT_BYTES_PER_S_MAX} bytes in a second"
                ),
            )
            return
        for line in data.decode("utf-8", "replace").splitlines()[:OUTPUT_LINES_KEPT]:
            text = redact_text(line)[:500]
            host.lines.append(text)
            self._on_output(host.trader, text)

    def _fail(self, host: Host, failure: HostFailed, *, told: bool = False) -> None:
        """End a host. Whoever waits for it hears why; where nobody does, `on_death` is told."""
        if host.closed:
            return
        waiting, host.waiting = host.waiting, {}
        self._end(host)
        for future in waiting.values():
            if not future.done():
                told = True
                _set_failure(future, failure)
        if not told:
            self.on_death(host.trader, failure)

    def kill(self, trader: str) -> None:
        """End a host at once; harmless when there is none."""
        host = self.hosts.get(trader)
        if host is not None:
            self._fail(host, HostFailed("exit", "it was ended"), told=True)

    def _end(self, host: Host) -> None:
        if host.closed:
            return
        host.closed = True
        if self.hosts.get(host.trader) is host:
            del self.hosts[host.trader]
        loop = asyncio.get_running_loop()
        loop.remove_reader(host.line.fileno())
        loop.remove_reader(host.output)
        with contextlib.suppress(ProcessLookupError):
            if host.pidfd is not None:
                signal.pidfd_send_signal(host.pidfd, signal.SIGKILL)
            else:
                os.kill(host.pid, signal.SIGKILL)
        if host.pidfd is not None:
            os.close(host.pidfd)
        host.line.close()
        os.close(host.output)


def _set_failure(future: asyncio.Future[dict[str, Any]], failure: HostFailed) -> None:
    future.set_exception(failure)
    future.exception()  # looked at: a caller that is gone must not warn


def _environment() -> dict[str, str]:
    """What a strategy's process inherits: enough to import, nothing of ours."""
    keep = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    if "PYTHONPATH" in env:  # the host starts in another folder
        parts = env["PYTHONPATH"].split(os.pathsep)
        env["PYTHONPATH"] = os.pathsep.join(str(Path(part).absolute()) for part in parts if part)
    return env


def _failure(reply: dict[str, Any]) -> HostFailed | None:
    """What is wrong with an answer: the strategy's own error, or a shape no host gives."""
    if "error" in reply:
        kind = str(reply.get("kind", "exception"))
        return HostFailed(kind if kind == "memory" else "exception", str(reply["error"])[-4_000:])
    wishes: Any = reply.get("wishes", [])
    inputs: Any = reply.get("inputs") or {}
    if not isinstance(wishes, list) or len(cast("list[Any]", wishes)) > WISHES_MAX:
        return HostFailed("flood", f"an answer held no list of at most {WISHES_MAX} wishes")
    if (
        not isinstance(inputs, dict)
        or len(cast("dict[str, Any]", inputs)) > INPUTS_MAX
        or not all(isinstance(v, int | float) for v in cast("dict[str, Any]", inputs).values())
        or not isinstance(reply.get("memory"), dict | None)
    ):
        return HostFailed("exception", "an answer was not of the agreed shape")
    return None


def _pidfd(pid: int) -> int | None:
    opener = getattr(os, "pidfd_open", None)
    if opener is None:
        return None
    try:
        return opener(pid)
    except ProcessLookupError:
        return None


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit status {os.WEXITSTATUS(status)}"
