"""A second person's word: the inbox, the request, yes, no, and signatures for the trading host."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path

from tradedeck.api import approving
from tradedeck.api.access import requires
from tradedeck.api.context import Ctx
from tradedeck.api.idempotency import ControlRoute, StopRoute
from tradedeck.api.wire_approvals import (
    ApprovalList,
    ApprovalView,
    Approve,
    Governance,
    NewApproval,
    Refuse,
    RightView,
    Sign,
)
from tradedeck.identity import approvals, governance
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import ReadSession

router = APIRouter(tags=["approvals"], route_class=ControlRoute)
stopping = APIRouter(tags=["approvals"], route_class=StopRoute)
Reader = Annotated[Actor, requires(Permission.READ)]
Decider = Annotated[Actor, requires(Permission.APPROVAL_DECIDE)]
Proven = Annotated[Actor, requires(Permission.APPROVAL_DECIDE, step_up=True)]
ApprovalId = Annotated[str, Path(pattern="^apr_[0-9a-z]{26}$")]


@router.get("/governance")
async def profile(actor: Reader, ctx: Ctx) -> Governance:
    """Which rights take one person here, and which two."""

    def work(read: ReadSession) -> list[RightView]:
        return [
            RightView(
                right=right,
                profile=governance.profile(read, actor.tenant, right).value,
                holders=governance.holders(read, actor.tenant, right),
            )
            for right in governance.RIGHTS
        ]

    return Governance(rights=await ctx.store.read(work))


@router.get("/approvals")
async def inbox(actor: Reader, ctx: Ctx) -> ApprovalList:
    """Requests and how they ended, newest first."""
    now = ctx.clock.now_ns()
    rows = await ctx.store.read(lambda r: approvals.listed(r, actor.tenant, now))
    return ApprovalList(items=[approving.view(row, actor) for row in rows])


@router.get("/approvals/{identifier}")
async def one(identifier: ApprovalId, actor: Reader, ctx: Ctx) -> ApprovalView:
    """One request with its act in full."""
    now = ctx.clock.now_ns()
    row = await ctx.store.read(lambda r: approvals.wanted(r, identifier, actor.tenant, now))
    return approving.view(row, actor)


@router.post("/approvals", status_code=201)
async def ask(body: Annotated[NewApproval, Body()], actor: Proven, ctx: Ctx) -> ApprovalView:
    """Ask for a second person's word on one exact act; it lives an hour."""
    return approving.view(await approving.ask(ctx, actor, body), actor)


@router.post("/approvals/{identifier}/approve")
async def approve(identifier: ApprovalId, body: Approve, actor: Proven, ctx: Ctx) -> ApprovalView:
    """Say yes to what was read. What takes effect here does so now; a lift goes by POST /lifts."""
    signature = None if body.signature is None else _own(body.signature.model_dump(), actor)
    row = await approving.approve(ctx, actor, identifier, body.digest, signature)
    return approving.view(row, actor)


@router.post("/approvals/{identifier}/sign")
async def sign(identifier: ApprovalId, body: Sign, actor: Proven, ctx: Ctx) -> ApprovalView:
    """Add the signature that the trading host verifies, of whoever asked or approved."""
    now, signature = ctx.clock.now_ns(), _own(body.signature.model_dump(), actor)
    row = await ctx.store.write(
        lambda w: approvals.sign(w, identifier, signature, actor=actor, now_ns=now)
    )
    return approving.view(row, actor)


@stopping.post("/approvals/{identifier}/refuse")
async def refuse(identifier: ApprovalId, body: Refuse, actor: Decider, ctx: Ctx) -> ApprovalView:
    """Say no, or take one's own request back; also after a yes, until it is used."""
    now = ctx.clock.now_ns()
    row = await ctx.store.write(
        lambda w: approvals.refuse(w, identifier, actor=actor, reason=body.reason, now_ns=now)
    )
    return approving.view(row, actor)


def _own(signature: dict[str, str], actor: Actor) -> dict[str, str]:
    if signature["person"] != actor.name:
        raise TradedeckError(Code.FORBIDDEN, "A signature is given in one's own name.")
    return signature
