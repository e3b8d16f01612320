"""Composition root of the guard process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from tradedeck import __version__
from tradedeck.adapters.bus.nats import NatsBus
from tradedeck.adapters.bus.types import Message
from tradedeck.authority.envelope import Verifier
from tradedeck.execution.arming import Mode, ceiling_mode
from tradedeck.guard.core import Core
from tradedeck.guard.notify import Notifier
from tradedeck.guard.people import Book
from tradedeck.guard.process import SEEN, Guard
from tradedeck.guard.read import ordered
from tradedeck.guard.records import Records
from tradedeck.guard.server import GuardServer
from tradedeck.guard.types import Now, Policy
from tradedeck.journal import serve
from tradedeck.journal.ballast import Ballast
from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import SystemClock
from tradedeck.kernel.ids import new_id
from tradedeck.kernel.signing import VerifyKey
from tradedeck.ops.lifeline import Lifeline
from tradedeck.settings import Settings

SOURCE = "guard"
TELEMETRY_S = 1.0
_ROWS = ("halts", "lifts", "lifts-to-deliver", "nonces", "runner")
log: Any = structlog.get_logger(__name__)


class Keys:
    """The verifier of the api's envelopes: made when the host's copy of its key is there."""

    def __init__(self, path: Path, target: str, seen: dict[str, int]) -> None:
        self._path = path
        self._target = target
        self._seen = seen
        self._raw = b""
        self._verifier: Verifier | None = None

    def __call__(self) -> Verifier | None:
        """As the file is now; another key forgets nothing that was seen."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return self._verifier  # a key that was trusted stays so while the disk is away
        if data != self._raw or self._verifier is None:
            raw = data if len(data) == 32 else bytes.fromhex(data.decode().strip())
            self._raw, self._verifier = data, Verifier(VerifyKey(raw), self._target)
            self._verifier.remember(self._seen)
        return self._verifier


def rows_of(journal: Journal) -> dict[str, Any]:
    """What the core begins from."""
    names = [*_ROWS, *journal.names("kill/")]
    return {name: row for name in names if (row := journal.get(name)) is not None}


async def run(settings: Settings, env: Mapping[str, str], *, armed: bool | None = None) -> None:
    """Serve until SIGTERM.

    Args:
        settings: of this host.
        env: the environment, which alone arms.
        armed: open the venue whatever the environment says (a kill on the host only reduces).

    """
    home, clock = settings.home, SystemClock()
    lifeline = Lifeline(home, SOURCE)
    for name in ("journals", "run"):
        (home / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    has_venue = ceiling_mode(env) is Mode.PAPER if armed is None else armed
    ballast = Ballast(home / "run" / f"ballast-{SOURCE}")
    journal = Journal(home / "journals" / f"{SOURCE}.db", clock.now_ns, ballast)
    now = Now(clock.now_ns(), clock.monotonic_ns())
    host, wait_s = f"{SOURCE}.{settings.runner}", settings.lift_wait_s
    core = Core(
        rows_of(journal), now, wait_s, lambda at: new_id("kill", at), armed=has_venue, host=host
    )
    keys = Keys(home / "keys" / "api.pub", host, journal.get(SEEN) or {})
    notifier = Notifier(settings.guard_notify, settings.guard_notify_command, str(home))
    defaults = Policy(
        settings.guard_on_silence,
        *ordered(None, None, settings.guard_cancel_after_s, settings.guard_flatten_after_s),
    )
    records = Records(home / "journals" / f"{settings.runner}.db")
    guard = Guard(core, journal, clock, records, notifier, keys, defaults, Book(home))
    if has_venue:
        # What reaches a broker is imported only where it may be used.
        from tradedeck.guard.drill import ROW, Drills
        from tradedeck.guard.timers import Timers
        from tradedeck.guard.venue import Venue

        guard.closing = Venue(home, clock, records, guard)
        guard.timers = Timers(home, clock, guard.timed)
        guard.drills = Drills(home, clock, records, guard, journal.get(ROW), settings.drill_every_h)
    await _serve(guard, settings, journal, lifeline, armed=has_venue)
    notifier.close()
    journal.close()
    log.info("guard stopped")


async def _serve(
    guard: Guard, settings: Settings, journal: Journal, lifeline: Lifeline, *, armed: bool
) -> None:
    home, runner = settings.home, settings.runner
    server = GuardServer(home / "run" / "guard.sock", guard)
    bus = NatsBus.of_home(home, SOURCE)
    hints = serve.Hints(bus.publish, journal, SOURCE)
    guard.on_commit = hints.want
    stop = asyncio.Event()

    async def pages(message: Message) -> object:
        return serve.answer(journal, SOURCE, message.json())

    async def killed(message: Message) -> object:
        return guard.asks.message(message.data)

    async def telemetry() -> None:
        while True:
            await bus.publish(f"telemetry.{SOURCE}", guard.status())
            await asyncio.sleep(TELEMETRY_S)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await server.start()
    guard.begin(__version__, os.getpid(), armed=armed)
    await bus.serve(f"journal.{SOURCE}", pages)
    await bus.serve(f"kill.{runner}", killed)
    await bus.start()
    works = {"ticks": guard.ticks(lifeline.beat), "hints": hints.run(), "telemetry": telemetry()}
    tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
    stopped = asyncio.create_task(stop.wait(), name="stop")
    log.info("guard serving", armed=armed, halts=len(guard.core.latch.halts))
    lifeline.ready()
    try:
        # A task of these that ends has failed: the guard ends with it and is started again.
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        lifeline.close()
        for task in (stopped, *tasks):
            task.cancel()
        await guard.end()
        await server.stop()
        await bus.close()
