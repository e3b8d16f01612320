"""Roles, and the one who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradedeck.audit.types import Who


class Role(StrEnum):
    """Each may do what the one before it may, and more (`permissions.py`)."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    RISK = "risk"
    ADMIN = "admin"


class Via(StrEnum):
    """How somebody proved who they are."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who proved who they are. `credential` is the public id of session or token."""

    name: str
    role: Role
    via: Via
    credential: str
    address: str
    expires_at_ns: int

    def who(self) -> Who:
        """As the audit record names them."""
        return Who(self.name, self.role.value, f"{self.via}:{self.credential}", self.address)


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
