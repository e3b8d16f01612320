"""Passwords: which are allowed (NIST SP 800-63B-4), and their argon2id hashes.

A hash takes a tenth of a second of one core and 64 MiB. They are made one after the other on a
thread of low priority, and no more than a few may wait, so that signing in slows nobody else.
Nothing here keeps or logs a password.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tradedeck.kernel.errors import Code, TradedeckError

T = TypeVar("T")

LENGTH_ALONE = 15  # a password that is the only factor
LENGTH_WITH_MFA = 8
LENGTH_MAX = 256
WAITING_MAX = 16  # two seconds in line; more is an attack or a storm
NICENESS = 10
COMMON = "common_passwords.txt.gz"


@cache
def _common() -> frozenset[str]:
    data = resources.files("tradedeck.identity").joinpath(COMMON).read_bytes()
    return frozenset(gzip.decompress(data).decode().split("\n"))


def check(password: str, *, alone: bool, words: tuple[str, ...]) -> None:
    """Refuse what is too short, too long or known to attackers.

    Args:
        password: as it was typed.
        alone: no second factor is enrolled.
        words: names of this account and place, which attackers try first.

    Raises:
        TradedeckError: INVALID, one sentence.
    """
    text = _normal(password)
    least = LENGTH_ALONE if alone else LENGTH_WITH_MFA
    if len(text) < least:
        more = ", or 8 with a second factor" if alone else ""
        raise TradedeckError(
            Code.INVALID, f"The password was shorter than {least} characters{more}."
        )
    if len(text) > LENGTH_MAX:
        raise TradedeckError(Code.INVALID, f"The password was longer than {LENGTH_MAX} characters.")
    low = text.lower()
    plain = low.strip("0123456789!?.-_ ")
    guessed = {word.lower() for word in words if word} | {"tradedeck"}
    if low in _common() or plain in guessed or len(set(low)) < 4:
        raise TradedeckError(
            Code.INVALID,
            "The password is one of those that attackers try first.",
            hint="Take several words that do not belong together, or one of a password manager.",
        )


def _normal(password: str) -> str:
    """One spelling of what looks the same (800-63B-4 asks for NFC or NFKC)."""
    return unicodedata.normalize("NFKC", password)


class Passwords:
    """Hashes and verifies on one thread of its own.

    Args:
        memory_kib: of one hash.
        rounds: passes over that memory.
    """

    def __init__(self, *, memory_kib: int = 65_536, rounds: int = 3) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=_yield)
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The encoded argon2id hash."""
        return await self._on(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether it is the password; without a hash the same work is done, and the answer is no.

        Raises:
            TradedeckError: TOO_MANY when too many wait already.
        """
        return await self._on(lambda: self._verify(kept, password))

    def _verify(self, kept: str | None, password: str) -> bool:
        if self._nobodys is None:
            self._nobodys = self._hasher.hash(os.urandom(16).hex())
        try:
            matches = self._hasher.verify(kept or self._nobodys, _normal(password))
        except (VerificationError, InvalidHashError):
            return False
        return matches and kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with other costs than today's."""
        return self._hasher.check_needs_rehash(kept)

    async def _on(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX:
            raise TradedeckError(
                Code.TOO_MANY, "Too many people sign in at this moment.", hint="Try again shortly."
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _yield() -> None:
    """Let every other thread of the machine go first, where a thread can say so."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a courtesy; without it hashing still works
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
