"""Who closes an account: an ownership file on the host, under flock.

A runner holds the lock of each of its accounts all its life; the kernel frees it when the process
has ended, not when it is stopped. So a guard that holds it knows that no runner of this host can
close there. The claim is written in place, in one block that the file already has, so that taking
over needs no room on a full disk. It must not be inherited: who holds it forks nothing that keeps
its descriptors.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from tradedeck.closing.types import Owner
from tradedeck.journal.atomic import sync_folder
from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import is_name

SIZE = 512  # one sector: written whole or not at all


@dataclass(frozen=True, slots=True)
class Claim:
    """What the file says. `kill`: the id that is being carried out, None when nothing is."""

    epoch: int
    owner: str
    pid: int
    kill: str | None
    since: int


class Epoch:
    """The right to close one account, of this process.

    Args:
        folder: `run/closer` of the home; made if absent.
        account: its id.
    """

    __slots__ = ("_account", "_claim", "_descriptor", "_path")

    def __init__(self, folder: Path, account: str) -> None:
        if not is_name(account):
            raise TradedeckError(Code.INVALID, f"{account!r} is not the name of an account")
        self._account = account
        self._path = folder / f"{account}.json"
        self._descriptor: int | None = None
        self._claim: Claim | None = None

    @property
    def claim(self) -> Claim | None:
        """What this process holds; None when it holds nothing."""
        return self._claim

    def take(self, owner: Owner, kill: str | None, now_ns: int) -> int:
        """Become the owner; returns the new epoch, one above the last.

        Raises:
            TradedeckError: CONFLICT, when another process holds the account, or when a runner
                asks for one that a guard has not finished with.
        """
        if self._descriptor is not None:
            raise TradedeckError(Code.CONFLICT, f"account {self._account} is held by this process")
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock(descriptor)
            last = _parse(os.pread(descriptor, SIZE, 0))
            if owner is Owner.RUNNER and last.owner == Owner.GUARD and last.kill is not None:
                raise TradedeckError(
                    Code.CONFLICT,
                    f"the guard is closing account {self._account}",
                    hint="Start the guard: it finishes and gives the account back.",
                )
            claim = Claim(last.epoch + 1, owner.value, os.getpid(), kill, now_ns)
            _write(descriptor, claim)
            sync_folder(self._path.parent)
        except BaseException:  # whatever stopped it, the lock is not kept
            os.close(descriptor)
            raise
        self._descriptor, self._claim = descriptor, claim
        return claim.epoch

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _parse(os.pread(descriptor, SIZE, 0))
            raise TradedeckError(
                Code.CONFLICT,
                f"account {self._account} is held by a {holder.owner} (pid {holder.pid})",
            ) from None
        if not self._same(descriptor):
            raise TradedeckError(
                Code.CONFLICT, f"{self._path.name} was replaced while it was taken"
            )

    def _same(self, descriptor: int) -> bool:
        """Whether the path still leads to the file that is locked."""
        try:
            there, here = self._path.stat(), os.fstat(descriptor)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

    def carry(self, kill: str | None, now_ns: int) -> None:
        """State which kill this owner carries out from now on; None when it is done.

        Raises:
            TradedeckError: CONFLICT, when this process holds nothing.
        """
        if self._descriptor is None or self._claim is None:
            raise TradedeckError(Code.CONFLICT, f"account {self._account} is not held")
        last = self._claim
        claim = Claim(last.epoch, last.owner, last.pid, kill, now_ns)
        _write(self._descriptor, claim)
        self._claim = claim

    def holds(self) -> bool:
        """Whether this process still owns; asked before every closing send."""
        descriptor = self._descriptor
        if descriptor is None or not self._same(descriptor):
            return False
        return _parse(os.pread(descriptor, SIZE, 0)) == self._claim

    def release(self) -> None:
        """Give the account back. A claim whose kill is not done stays in the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = self._claim = None

    def read(self) -> Claim:
        """What the file says now, whoever holds it."""
        try:
            return _parse(self._path.read_bytes()[:SIZE])
        except FileNotFoundError:
            return _NONE


_NONE = Claim(0, "", 0, None, 0)
# Nothing is known: a guard may go on, a runner may not.
_TORN = Claim(0, Owner.GUARD.value, 0, "unreadable", 0)


def _parse(data: bytes) -> Claim:
    if not data:
        return _NONE
    try:
        body = canonical.decode(data)
        return Claim(
            int(body["epoch"]), body["owner"], int(body["pid"]), body["kill"], int(body["since"])
        )
    except (ValueError, KeyError, TypeError):
        return _TORN


def _write(descriptor: int, claim: Claim) -> None:
    data = canonical.encode(
        {
            "epoch": claim.epoch,
            "owner": claim.owner,
            "pid": claim.pid,
            "kill": claim.kill,
            "since": claim.since,
        }
    )
    if len(data) > SIZE:
        raise TradedeckError(Code.INVALID, "the id of a kill was too long for its claim")
    os.pwrite(descriptor, data.ljust(SIZE), 0)
    os.fsync(descriptor)
