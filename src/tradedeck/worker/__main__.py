"""Entry point of the worker process: `python -m tradedeck.worker`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tradedeck import settings as settings_module
from tradedeck.adapters.bus.nats import NatsBus
from tradedeck.adapters.logs.setup import configure
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops.files import prepare_home
from tradedeck.ops.lifeline import Lifeline
from tradedeck.settings import Settings
from tradedeck.worker.loop import Worker


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    line = Lifeline(settings.home, "worker")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bus = NatsBus.of_home(settings.home, "worker")
    await bus.start()
    beating = asyncio.create_task(line.keep(), name="lifeline")
    try:
        line.ready()
        name = f"worker-{os.getpid()}"
        await Worker(bus, settings.home, settings.strategies_path, name).run(stop)
    finally:
        beating.cancel()
        line.close()
        await bus.close()


def main() -> int:
    """Exit code 0 after a stop, 1 when it could not start."""
    try:
        settings = settings_module.load()
        prepare_home(settings.home)
        configure("worker", settings.home, log_file=settings.log_file_path)
        asyncio.run(run(settings))
    except TradedeckError as error:
        print(f"tradedeck worker: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
