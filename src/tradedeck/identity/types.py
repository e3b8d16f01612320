"""Roles, ways to prove who one is, and the one who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradedeck.audit.types import Who
from tradedeck.store.scope import MAIN


class Role(StrEnum):
    """Each may do what the one before it may, and more (`permissions.py`)."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    RISK = "risk"
    ADMIN = "admin"


def lower(one: Role, other: Role) -> Role:
    """The one of the two that may less."""
    order = list(Role)
    return min(one, other, key=order.index)


class Via(StrEnum):
    """How somebody proved who they are."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    HOST = "host"


class Kind(StrEnum):
    """What an account stands for. A service has tokens and cannot sign in."""

    PERSON = "person"
    SERVICE = "service"


class Way(StrEnum):
    """How a person proves more than a password, at sign-in or before a dangerous act."""

    PASSKEY = "passkey"
    TOTP = "totp"
    RECOVERY = "recovery"  # a recovery code, once
    HOST = "host"  # a one-time code that stands for presence on the host


class Method(StrEnum):
    """How a session was opened."""

    LINK = "link"
    PASSWORD = "password"  # noqa: S105 - a word, not a secret
    PASSKEY = "passkey"
    INVITATION = "invitation"
    OIDC = "oidc"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who proved who they are. `credential` is the public id of session or token.

    `user` is the account's id; empty for tokens made on the host. `mfa`: the session was opened,
    or stepped up, with a second factor. `step_up_at_ns` is the last time; 0 is never. `scope`
    narrows the role to these permissions; None is all of the role's. `limited`: the role demands
    a second factor that this session has not seen.
    """

    name: str
    role: Role
    via: Via
    credential: str
    address: str
    expires_at_ns: int
    tenant: str = MAIN
    user: str = ""
    mfa: bool = False
    step_up_at_ns: int = 0
    scope: frozenset[str] | None = None
    limited: bool = False

    def stepped_up(self, now_ns: int, window_ns: int) -> bool:
        """Whether a second factor was shown within the last `window_ns`."""
        return 0 <= now_ns - self.step_up_at_ns < window_ns and self.step_up_at_ns > 0

    def who(self) -> Who:
        """As the audit record names them."""
        session = f"{self.via}:{self.credential}"
        return Who(self.name, self.role.value, session, self.address, self.tenant)


@dataclass(frozen=True, slots=True)
class Issued:
    """A new credential. `secret` is shown once and is not kept."""

    id: str
    secret: str
    role: Role
    name: str
    expires_at_ns: int

    def __repr__(self) -> str:
        return f"Issued(id={self.id!r}, role={self.role.value!r}, secret=hidden)"
