"""Accounts of the tenant, invitations, everybody's sessions, the table of roles.

What gives somebody more asks for a second factor shown lately; what takes away does not.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from tradedeck.api import approving, persons
from tradedeck.api.access import requires
from tradedeck.api.context import Context, Ctx
from tradedeck.api.idempotency import SecretRoute
from tradedeck.api.routes.identity import Identifier
from tradedeck.api.routes.me import open_sessions
from tradedeck.api.wire_people import (
    InvitationList,
    IssuedInvitation,
    NewInvitation,
    NewRole,
    NewService,
    PersonList,
    PersonView,
    RoleTable,
    SessionList,
)
from tradedeck.identity import factors, invitations, people, service
from tradedeck.identity.permissions import GRANTS, WITHOUT_MFA, Permission
from tradedeck.identity.types import Actor, Role, lower
from tradedeck.store.sessions import WriteSession

router = APIRouter(tags=["people"], route_class=SecretRoute)
Reader = Annotated[Actor, requires(Permission.PEOPLE_READ)]
Admin = Annotated[Actor, requires(Permission.PEOPLE_MANAGE)]
Proven = Annotated[Actor, requires(Permission.PEOPLE_MANAGE, step_up=True)]


async def _alone(context: Context, actor: Actor, role: Role) -> None:
    """A new account begins low where giving a high role takes two people."""
    now = context.clock.now_ns()
    what = f"A new account of the role {role}"
    await context.store.write(lambda w: approving.alone(w, actor, role, what, now_ns=now))


@router.get("/roles")
async def roles(actor: Annotated[Actor, requires(Permission.READ)], ctx: Ctx) -> RoleTable:
    """Who may do what."""
    return RoleTable(
        roles={role.value: sorted(GRANTS[role]) for role in GRANTS},
        without_mfa=sorted(WITHOUT_MFA),
        mfa_roles=ctx.settings.mfa_roles.split(),
    )


@router.get("/people")
async def everybody(actor: Reader, ctx: Ctx) -> PersonList:
    """Every account, people and services."""
    return PersonList(items=await persons.everybody(ctx, actor.tenant))


@router.post("/service-accounts", status_code=201)
async def add_service(body: NewService, actor: Proven, ctx: Ctx) -> PersonView:
    """A service account; its tokens are made under `POST /tokens` with its name as `account`."""
    await _alone(ctx, actor, body.role)
    return await persons.add_service(
        ctx,
        tenant=actor.tenant,
        name=body.name,
        display_name=body.display_name or body.name,
        role=body.role,
        who=actor.who(),
    )


@router.put("/people/{identifier}/role")
async def set_role(identifier: Identifier, body: NewRole, actor: Proven, ctx: Ctx) -> PersonView:
    """Give an account another role; open sessions have it at once. More takes two people, where
    two of them could give it.
    """

    def work(write: WriteSession, row: persons.Row, now: int) -> None:
        before = Role(row["role"])
        if lower(before, body.role) is not body.role:
            approving.alone(write, actor, body.role, f"The role {body.role}", now_ns=now)
        people.set_role(write, row, body.role, who=actor.who(), now_ns=now)

    return await persons.act(ctx, actor.tenant, identifier, work)


@router.post("/people/{identifier}/disable")
async def disable(identifier: Identifier, actor: Admin, ctx: Ctx) -> PersonView:
    """Nobody signs in as it any more; its sessions and tokens end."""
    return await persons.act(
        ctx,
        actor.tenant,
        identifier,
        lambda w, row, now: people.disable(w, row, who=actor.who(), now_ns=now),
    )


@router.post("/people/{identifier}/enable")
async def enable(identifier: Identifier, actor: Proven, ctx: Ctx) -> PersonView:
    """It may sign in again; its tokens stay revoked."""

    def work(write: WriteSession, row: persons.Row, now: int) -> None:
        if row["disabled_at_ns"] is not None:
            role = Role(row["role"])
            approving.alone(write, actor, role, f"Letting in the role {role}", now_ns=now)
        people.enable(write, row, who=actor.who(), now_ns=now)

    return await persons.act(ctx, actor.tenant, identifier, work)


@router.post("/people/{identifier}/unlock")
async def unlock(identifier: Identifier, actor: Proven, ctx: Ctx) -> PersonView:
    """End its waiting after wrong passwords or codes."""
    return await persons.act(
        ctx,
        actor.tenant,
        identifier,
        lambda w, row, now: people.unlock(w, row, who=actor.who(), now_ns=now),
    )


@router.post("/people/{identifier}/reset-factors")
async def reset_factors(identifier: Identifier, actor: Proven, ctx: Ctx) -> PersonView:
    """Forget its second factors, lost ones for instance; its sessions end."""
    return await persons.act(
        ctx,
        actor.tenant,
        identifier,
        lambda w, row, now: factors.reset(w, row, who=actor.who(), now_ns=now),
    )


@router.delete("/people/{identifier}/sessions")
async def end_sessions(identifier: Identifier, actor: Admin, ctx: Ctx) -> PersonView:
    """End every session of an account."""
    return await persons.end_sessions(
        ctx, tenant=actor.tenant, identifier=identifier, who=actor.who()
    )


@router.get("/sessions")
async def sessions(
    actor: Admin,
    ctx: Ctx,
    user: Annotated[str | None, Query(pattern="^usr_[0-9a-z]{26}$")] = None,
) -> SessionList:
    """Everybody's open sessions, or those of one account."""
    return await open_sessions(ctx, actor, user=user)


@router.delete("/sessions/{identifier}", status_code=204)
async def end_session(identifier: Identifier, actor: Admin, ctx: Ctx) -> Response:
    """End one session; its streams close within five seconds."""
    now = ctx.clock.now_ns()
    await ctx.store.write(
        lambda w: service.close_session(
            w, identifier, tenant=actor.tenant, who=actor.who(), now_ns=now
        )
    )
    ctx.authenticator.forget(identifier)
    return Response(status_code=204)


@router.get("/invitations")
async def list_invitations(actor: Admin, ctx: Ctx) -> InvitationList:
    """Every invitation, without its secret."""
    return InvitationList(items=await persons.invited(ctx, actor.tenant))


@router.post("/invitations", status_code=201)
async def invite(body: NewInvitation, actor: Proven, ctx: Ctx) -> IssuedInvitation:
    """Invite one person; the link is in this answer and nowhere else."""
    await _alone(ctx, actor, body.role)
    return await persons.invite(
        ctx, tenant=actor.tenant, name=body.name, role=body.role, days=body.days,
        who=actor.who(),
    )  # fmt: skip


@router.delete("/invitations/{identifier}", status_code=204)
async def revoke_invitation(identifier: Identifier, actor: Admin, ctx: Ctx) -> Response:
    """Make an invitation useless."""
    now = ctx.clock.now_ns()
    await ctx.store.write(
        lambda w: invitations.revoke(
            w, identifier, tenant=actor.tenant, who=actor.who(), now_ns=now
        )
    )
    return Response(status_code=204)
