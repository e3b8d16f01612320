"""What only the guard does: lifting a latch, drills; how it stands; breakers."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from tradedeck.api import lifting
from tradedeck.api.access import requires
from tradedeck.api.context import Ctx
from tradedeck.api.idempotency import ControlRoute, StopRoute
from tradedeck.api.reading import answer
from tradedeck.api.snapshot import heard
from tradedeck.api.standing import guard_view
from tradedeck.api.views_stop import (
    BreakerList,
    DrillList,
    GuardView,
    LiftList,
    LiftPreview,
    NewDrill,
    NewLift,
)
from tradedeck.api.wire import Receipt
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.readmodels import breakers, lift_preview, stop

router = APIRouter(tags=["stop"], route_class=ControlRoute)
stopping = APIRouter(tags=["stop"], route_class=StopRoute)
Reader = Annotated[Actor, requires(Permission.READ)]
LiftId = Annotated[str, Path(pattern=r"^lift_[A-Za-z0-9]{8,60}$")]
LISTED = 100


@router.get("/lifts", response_model=LiftList)
async def lifts(actor: Reader, ctx: Ctx) -> Response:
    """Lifts that wait, and how earlier ones ended."""
    return answer({"items": await ctx.store.read(lambda read: stop.list_lifts(read, LISTED))})


@router.get("/lifts/preview", response_model=LiftPreview)
async def preview_lift(
    actor: Reader, ctx: Ctx, scope: Annotated[str, Query(min_length=1, max_length=200)]
) -> Response:
    """What a lift of the scope would meet: limits that are still crossed stop it again at once."""
    facts, gauges = await ctx.live.made.facts(), heard(ctx).gauges
    read = partial(lift_preview.lift_preview, facts=facts, gauges=gauges, scope=scope)
    return answer(await ctx.store.read(read))


@router.post("/lifts", status_code=202)
async def lift(
    body: NewLift, actor: Annotated[Actor, requires(Permission.HALT_CLEAR)], ctx: Ctx
) -> Receipt:
    """Lift a latch: a reason and a code of the guard on the host; then it waits, cancellable."""
    return await lifting.lift(
        ctx, actor, scope=body.scope, reason=body.reason, code=body.code, approval=body.approval
    )


@stopping.delete("/lifts/{lift_id}")
async def cancel_lift(
    lift_id: LiftId, actor: Annotated[Actor, requires(Permission.HALT_SET)], ctx: Ctx
) -> Receipt:
    """Take a waiting lift back: the latch stays."""
    return await lifting.cancel(ctx, actor, lift_id)


@router.get("/guard", response_model=GuardView)
async def guard(actor: Reader, ctx: Ctx) -> Response:
    """How the guard stands, and how it sees the runner."""
    return answer(await guard_view(ctx))


@router.get("/drills", response_model=DrillList)
async def drills(
    actor: Reader, ctx: Ctx, limit: Annotated[int, Query(ge=1, le=500)] = stop.TREND_MAX
) -> Response:
    """Kill drills with their measures, newest first."""
    items: list[dict[str, Any]] = await ctx.store.read(lambda read: stop.list_drills(read, limit))
    return answer({"items": items})


@router.post("/drills", status_code=202)
async def drill(
    actor: Annotated[Actor, requires(Permission.JOB_RUN)], ctx: Ctx, body: NewDrill | None = None
) -> Receipt:
    """Have the guard close an account made for it; what it measured follows under `GET /drills`."""
    wanted = body or NewDrill()
    return await lifting.drill(ctx, actor, orders=wanted.orders, positions=wanted.positions)


@router.get("/breakers", response_model=BreakerList)
async def list_breakers(actor: Reader, ctx: Ctx) -> Response:
    """What stops trading by itself: each rule beside its state, and what opened it."""
    facts, gauges = await ctx.live.made.facts(), heard(ctx).gauges
    found = await ctx.store.read(lambda read: breakers.breakers(read, facts, gauges))
    return answer({"items": found})
