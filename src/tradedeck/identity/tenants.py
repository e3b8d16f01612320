"""The tenants of this deck: added, planned, suspended; each act in its own transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from tradedeck.identity.tables_tenants import tenants
from tradedeck.store.scope import MAIN
from tradedeck.store.sessions import ReadSession, Row, WriteSession


@dataclass(frozen=True, slots=True)
class Tenant:
    """One of them."""

    name: str
    display_name: str
    plan: str
    suspended_at_ns: int | None
    reason: str
    created_at_ns: int
    created_by: str


def every(read: ReadSession) -> list[Tenant]:
    """All of them, the oldest first."""
    rows = read.all(select(tenants).order_by(tenants.c.created_at_ns, tenants.c.name))
    return [_tenant(row) for row in rows]


def ensure_first(write: WriteSession, *, now_ns: int) -> None:
    """The tenant `main`, with every right: it is the operator's own."""
    if write.first(select(tenants.c.name).where(tenants.c.name == MAIN)) is None:
        row = Tenant(MAIN, "Main", "enterprise", None, "", now_ns, "host")
        write.insert(tenants, [_row(row)])


def _tenant(row: Row) -> Tenant:
    return Tenant(**row)


def _row(tenant: Tenant) -> dict[str, object]:
    return {name: getattr(tenant, name) for name in Tenant.__slots__}
