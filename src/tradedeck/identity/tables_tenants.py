"""The tenants of this deck: no tenant's own rows, reached by a door."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from tradedeck.store.metadata import metadata
from tradedeck.store.scope import Door, reached_by

tenants = Table(
    "tenants",
    metadata,
    Column("name", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("plan", Text, nullable=False),  # identity.plans.Plan
    Column("suspended_at_ns", BigInteger),
    Column("reason", Text, nullable=False),  # why it is suspended
    Column("created_at_ns", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    info=reached_by(Door.TENANTS),
)
