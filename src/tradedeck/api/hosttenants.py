"""Tenants, from the host's own socket alone: the operator adds, plans and suspends them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, FastAPI, Path
from pydantic import BaseModel, Field

from tradedeck.api import tenancy
from tradedeck.api.context import Ctx
from tradedeck.api.signing import instant
from tradedeck.api.wire import Instant, Wire
from tradedeck.identity import tenants
from tradedeck.identity.plans import Plan
from tradedeck.identity.service import HOST
from tradedeck.identity.tenants import Tenant
from tradedeck.kernel.clock import format_ns
from tradedeck.store.scope import Door

router = APIRouter()
PATTERN = r"^[a-z0-9][a-z0-9._-]{0,39}$"
Named = Annotated[str, Path(pattern=PATTERN)]
AnyPlan = Annotated[Plan, Field(strict=False)]


class NewTenant(Wire):
    """A tenant to be added."""

    name: Annotated[str, Field(pattern=PATTERN)]
    display_name: Annotated[str, Field(max_length=120)] = ""
    plan: AnyPlan = Plan.FREE


class NewPlan(Wire):
    """Another plan."""

    plan: AnyPlan


class Suspension(Wire):
    """Why a tenant is suspended; empty ends it."""

    reason: Annotated[str, Field(max_length=200)]


class TenantView(BaseModel):
    """A tenant."""

    name: str
    display_name: str
    plan: Plan
    suspended_at: Instant | None
    reason: str
    created_at: Instant


class TenantList(BaseModel):
    """All of them, the oldest first."""

    items: list[TenantView]


def install(app: FastAPI) -> None:
    """Serve them."""
    app.include_router(router)


def _view(tenant: Tenant) -> TenantView:
    return TenantView(
        name=tenant.name,
        display_name=tenant.display_name,
        plan=tenant.plan,
        suspended_at=instant(tenant.suspended_at_ns),
        reason=tenant.reason,
        created_at=format_ns(tenant.created_at_ns),
    )


@router.post("/host/tenants")
async def listed(ctx: Ctx) -> TenantList:
    """Every tenant."""
    found = await ctx.whole.beyond(Door.TENANTS).read(tenants.every)
    return TenantList(items=[_view(tenant) for tenant in found])


@router.post("/host/tenants/add", status_code=201)
async def add(body: NewTenant, ctx: Ctx) -> TenantView:
    """A new tenant, with a document of its own and nobody in it."""
    now = ctx.clock.now_ns()
    made = await ctx.whole.beyond(Door.TENANTS).write(
        lambda w: tenants.add(w, body.name, body.display_name, body.plan, who=HOST, now_ns=now)
    )
    await tenancy.open_late(ctx, made)
    return _view(made)


@router.post("/host/tenants/{name}/plan")
async def plan(name: Named, body: NewPlan, ctx: Ctx) -> TenantView:
    """What it includes, from now on."""
    now = ctx.clock.now_ns()
    changed = await ctx.whole.beyond(Door.TENANTS).write(
        lambda w: tenants.change(w, name, who=HOST, now_ns=now, plan=body.plan)
    )
    ctx.of(name).membership = changed
    return _view(changed)


@router.post("/host/tenants/{name}/suspend")
async def suspend(name: Named, body: Suspension, ctx: Ctx) -> TenantView:
    """Suspend it: its people still look, stop, cancel and close. Without a reason, end that."""
    now = ctx.clock.now_ns()
    changed = await ctx.whole.beyond(Door.TENANTS).write(
        lambda w: tenants.change(w, name, who=HOST, now_ns=now, suspended=body.reason)
    )
    ctx.of(name).membership = changed
    return _view(changed)
