"""Accounts and sessions from the host's own socket: for the command line, and when nobody can
sign in any more.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, FastAPI, Path, Query, Response

from tradedeck.api import persons
from tradedeck.api.context import Ctx
from tradedeck.api.routes.identity import Identifier
from tradedeck.api.routes.me import session_list
from tradedeck.api.wire_people import (
    InvitationList,
    IssuedInvitation,
    NewInvitation,
    NewRole,
    NewService,
    PersonList,
    PersonView,
    SessionList,
)
from tradedeck.identity import factors, people, service
from tradedeck.identity.service import HOST
from tradedeck.identity.types import MAIN
from tradedeck.kernel.errors import Code, TradedeckError

router = APIRouter()
Tenant = Annotated[str, Query(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
Named = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
ACTS = {
    "disable": people.disable,
    "enable": people.enable,
    "unlock": people.unlock,
    "reset-factors": factors.reset,
    "end-sessions": service.close_sessions_of,
}


def install(app: FastAPI) -> None:
    """Serve them."""
    app.include_router(router)


@router.post("/host/people")
async def everybody(ctx: Ctx, tenant: Tenant = MAIN) -> PersonList:
    """Every account."""
    return PersonList(items=await persons.everybody(ctx, tenant))


@router.post("/host/service-accounts", status_code=201)
async def add_service(body: NewService, ctx: Ctx, tenant: Tenant = MAIN) -> PersonView:
    """A service account."""
    return await persons.add_service(
        ctx, tenant=tenant, name=body.name, display_name=body.display_name or body.name,
        role=body.role, who=HOST,
    )  # fmt: skip


@router.post("/host/invitations", status_code=201)
async def invite(body: NewInvitation, ctx: Ctx, tenant: Tenant = MAIN) -> IssuedInvitation:
    """Invite one person."""
    return await persons.invite(
        ctx, tenant=tenant, name=body.name, role=body.role, days=body.days, who=HOST
    )


@router.post("/host/invitations/list")
async def list_invitations(ctx: Ctx, tenant: Tenant = MAIN) -> InvitationList:
    """Every invitation."""
    return InvitationList(items=await persons.invited(ctx, tenant))


@router.post("/host/people/{name}/role")
async def set_role(name: Named, body: NewRole, ctx: Ctx, tenant: Tenant = MAIN) -> PersonView:
    """Give an account another role."""
    identifier = await persons.named(ctx, tenant, name)
    return await persons.act(
        ctx,
        tenant,
        identifier,
        lambda w, row, now: people.set_role(w, row, body.role, who=HOST, now_ns=now),
    )


@router.post("/host/people/{name}/{word}")
async def act(name: Named, word: str, ctx: Ctx, tenant: Tenant = MAIN) -> PersonView:
    """Disable, enable, unlock, reset its factors, end its sessions."""
    wanted = ACTS.get(word)
    if wanted is None:
        raise TradedeckError(Code.NOT_FOUND, f"There is no act {word[:40]}.")
    identifier = await persons.named(ctx, tenant, name)
    return await persons.act(
        ctx, tenant, identifier, lambda w, row, now: wanted(w, row, who=HOST, now_ns=now)
    )


@router.post("/host/sessions")
async def sessions(ctx: Ctx, tenant: Tenant = MAIN) -> SessionList:
    """Everybody's open sessions."""
    return await session_list(ctx, tenant)


@router.post("/host/sessions/{identifier}/end", status_code=204)
async def end_session(identifier: Identifier, ctx: Ctx) -> Response:
    """End one session."""
    now = ctx.clock.now_ns()
    await ctx.store.write(lambda w: service.close_session(w, identifier, who=HOST, now_ns=now))
    ctx.authenticator.forget(identifier)
    return Response(status_code=204)
