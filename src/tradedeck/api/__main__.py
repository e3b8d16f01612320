"""Entry point of the api process: `python -m tradedeck.api`."""

from __future__ import annotations

import asyncio
import signal
import sys

from tradedeck import settings as settings_module
from tradedeck.adapters.bus.nats import NatsBus
from tradedeck.adapters.logs.setup import configure
from tradedeck.api.desk import serve_runner
from tradedeck.api.server import serve
from tradedeck.api.wiring import open_context
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops.files import prepare_home
from tradedeck.ops.lifeline import Lifeline
from tradedeck.settings import Settings

SWITCH_S = 0.0005


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    line = Lifeline(settings.home, "api")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bus = NatsBus.of_home(settings.home, "api")
    async with open_context(settings, bus) as context:
        await serve_runner(context)
        await bus.start()
        beating = asyncio.create_task(line.keep(), name="lifeline")
        try:
            await serve(context, stop, ready=lambda _: line.ready())
        finally:
            beating.cancel()
            line.close()
            await bus.close()


def main() -> int:
    """Exit code 0 after a stop, 1 when it could not start."""
    try:
        settings = settings_module.load()
        prepare_home(settings.home)
        configure("api", settings.home, log_file=settings.log_file_path)
        import uvloop

        # Store threads and the loop share one interpreter: at the usual 5 ms one thread's turn
        # would be half of what a request may take.
        sys.setswitchinterval(SWITCH_S)
        uvloop.run(run(settings))
    except TradedeckError as error:
        sys.stderr.write(f"tradedeck api: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
