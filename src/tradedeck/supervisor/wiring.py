"""Which processes a home has, how each is started, and who needs whom."""

from __future__ import annotations

import sys
from dataclasses import replace

from tradedeck.adapters.bus.server import Prepared
from tradedeck.supervisor import environment
from tradedeck.supervisor.given import Given
from tradedeck.supervisor.types import Spec


def specs(given: Given, nats: Prepared, *, cycles: int) -> list[Spec]:
    """All processes of the home. Everything starts at once: each reconnects to what it misses.

    The one exception is the very first start, when the api has yet to make the key by whose
    signatures the runner knows desired state.
    """
    values = given.environment
    known_api = (given.home / "keys" / "api.pub").exists()
    after_api = () if known_api else ("api",)

    def own(name: str, rank: int) -> Spec:
        argv = (sys.executable, "-m", f"tradedeck.{name}")
        return Spec(
            name,
            argv,
            environment.of(name, values),
            stop_rank=rank,
            silent_s_max=given.watchdog_s,
        )

    return [
        Spec(
            "nats",
            nats.argv,
            environment.of("nats", values),
            probe=(nats.host, nats.port),
            stop_rank=2,
            silent_s_max=given.watchdog_s,
        ),
        own("api", 1),
        own("exchange", 1),
        replace(own("runner", 0), needs=after_api, finishes=cycles > 0),
        replace(own("worker", 0), lazy=True),
    ]
