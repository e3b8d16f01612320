"""What happens when a process is given up: its home halts, with an alarm, whatever else runs on."""

from __future__ import annotations

from pathlib import Path

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops import guardact

# A worker trades nothing and is asked for by pages alone. Of a guard that is given up the runner
# hears itself: without one it may not enter.
SPARED = frozenset({"worker", "guard"})
PATIENCE_S = 0.5  # the supervisor's loop waits for it


def halt(home: Path, name: str, why: str) -> bool:
    """Have the guard latch `pause` over everything; False when it must be tried again."""
    if name in SPARED:
        return True
    reason = f"the process {name} was given up: {why}"[:400]
    try:
        guardact.ask(
            home, "kill", timeout_s=PATIENCE_S, scope="all", step="pause", reason=reason,
            by="supervisor", alarm=reason,
        )  # fmt: skip
    except TradedeckError as error:
        return error.code is not Code.UNAVAILABLE
    return True
