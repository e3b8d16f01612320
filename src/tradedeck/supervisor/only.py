"""`tradedeck api`, `tradedeck runner` and so on: one process, without a supervisor of ours.

For systemd and for containers, which supervise by themselves. The process gets its own environment
and nothing else, as it would from `up`, and takes the place of this program.
"""

from __future__ import annotations

import os
import sys

from tradedeck.adapters.bus import server
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops import exits
from tradedeck.ops.files import prepare_home
from tradedeck.supervisor import environment, given

# What systemd tells a service about itself; see sd_notify(3) and sd_watchdog_enabled(3).
_OF_THE_MANAGER = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "INVOCATION_ID")


def main(arguments: list[str]) -> int:
    """Become the process of that name; returns only when it could not."""
    try:
        _become(arguments[0] if arguments else "")
    except TradedeckError as error:
        sys.stderr.write(f"{error}\n")
        return exits.of(error.code)
    return exits.Exit.OK


def _become(name: str) -> None:
    if name not in environment.ALLOWED:
        known = ", ".join(environment.ALLOWED)
        raise TradedeckError(
            Code.INVALID_SETTING, f"There is no process {name!r}.", hint=f"There are: {known}."
        )
    host = given.read(demo=False)
    home = prepare_home(host.home)
    kept = environment.of(name, host.environment)
    kept |= {key: os.environ[key] for key in _OF_THE_MANAGER if key in os.environ}
    argv = (sys.executable, "-m", f"tradedeck.{name}")
    if name == "nats":
        argv = server.prepare(home, runner=host.runner).argv
    os.execve(argv[0], argv, kept)  # noqa: S606 - our own program, our own environment
