"""The one error hierarchy. A code is closed vocabulary; each transport maps it once.

`detail` says what was wrong in one sentence, `hint` what to do. Neither may hold a secret.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Every code a person or a program can be answered with."""

    INVALID = "INVALID"
    INVALID_CONFIG = "INVALID_CONFIG"
    INVALID_DATA = "INVALID_DATA"
    INVALID_SETTING = "INVALID_SETTING"
    SECRET_REFUSED = "SECRET_REFUSED"  # noqa: S105 - a code, not a secret
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    STALE_VERSION = "STALE_VERSION"
    VERSION_REQUIRED = "VERSION_REQUIRED"
    KEY_REQUIRED = "KEY_REQUIRED"
    KEY_REUSED = "KEY_REUSED"
    REFUSED = "REFUSED"
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"
    STEP_UP_REQUIRED = "STEP_UP_REQUIRED"
    TOO_LARGE = "TOO_LARGE"
    TOO_MANY = "TOO_MANY"
    UNAVAILABLE = "UNAVAILABLE"
    TIMEOUT = "TIMEOUT"
    CEILING = "CEILING"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    EXPIRED = "EXPIRED"
    REPLAYED = "REPLAYED"
    MISADDRESSED = "MISADDRESSED"
    CHAIN_BROKEN = "CHAIN_BROKEN"
    STORAGE = "STORAGE"
    STRATEGY = "STRATEGY"
    MISSING_DEPENDENCY = "MISSING_DEPENDENCY"
    INTERNAL = "INTERNAL"


class Fault:
    """One place where the input is wrong: a dotted path (or file:line) and the reason."""

    __slots__ = ("path", "reason")

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason

    def __repr__(self) -> str:
        return f"{self.path}: {self.reason}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fault) and (self.path, self.reason) == (other.path, other.reason)

    def __hash__(self) -> int:
        return hash((self.path, self.reason))


class TradedeckError(Exception):
    """A refusal or failure that a person can act on.

    Args:
        code: one of `Code`.
        detail: one sentence, without secrets.
        hint: what to do about it.
        faults: the places, where the input was wrong in several.
        retry_s: seconds after which it may be asked again; 0: not said.
        ways: how the person may prove more, where that is what was missing.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        hint: str = "",
        faults: tuple[Fault, ...] = (),
        retry_s: int = 0,
        ways: tuple[str, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.faults = faults
        self.retry_s = retry_s
        self.ways = ways

    def __str__(self) -> str:
        return f"{self.detail} {self.hint}".strip()
