"""The tenants of this deck: added, planned, suspended; each act in its own transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, update

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Who
from tradedeck.identity.plans import Plan
from tradedeck.identity.tables_tenants import tenants
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.scope import MAIN
from tradedeck.store.sessions import ReadSession, Row, WriteSession


@dataclass(frozen=True, slots=True)
class Tenant:
    """One of them."""

    name: str
    display_name: str
    plan: Plan
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
        row = Tenant(MAIN, "Main", Plan.ENTERPRISE, None, "", now_ns, "host")
        write.insert(tenants, [_row(row)])


def one(read: ReadSession, name: str) -> Tenant:
    """The tenant of that name. NOT_FOUND."""
    row = read.first(select(tenants).where(tenants.c.name == name))
    if row is None:
        raise TradedeckError(Code.NOT_FOUND, f"There is no tenant {name}.")
    return _tenant(row)


def add(
    write: WriteSession, name: str, display_name: str, plan: Plan, *, who: Who, now_ns: int
) -> Tenant:
    """A new one, without people. CONFLICT where the name is taken."""
    if write.first(select(tenants.c.name).where(tenants.c.name == name)) is not None:
        raise TradedeckError(Code.CONFLICT, f"There is a tenant {name} already.")
    made = Tenant(name, display_name or name, plan, None, "", now_ns, who.actor)
    write.insert(tenants, [_row(made)])
    act = Act(Action.TENANT_CREATE, who, f"tenant/{name}", after={"plan": plan.value})
    audit.append(write, act, now_ns=now_ns)
    return made


def change(
    write: WriteSession,
    name: str,
    *,
    who: Who,
    now_ns: int,
    plan: Plan | None = None,
    suspended: str | None = None,
) -> Tenant:
    """Another plan, or suspended for a reason; an empty one ends it. NOT_FOUND."""
    before = one(write, name)
    after = replace(before, plan=plan or before.plan)
    if suspended is not None:
        after = replace(after, suspended_at_ns=now_ns if suspended else None, reason=suspended)
    values = {key: value for key, value in _row(after).items() if key != "name"}
    write.execute(update(tenants).where(tenants.c.name == name).values(values))
    act = Act(
        Action.TENANT_CHANGE, who, f"tenant/{name}", reason=suspended or "", before=_told(before),
        after=_told(after),
    )  # fmt: skip
    audit.append(write, act, now_ns=now_ns)
    return after


def _told(tenant: Tenant) -> dict[str, object]:
    return {"plan": tenant.plan.value, "suspended": tenant.suspended_at_ns is not None}


def _tenant(row: Row) -> Tenant:
    found: dict[str, Any] = {**row, "plan": Plan(row["plan"])}
    return Tenant(**found)


def _row(tenant: Tenant) -> dict[str, object]:
    row = {name: getattr(tenant, name) for name in Tenant.__slots__}
    return {**row, "plan": tenant.plan.value}
