"""Acts on the book and on feeds: cancel, close, flatten, halt, lift, replay."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from tradedeck.api import commands, lifting
from tradedeck.api.access import requires
from tradedeck.api.commands import Command
from tradedeck.api.context import Ctx
from tradedeck.api.idempotency import ControlRoute, StopRoute
from tradedeck.api.wire import Receipt
from tradedeck.api.wire_config import (
    CancelScope,
    ClosePosition,
    FlattenScope,
    HaltLift,
    NewHalt,
    ReplayChange,
)
from tradedeck.audit.types import Action
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.clock import parse_ns
from tradedeck.kernel.errors import Code, Fault, TradedeckError

router = APIRouter(tags=["acts"], route_class=ControlRoute)
stopping = APIRouter(tags=["acts"], route_class=StopRoute)
Controller = Annotated[Actor, requires(Permission.ORDER_CONTROL)]
OrderPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9._:-]{1,80}$")]
NamePath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


@stopping.post("/orders/cancel")
async def cancel_orders(actor: Controller, ctx: Ctx, body: CancelScope | None = None) -> Receipt:
    """Cancel every working order in scope."""
    args = (body or CancelScope()).model_dump(exclude_none=True)
    target = ", ".join(f"{key}/{value}" for key, value in args.items()) or "all"
    return await commands.send(
        ctx, Command("orders.cancel", args, actor.who(), Action.ORDERS_CANCEL, target)
    )


@stopping.post("/orders/{order}/cancel")
async def cancel_order(order: OrderPath, actor: Controller, ctx: Ctx) -> Receipt:
    """Cancel one working order."""
    args = {"order": order}
    return await commands.send(
        ctx, Command("order.cancel", args, actor.who(), Action.ORDER_CANCEL, f"order/{order}")
    )


@stopping.post("/positions/close")
async def close_position(body: ClosePosition, actor: Controller, ctx: Ctx) -> Receipt:
    """Close one position, never through zero."""
    target = f"position/{body.account}/{body.instrument}"
    return await commands.send(
        ctx,
        Command("position.close", body.model_dump(), actor.who(), Action.POSITION_CLOSE, target),
    )


@stopping.post("/flatten")
async def flatten(body: FlattenScope, actor: Controller, ctx: Ctx) -> Receipt:
    """Pause entries, cancel every working order, close every position: in any scope of a kill."""
    args = {"scope": body.scope}
    return await commands.send(
        ctx, Command("flatten", args, actor.who(), Action.FLATTEN, body.scope, body.reason)
    )


@stopping.post("/halts")
async def set_halt(
    body: NewHalt, actor: Annotated[Actor, requires(Permission.HALT_SET)], ctx: Ctx
) -> Receipt:
    """Pause, reduce only, or halt; it outlives a restart."""
    return await commands.send(
        ctx,
        Command(
            "halt.set", body.model_dump(), actor.who(), Action.HALT_SET, body.scope, body.reason
        ),
    )


@router.post("/halts/clear")
async def clear_halt(
    body: HaltLift, actor: Annotated[Actor, requires(Permission.HALT_CLEAR)], ctx: Ctx
) -> Receipt:
    """As `POST /lifts`: a reason and a one-time code of the guard; then it waits there."""
    return await lifting.lift(ctx, actor, scope=body.scope, reason=body.reason, code=body.step_up)


@router.post("/feeds/{feed}/replay")
async def replay(
    feed: NamePath,
    body: ReplayChange,
    actor: Annotated[Actor, requires(Permission.FEED_CONTROL)],
    ctx: Ctx,
) -> Receipt:
    """Speed, pause, step or seek a replay."""
    change: dict[str, Any] = body.model_dump(exclude_none=True)
    if not change:
        raise TradedeckError(Code.INVALID, "Give speed, paused, step or seek.")
    if body.seek is not None:
        try:
            parse_ns(body.seek)
        except ValueError as error:
            raise TradedeckError(
                Code.INVALID,
                f"seek was not an instant: {error}",
                faults=(Fault("seek", str(error)),),
            ) from None
    feeds = {item["id"]: item for item in ctx.desired.document["feeds"]}
    if feed not in feeds:
        raise TradedeckError(Code.NOT_FOUND, f"There is no feed {feed!r}.")
    if feeds[feed]["kind"] != "replay":
        raise TradedeckError(Code.CONFLICT, f"The feed {feed} is live; only a replay has a speed.")
    command = Command(
        "replay.set", {"feed": feed, **change}, actor.who(), Action.REPLAY_SET, f"feed/{feed}"
    )
    return await commands.send(ctx, command)
