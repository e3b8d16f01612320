"""Dead-man timers as a broker has them: not set again in time, every working order is cancelled.

It is the account's own model that has one or not. Nothing here needs the process that set it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.trading.facts import Kind

SECONDS_MAX = 3_600.0
ROW = "timer/"


class Timers:
    """The timers of every account.

    Args:
        journal: the exchange's own: what was armed is armed after a restart, for its whole time.
        monotonic_ns: measures them; it counts suspend.

    """

    def __init__(self, journal: Journal, monotonic_ns: Callable[[], int]) -> None:
        self._journal = journal
        self._monotonic_ns = monotonic_ns
        self._having: set[str] = set()
        self._seconds = {
            name.removeprefix(ROW): float(journal.get(name)) for name in journal.names(ROW)
        }
        now = monotonic_ns()
        self._due = {name: now + int(s * NS_PER_S) for name, s in self._seconds.items()}
        self.fired_ns: dict[str, int] = {}

    def model(self, account: str, *, has: bool) -> None:
        """Whether the account's broker has a timer."""
        (self._having.add if has else self._having.discard)(account)

    def arm(self, account: str, seconds: float) -> int | None:
        """Set it to go off in so many seconds from now, 0: not at all. The number of the entry that
        says so, None where it was set already.

        Raises:
            TradedeckError: INVALID, FORBIDDEN where the account has none.

        """
        if not 0 <= seconds <= SECONDS_MAX:
            raise TradedeckError(Code.INVALID, f"a timer has 0 to {SECONDS_MAX:g} seconds")
        if account not in self._having and seconds:
            raise TradedeckError(Code.FORBIDDEN, f"account {account} has no dead-man timer")
        before = self._seconds.get(account, 0.0)
        if seconds:
            self._due[account] = self._monotonic_ns() + int(seconds * NS_PER_S)
        if seconds == before:
            return None
        if not seconds:
            return self._ended(account, "disarmed")
        self._seconds[account] = seconds
        self._journal.put(f"{ROW}{account}", seconds)
        return self._state(account, "armed", seconds)

    def due(self) -> list[str]:
        """Accounts whose timer has gone off; each is `fired` next."""
        now = self._monotonic_ns()
        return [account for account, at in self._due.items() if at <= now]

    def fired(self, account: str, time_ns: int) -> int:
        """It has gone off, once; the number of the entry that says so."""
        self.fired_ns[account] = time_ns
        return self._ended(account, "fired")

    def shown(self, account: str) -> dict[str, Any]:
        """How it stands: {seconds (0: not armed), fired_ns}."""
        return {
            "seconds": self._seconds.get(account, 0.0),
            "fired_ns": self.fired_ns.get(account),
        }

    def _ended(self, account: str, state: str) -> int:
        seconds = self._seconds.pop(account, 0.0)
        self._due.pop(account, None)
        self._journal.drop(f"{ROW}{account}")
        return self._state(account, state, seconds)

    def _state(self, account: str, state: str, seconds: float) -> int:
        body = {"account": account, "state": state, "seconds": seconds}
        return self._journal.append(Kind.EXCH_TIMER, body)
