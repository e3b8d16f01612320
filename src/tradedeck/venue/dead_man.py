"""The port of a broker's dead-man timer, kept alive by the guard alone."""

from __future__ import annotations

from typing import Any, Protocol


class DeadMan(Protocol):
    """Only where the capability has `dead_man_timer`."""

    async def arm_dead_man(self, account: str, seconds: float) -> dict[str, Any]:
        """Have the broker cancel every working order of the account unless this is said again
        within so many seconds; 0 takes it back. {seconds, fired_ns: when it last went off}.

        Raises:
            TradedeckError: REFUSED, UNAVAILABLE or TIMEOUT.

        """
        ...
