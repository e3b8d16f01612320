"""Composition root of the exchange process."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import structlog

from tradedeck.adapters.bus.nats import NatsBus
from tradedeck.adapters.bus.types import Message
from tradedeck.adapters.logs.setup import configure
from tradedeck.exchange.core import ExchangeCore
from tradedeck.exchange.drills import Drills
from tradedeck.exchange.server import ExchangeServer
from tradedeck.journal import serve
from tradedeck.journal.ballast import Ballast
from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import SystemClock
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops.child import watch_parent
from tradedeck.ops.lifeline import Lifeline
from tradedeck.settings import Settings, load

SOURCE = "paper"

log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Serve until SIGTERM."""
    home: Path = settings.home
    line = Lifeline(home, "exchange")
    clock = SystemClock()
    (home / "journals").mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    ballast = Ballast(home / "run" / "ballast-exchange")
    journal = Journal(home / "journals" / f"{SOURCE}.db", clock.now_ns, ballast)
    bus = NatsBus.of_home(home, "exchange")
    hints = serve.Hints(bus.publish, journal, SOURCE)
    core = ExchangeCore(journal, clock.monotonic_ns)
    stop = asyncio.Event()
    faults: list[Exception] = []

    def fatal(error: Exception) -> None:
        log.error("the exchange stops rather than guess", exc_info=error)
        faults.append(error)
        stop.set()

    rooms = Drills(home / "run", clock.now_ns, clock.monotonic_ns)
    server = ExchangeServer(
        core, home / "run" / "exchange.sock", hints.want, clock.now_ns, fatal, rooms
    )

    async def pages(message: Message) -> object:
        return serve.answer(journal, SOURCE, message.json())

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await bus.serve(f"journal.{SOURCE}", pages)
    await bus.start()
    await server.start()
    hinting = asyncio.create_task(hints.run(), name="hints")
    log.info("exchange serving", accounts=len(core.instruments), head=journal.head)
    watching = asyncio.create_task(server.watch(), name="timers")
    beating = asyncio.create_task(line.keep(), name="lifeline")
    line.ready()
    await stop.wait()
    line.close()
    beating.cancel()
    watching.cancel()
    hinting.cancel()
    await server.stop()
    rooms.close()
    await bus.close()
    journal.close()
    if faults:
        raise TradedeckError(Code.INTERNAL, f"a request broke the exchange: {faults[0]!r}")
    log.info("exchange stopped")


def main() -> int:
    """Entry point; the exit code says whether it could serve."""
    try:
        settings = load()
        configure("exchange", settings.home, log_file=settings.log_file_path)
        watch_parent()
        import uvloop

        uvloop.run(run(settings))
    except TradedeckError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
