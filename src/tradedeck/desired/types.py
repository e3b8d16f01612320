"""A version, an act that waits, and what came of a proposal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tradedeck.audit.types import Action, Who
from tradedeck.desired.diff import Change
from tradedeck.desired.document import Document


class Kind(StrEnum):
    """Where a version came from."""

    FIRST = "first"
    APPLY = "apply"
    ROLLBACK = "rollback"
    HAND_EDIT = "hand_edit"
    PENDING = "pending"


class PendingStatus(StrEnum):
    """Where an act that waits stands. The last four are final."""

    NEEDS_STEP_UP = "needs_step_up"
    NEEDS_APPROVAL = "needs_approval"
    WAITING = "waiting"
    APPLIED = "applied"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    REFUSED = "refused"


class PendingKind(StrEnum):
    """What waits."""

    CONFIG = "config"
    HALT_CLEAR = "halt.clear"


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version of the document."""

    generation: int
    base_generation: int
    kind: Kind
    document: Mapping[str, Any]
    digest: str
    changes: tuple[Mapping[str, Any], ...]
    author: str
    role: str
    reason: str
    created_at_ns: int


OPEN: Final = (
    PendingStatus.WAITING,
    PendingStatus.NEEDS_STEP_UP,
    PendingStatus.NEEDS_APPROVAL,
)


@dataclass(frozen=True, slots=True)
class Pending:
    """An act that waits for its time, or for a second word."""

    id: str
    kind: PendingKind
    status: PendingStatus
    base_generation: int
    body: Mapping[str, Any]
    changes: tuple[Mapping[str, Any], ...]
    author: str
    role: str
    session: str
    address: str
    reason: str
    created_at_ns: int
    effective_at_ns: int | None
    decided_by: str
    detail: str

    def who(self) -> Who:
        """Who asked for it."""
        return Who(self.author, self.role, self.session, self.address)


@dataclass(frozen=True, slots=True)
class Authority:
    """What lets somebody loosen: the right, and presence that was proved. `second`: it takes
    another person too.
    """

    may_loosen: bool
    stepped_up: bool
    wait_ns: int
    second: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A document somebody wants in force, on top of the generation they saw."""

    document: Document
    base_generation: int | None
    who: Who
    reason: str
    authority: Authority
    kind: Kind = Kind.APPLY
    action: Action = Action.CONFIG_APPLY
    target: str = "config"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: a version, or something that waits; `changed` is False when both agree."""

    version: Version
    changes: tuple[Change, ...]
    pending: Pending | None
    changed: bool
    audit: str
