"""Stopping, whatever else is down: preview, kill, progress, evidence."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from tradedeck.api import asking, kills
from tradedeck.api.access import requires
from tradedeck.api.context import Context, Ctx
from tradedeck.api.decided import Heard, Sent
from tradedeck.api.reading import CURSOR_MAX, Cursor, answer, found
from tradedeck.api.snapshot import heard
from tradedeck.api.views_stop import (
    KillFull,
    KillHeard,
    KillPage,
    KillPreview,
    KillReceipt,
    KillWish,
    NewKill,
    ScopeList,
)
from tradedeck.audit.types import Act, Action
from tradedeck.closing import report
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.clock import format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.readmodels import stop, stop_preview
from tradedeck.readmodels.parts import mapping
from tradedeck.readmodels.status import Facts
from tradedeck.readmodels.stop_preview import Row

# Not a `ControlRoute`: its bound on acts at once, and its look into the store, must not stop a
# stop. The key is the id of the kill, and one id is one kill wherever it arrives.
router = APIRouter(tags=["stop"])
Reader = Annotated[Actor, requires(Permission.READ)]
KillId = Annotated[str, Path(pattern=r"^kill_[A-Za-z0-9]{8,60}$")]
LOOK_S = 1.0  # a preview is not worth more waiting
REPORT_TYPE = "application/vnd.tradedeck.kill+json"


@router.get("/kills/scopes", response_model=ScopeList)
async def scopes(actor: Reader, ctx: Ctx) -> Response:
    """Every scope that has a name here."""
    return answer({"items": stop_preview.scopes(await ctx.live.made.facts())})


@router.post("/kills/preview", response_model=KillPreview)
async def preview(body: KillWish, actor: Reader, ctx: Ctx) -> Response:
    """What the kill would do now: in counts, notional, cost and seconds. Changes nothing."""
    facts = await ctx.live.made.facts()
    _known(facts, body.scope)
    orders = await ctx.store.read(stop_preview.working_orders)
    wish = stop_preview.Wish(body.scope, body.step, body.flatten)
    book = await _venue(ctx, actor)
    return answer(stop_preview.preview(facts, orders, book, heard(ctx).gauges, wish))


async def _venue(ctx: Context, actor: Actor) -> Row | None:
    """The venue's own book by way of the runner; None where nobody answers in time."""
    try:
        book = mapping(await asking.ask(ctx, actor, "venue.book", {}, timeout_s=LOOK_S))
    except TradedeckError:
        return None  # said in the answer: `seen` is `ours`
    return book if isinstance(book.get("at_ns"), int) else None


def _known(facts: Facts, scope: str) -> None:
    if not stop_preview.known(facts, scope):
        raise TradedeckError(
            Code.NOT_FOUND,
            f"There is nothing here that {scope} could mean.",
            hint="GET /api/v1/kills/scopes lists every scope; `all` always works.",
        )


@router.post("/kills", status_code=202)
async def kill(
    body: NewKill,
    actor: Annotated[Actor, requires(Permission.KILL)],
    ctx: Ctx,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> KillReceipt:
    """Stop: pause, reduce only, or cancel everything and close. Never limited, never delayed."""
    await _meant(ctx, body.scope)
    decided = await kills.decide(ctx, actor, body.model_dump(), idempotency_key)
    return _receipt(await kills.send(ctx, actor, decided))


async def _meant(ctx: Context, scope: str) -> None:
    """A name with a slip in it would latch nothing; where it cannot be looked up, it is taken."""
    if stop_preview.known(Facts(document=dict(ctx.desired.document)), scope):
        return  # in force, and in memory: nothing has to be read
    try:
        facts = await ctx.live.made.facts()
    except TradedeckError:
        return
    _known(facts, scope)


def _receipt(sent: Sent) -> KillReceipt:
    noted = [
        f"The {name}: {said.detail}" if said.latched else f"The {name} has not: {said.detail}"
        for name, said in (("guard", sent.guard), ("runner", sent.runner))
        if said.detail or not said.latched
    ]
    return KillReceipt(
        id=sent.kill.id,
        scope=sent.kill.scope,
        step=sent.kill.step.value,
        flatten=sent.kill.flatten,
        at=format_ns(sent.kill.at_ns),
        guard=_said(sent.guard),
        runner=_said(sent.runner),
        audit_id=sent.audit_id,
        detail=" ".join([f"Latched by {' and '.join(sent.latched)}.", *noted]),
    )


def _said(told: Heard) -> KillHeard:
    return KillHeard(latched=told.latched, code=told.code, detail=told.detail, ms=told.ms)


@router.get("/kills", response_model=KillPage)
async def list_kills(
    actor: Reader,
    ctx: Ctx,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Every kill, newest first."""
    before = None if cursor is None else min(int(cursor), CURSOR_MAX)
    items, following = await ctx.store.read(
        lambda read: stop.list_kills(read, before=before, limit=limit)
    )
    return answer({"items": items, "next_cursor": None if following is None else str(following)})


@router.get("/kills/{kill_id}", response_model=KillFull)
async def one_kill(kill_id: KillId, actor: Reader, ctx: Ctx) -> Response:
    """A kill with its legs, steps and proof."""
    row = await ctx.store.read(lambda read: stop.find_kill(read, kill_id))
    return answer(found(row, "kill", kill_id))


@router.get(
    "/kills/{kill_id}/report",
    response_class=Response,
    responses={200: {"content": {REPORT_TYPE: {"schema": {"type": "object"}}}}},
)
async def kill_report(
    kill_id: KillId, actor: Annotated[Actor, requires(Permission.EXPORT)], ctx: Ctx
) -> Response:
    """The evidence as a file; its SHA-256 is in the file, its name and the header."""
    body = found(await ctx.store.read(lambda read: stop.evidence(read, kill_id)), "kill", kill_id)
    sha256 = report.content_hash(body)
    await ctx.audit(
        Act(Action.DATA_EXPORT, actor.who(), f"kill/{kill_id}", after={"sha256": sha256})
    )
    name = f"{kill_id}-{sha256[:16]}.json"
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "x-content-sha256": sha256,
    }
    return Response(report.seal(body), media_type=REPORT_TYPE, headers=headers)
