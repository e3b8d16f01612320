"""Entry point of the api process: `python -m tradedeck.api`."""

from __future__ import annotations

import asyncio
import os
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
from tradedeck.settings import Settings

READY_FD = "TRADEDECK_READY_FD"
SWITCH_S = 0.0005


def _say_ready(_: int) -> None:
    descriptor = os.environ.pop(READY_FD, "")
    if descriptor.isdigit():
        with os.fdopen(int(descriptor), "wb") as pipe:
            pipe.write(b"READY\n")


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bus = NatsBus.of_home(settings.home, "api")
    async with open_context(settings, bus) as context:
        await serve_runner(context)
        await bus.start()
        try:
            await serve(context, stop, ready=_say_ready)
        finally:
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
