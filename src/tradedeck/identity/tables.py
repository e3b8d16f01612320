"""Sessions, tokens and one-time links by the SHA-256 of each credential."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Table, Text, UniqueConstraint

from tradedeck.store.metadata import metadata
from tradedeck.store.scope import Door, reached_by

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False),
    Column("seen_at_ns", BigInteger, nullable=False),
    Column("ended_at_ns", BigInteger),
    Column("tenant", Text, nullable=False),
    Column("user", Text, nullable=False),  # empty: opened by a link before there were people
    Column("method", Text, nullable=False),  # how it was opened: `identity.types.Method`
    Column("mfa", Boolean, nullable=False),  # a second factor was shown in it
    Column("step_up_at_ns", BigInteger, nullable=False),  # the last time; 0: never
    UniqueConstraint("hash", name="uq_sessions_hash"),
    info=reached_by(Door.IDENTITY),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False),
    Column("seen_at_ns", BigInteger),
    Column("revoked_at_ns", BigInteger),
    Column("tenant", Text, nullable=False),
    Column("user", Text, nullable=False),  # the service account; empty: made on the host
    Column("permissions", Text),  # JSON list, narrower than the role; null: all of the role's
    UniqueConstraint("hash", name="uq_tokens_hash"),
    info=reached_by(Door.IDENTITY),
)

one_time_links = Table(
    "one_time_links",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False),
    Column("used_at_ns", BigInteger),
    Column("tenant", Text, nullable=False),
    UniqueConstraint("hash", name="uq_one_time_links_hash"),
    info=reached_by(Door.IDENTITY),
)
