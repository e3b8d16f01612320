"""The audit record's table. Triggers of the migration refuse UPDATE and DELETE."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from tradedeck.store.metadata import metadata
from tradedeck.store.scope import Door, reached_by

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("result", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("correlation", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("tenant", Text, nullable=False, server_default="main"),
    Index("ix_audit_correlation", "correlation"),
    Index("ix_audit_action", "action"),
    Index("ix_audit_tenant_seq", "tenant", "seq"),
    info=reached_by(Door.AUDIT),
)
