"""Jobs. The worker never sees this table: it claims and reports through the api."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text

from tradedeck.store.metadata import metadata
from tradedeck.store.scope import Door, reached_by

jobs = Table(
    "jobs",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("params", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("progress", Float, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("started_at_ns", BigInteger),
    Column("heard_at_ns", BigInteger),
    Column("ended_at_ns", BigInteger),
    Column("detail", Text, nullable=False),
    Column("result", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("bars", BigInteger, nullable=False, server_default="0"),
    Column("code", Text, nullable=False, server_default=""),
    Index("ix_jobs_state", "state"),
    Index("ix_jobs_tenant_id", "tenant", "id"),
    info=reached_by(Door.JOBS),
)
