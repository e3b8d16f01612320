"""Which accounts this runner may send for: one lock per account, held until the process ends.

It is also what keeps a second runner of this host from the same account.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tradedeck.closing.epoch import Epoch
from tradedeck.closing.types import Owner
from tradedeck.kernel.errors import TradedeckError


class Epochs:
    """The accounts' locks.

    Args:
        folder: `run/closer` of the home.
        now_ns: wall clock, dates the claims.
    """

    def __init__(self, folder: Path, now_ns: Callable[[], int]) -> None:
        self._folder = folder
        self._now_ns = now_ns
        self._held: dict[str, Epoch] = {}

    def hold(self, account: str) -> str:
        """Take the account where it is free; why it is not ours, or an empty text where it is."""
        if account in self._held:
            return ""
        try:
            epoch = Epoch(self._folder, account)
            epoch.take(Owner.RUNNER, None, self._now_ns())
        except TradedeckError as error:
            return str(error)
        except OSError as error:
            return f"the claim of account {account} could not be written: {error}"
        self._held[account] = epoch
        return ""

    def ours(self, account: str) -> bool:
        """Whether it was taken and is still ours; asked before every closing send."""
        epoch = self._held.get(account)
        return epoch is not None and epoch.holds()

    def carry(self, account: str, kill: str | None) -> int:
        """State which kill is carried out there (None: none any more); the epoch."""
        epoch = self._held[account]
        epoch.carry(kill, self._now_ns())
        assert epoch.claim is not None
        return epoch.claim.epoch

    def drop(self, account: str) -> None:
        """Give one account back."""
        epoch = self._held.pop(account, None)
        if epoch is not None:
            epoch.release()

    def release(self) -> None:
        """Give all of them back."""
        for account in list(self._held):
            self.drop(account)
