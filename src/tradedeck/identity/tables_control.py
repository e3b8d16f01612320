"""What bounds acts: keys that were used, and how often somebody asked."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from tradedeck.store.metadata import metadata
from tradedeck.store.scope import Door, reached_by

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("body_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("response", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Index("ix_idempotency_at_ns", "at_ns"),
    info=reached_by(Door.CONTROL),
)

rates = Table(
    "rates",
    metadata,
    Column("key", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("free_at_ns", BigInteger, nullable=False),
    Index("ix_rates_free_at_ns", "free_at_ns"),
    info=reached_by(Door.CONTROL),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("requester_user", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("approver", Text, nullable=False),
    Column("approver_user", Text, nullable=False),
    Column("signatures", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False),
    Column("decided_at_ns", BigInteger),
    Column("used_at_ns", BigInteger),
    Index("ix_approvals_status", "tenant", "status"),
)

governance = Table(
    "governance",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("right", Text, primary_key=True),
    Column("profile", Text, nullable=False),
    Column("holders", Integer, nullable=False),
    Column("since_ns", BigInteger, nullable=False),
)
