"""The shapes that routes of audit and health take and give, and shared field types."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tradedeck.audit.types import Action, Result
from tradedeck.desired.diff import Effect

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", max_length=63)]
Label = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Reason = Annotated[
    str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x08\x0e-\x1f\x7f]+$")
]
Instant = Annotated[str, Field(examples=["2026-11-20T14:00:00Z"])]


class Wire(BaseModel):
    """Base of request bodies: an unknown field is refused, types are not coerced."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ConfigChange(BaseModel):
    """One difference; `old` or `new` is null where it was absent."""

    path: str
    old: Any
    new: Any
    effect: Effect


class Health(BaseModel):
    """Bare, for probes."""

    status: str = Field(examples=["ok"])


class AuditRecord(BaseModel):
    """One act and its outcome; acts on another process have two records with one `audit_id`."""

    seq: int
    at: Instant
    actor: str
    role: str
    source: str
    address: str
    act: Action
    target: str
    before: Any
    after: Any
    outcome: Result
    code: str
    detail: str
    audit_id: str
    hash: str


class AuditPage(BaseModel):
    """Newest first; `next_cursor` asks for the next page, None where it is the last."""

    items: list[AuditRecord]
    next_cursor: int | None


class AuditVerdict(BaseModel):
    """Whether table, tree and signed checkpoint say the same, from the first record to the head.

    `tree` records are under the checkpoint, whose root is `root` (hexadecimal).
    """

    ok: bool
    records: int
    head: str
    broken_at: int | None
    detail: str
    tree: int | None
    root: str


class AuditWitnessed(BaseModel):
    """What a witness elsewhere has seen of the log and signed (C2SP tlog-cosignature)."""

    witness: str
    size: int
    at: Instant
    note: str


class AuditCheckpoint(BaseModel):
    """What the log commits to, as a signed note (C2SP tlog-checkpoint), and the key to check it."""

    origin: str
    size: int
    root: str
    key: str
    note: str
    witnessed: list[AuditWitnessed]


class AuditConsistency(BaseModel):
    """That the tree of `size` begins with the tree of `old` (RFC 6962, 2.1.2), in hexadecimal."""

    old: int
    size: int
    hashes: list[str]


class AuditProof(BaseModel):
    """A record's place in the tree (RFC 6962, 2.1.1), for a program that does not trust this one.

    The leaf's hash is SHA-256 of a zero byte and `entry` in UTF-8; `hashes` lead to the root.
    """

    seq: int
    index: int
    entry: str
    leaf: str
    hashes: list[str]
    checkpoint: AuditCheckpoint


class Receipt(BaseModel):
    """What an act is answered with: it was accepted; its outcome arrives as an event.

    `id` names the command whose `command.done` follows; `generation` the version that
    `config.applied` follows; `hold_until` says that it waits, cancellable, under `pending`.
    """

    accepted: bool = True
    audit_id: str = ""
    id: str | None = None
    code: str | None = None
    detail: str | None = None
    generation: int | None = None
    pending: str | None = None
    hold_until: Instant | None = None
    changes: list[ConfigChange] | None = None
