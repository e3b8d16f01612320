"""Which processes a home has, how each is started, and who needs whom."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

from tradedeck.adapters.bus.server import Prepared
from tradedeck.execution.arming import Mode, ceiling_mode
from tradedeck.kernel.errors import TradedeckError
from tradedeck.supervisor import environment
from tradedeck.supervisor.given import Given
from tradedeck.supervisor.types import Spec


def _paper(values: Mapping[str, str]) -> bool:
    """Whether the host lets accounts execute on paper; without it nobody needs a paper venue."""
    try:
        return ceiling_mode(values) is Mode.PAPER
    except TradedeckError:  # the runner's boot fails on it, and says why
        return False


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
        # Last of those that trade: a guard that is closing needs the exchange to the end.
        *([own("exchange", 2)] if _paper(values) else []),
        own("guard", 1),
        replace(own("runner", 0), needs=after_api, finishes=cycles > 0),
        replace(own("worker", 0), lazy=True),
    ]
