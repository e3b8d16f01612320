"""Versions of the desired document, and acts that wait for their time or their second word."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from tradedeck.store.metadata import metadata
from tradedeck.store.scope import Door, reached_by

desired_versions = Table(
    "desired_versions",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("base_generation", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("diff", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
)

pending_acts = Table(
    "pending_acts",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("base_generation", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("diff", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("effective_at_ns", BigInteger),
    Column("decided_at_ns", BigInteger),
    Column("decided_by", Text, nullable=False),
    Column("detail", Text, nullable=False),
    info=reached_by(Door.DESIRED),
)
