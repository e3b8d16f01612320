"""`tradedeck up [--demo] [--cycles N]`: the composition root of the supervisor."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tradedeck import __version__
from tradedeck.adapters.bus import server
from tradedeck.adapters.logs.pipeline import Pipeline
from tradedeck.adapters.logs.sink import RotatingFile, Sink
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops import exits, leaving
from tradedeck.ops.files import prepare_home
from tradedeck.ops.hostact import call
from tradedeck.supervisor import control, demo, given, halting, ports, wiring
from tradedeck.supervisor.supervisor import Supervisor
from tradedeck.supervisor.types import Child, State

LINK_PATH = "/host/sign-in-link"
LINK_RETRY_S = 0.5
LINK_TRIES_MAX = 10


def main(arguments: list[str]) -> int:
    """Run until told to stop; the exit code of `up`."""
    options = _parser().parse_args(arguments)
    try:
        return _up(options, time.monotonic())
    except TradedeckError as error:
        sys.stderr.write(f"{error}\n")
        return exits.of(error.code)


def _up(options: argparse.Namespace, begun: float) -> int:
    host = given.read(demo=options.demo)
    home = prepare_home(host.home)
    with _single_instance(home), contextlib.ExitStack() as stack:
        listener = stack.enter_context(control.listen(home / "run" / "supervisor.sock"))
        if options.demo:
            demo.prepare(home)
        elif (home / demo.MARKER).exists():
            options.demo = True  # a demo's home stays one, however it is started
        port = ports.claim(host.host, host.port)
        nats = server.prepare(home, runner=host.runner)
        environment = demo.arm(host.environment) if options.demo else host.environment
        environment |= {"TRADEDECK_PORT": str(port), "TRADEDECK_HOST": host.host}
        if options.cycles:
            environment["MAX_ITERATIONS"] = str(options.cycles)
        cycles = int(environment.get("MAX_ITERATIONS") or 0)
        host = replace(host, home=home, port=port, environment=environment)
        banner = Banner(host, begun, demo_home=options.demo, open_page=options.open)
        supervisor = Supervisor(
            wiring.specs(host, nats, cycles=cycles),
            home / "run" / "processes.json",
            _log(home, host.log_file),
            on_change=banner.changed,
            on_tick=banner.tick,
            on_failed=partial(halting.halt, home),
            on_stop=partial(leaving.say, home),
        )
        banner.begin()
        leaving.forget(home)
        try:
            return supervisor.run(listener)
        finally:
            banner.end()
            (home / "run" / "supervisor.sock").unlink(missing_ok=True)


class Banner:
    """What a person at the terminal is told."""

    def __init__(
        self, host: given.Given, begun: float, *, demo_home: bool, open_page: bool = False
    ) -> None:
        self._host = host
        self._begun = begun
        self._demo = demo_home
        self._open = open_page
        self._ready: set[str] = set()
        self._link_due: float | None = None
        self._link_tries = 0

    def begin(self) -> None:
        """The first lines."""
        kind = " (demo)" if self._demo else ""
        self._say(f"Tradedeck {__version__}{kind}  home {self._host.home}")

    def changed(self, child: Child) -> None:
        """A process changed its state."""
        name = child.spec.name
        if child.state is State.RUNNING:
            again = name in self._ready
            self._ready.add(name)
            took = time.monotonic() - (child.started_mono if again else self._begun)
            self._say(f"  {name:<9} {'running again' if again else 'ready'} after {took:.2f} s")
            if name == "api" and not again:
                self._link_due = time.monotonic()
        elif child.state is State.BACKOFF:
            self._say(f"  {name:<9} {child.detail}; it is started again")
        elif child.state is State.FAILED:
            self._say(f"  {name:<9} FAILED: {child.detail}")
            log = self._host.home / "logs" / f"{name}.jsonl"
            self._say(f"            The others go on. Look at {log},")
            self._say(f"            then start it again: `tradedeck restart {name}`.")

    def tick(self) -> None:
        """Ask for the sign-in link once the api serves; a few times, then say how to get one."""
        if self._link_due is None or time.monotonic() < self._link_due:
            return
        self._link_tries += 1
        try:
            answer: Any = call(self._host.home, LINK_PATH, {}, timeout_s=2)
            self._show(str(answer["path"]))
            self._link_due = None
        except (TradedeckError, KeyError, TypeError) as error:
            self._link_due = time.monotonic() + LINK_RETRY_S
            if self._link_tries >= LINK_TRIES_MAX:
                self._link_due = None
                self._say(f"No sign-in link: {error} Ask for one with `tradedeck token link`.")

    def end(self) -> None:
        """The last line."""
        self._say("Stopped. Positions and journals are kept; `tradedeck up` goes on from them.")

    def _show(self, path: str) -> None:
        address = f"http://localhost:{self._host.port}"
        self._say("")
        self._say(f"Sign in: {address}{path}")
        self._say("         (works once, for 15 minutes; another: `tradedeck token link`)")
        self._say(f"Mode:    {self._mode()}")
        self._say("Stop:    Ctrl-C, or `tradedeck down` from another terminal")
        if self._open:
            self._browse(f"{address}{path}")

    def _browse(self, link: str) -> None:
        """In a process of its own: a browser may live longer than we do, and may not start."""
        subprocess.Popen(
            [sys.executable, "-m", "webbrowser", "-t", link],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _mode(self) -> str:
        values = self._host.environment
        mode = values.get("TRADING_MODE", "").strip().lower() or "paper"
        if self._demo:
            return "paper: simulated money on replayed real prices"
        if mode == "paper" and values.get("PAPER_EXECUTION_ENABLED", "").lower() == "true":
            return "paper: orders go to the paper exchange of this home"
        if mode == "paper":
            return "signals: strategies compute, nothing can place an order"
        return f"{mode}: asked for; the runner's verdict is in `tradedeck status`"

    @staticmethod
    def _say(text: str) -> None:
        with contextlib.suppress(OSError):  # a closed terminal must not end trading
            print(text, flush=True)


@contextlib.contextmanager
def _single_instance(home: Path):  # noqa: ANN202 - a generator for contextlib
    """One supervisor per home, held by the kernel for as long as the process lives."""
    lock = os.open(home / "run" / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.pread(lock, 20, 0).decode().strip() or "unknown"
            raise TradedeckError(
                Code.CONFLICT,
                f"Tradedeck runs on the home {home} already (pid {pid}).",
                hint="Use it (`tradedeck status`), or stop it with `tradedeck down`.",
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def _log(home: Path, log_file: str) -> Pipeline:
    files = [RotatingFile(home / "logs" / "supervisor.jsonl")]
    if log_file:
        named = log_file.replace("{process}", "supervisor")
        files.append(RotatingFile(Path(named).expanduser()))
    return Pipeline("supervisor", Sink(files), None, time.time_ns)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tradedeck up", description="Start everything.")
    parser.add_argument(
        "--demo",
        action="store_true",
        help="a home of its own: four traders on paper, on real prices replayed from 2004",
    )
    parser.add_argument(
        "--cycles", type=int, default=0, metavar="N", help="stop after N cycles of the runner"
    )
    parser.add_argument("--open", action="store_true", help="open the cockpit in the browser")
    return parser
