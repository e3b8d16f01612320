"""Every module that declares tables: a table without a migration, or a wall, is found by these."""

from __future__ import annotations

import tradedeck.audit.tables
import tradedeck.desired.tables
import tradedeck.identity.tables
import tradedeck.identity.tables_control
import tradedeck.identity.tables_people
import tradedeck.identity.tables_tenants
import tradedeck.jobs.tables
import tradedeck.projections.tables
import tradedeck.projections.tables_stop  # noqa: F401 - imported for what they declare
from tradedeck.store.metadata import metadata

__all__ = ["metadata"]
