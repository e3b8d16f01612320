"""The snapshot, accounts and their figures, feeds, halts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import PlainTextResponse, Response

from tradedeck import __version__
from tradedeck.api import export, metrics
from tradedeck.api.access import requires
from tradedeck.api.components import components
from tradedeck.api.context import Ctx
from tradedeck.api.reading import From, Name, To, answer, instant_ns, not_found, query
from tradedeck.api.snapshot import heard
from tradedeck.api.views import (
    AccountList,
    EquitySeries,
    FeedList,
    HaltList,
    HeadroomList,
    Performance,
    PositionList,
    Status,
)
from tradedeck.api.views_operations import ComponentList
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.readmodels import equity, lists, performance
from tradedeck.readmodels.desired import by_id
from tradedeck.readmodels.limits import headroom, observed_positions
from tradedeck.readmodels.status import Facts

router = APIRouter(tags=["status"])
Reader = Annotated[Actor, requires(Permission.READ)]
POINTS_MAX = 5_000


@router.get("/status", response_model=Status)
async def status(actor: Reader, ctx: Ctx) -> Response:
    """Everything a dashboard needs, at one moment; served from memory."""
    assert ctx.live.status is not None
    return Response(await ctx.live.status.get(), media_type="application/json")


@router.get("/health/components", response_model=ComponentList)
async def health_components(actor: Reader, ctx: Ctx) -> Response:
    """How each part is: processes, journals, store, bus, streams."""
    return answer({"items": await components(ctx), "build": __version__})


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def prometheus(actor: Reader, ctx: Ctx) -> Response:
    """Metrics for a scraper with a token of the role viewer."""
    ctx.host_only("What its processes are measured by")
    return Response(await metrics.render(ctx), media_type=metrics.MEDIA_TYPE)


@router.get("/accounts", response_model=AccountList)
async def accounts(actor: Reader, ctx: Ctx) -> Response:
    """Accounts as observed."""
    return answer({"items": (await ctx.live.made.body())["accounts"]})


def _known(facts: Facts, account: str) -> None:
    if account not in by_id(facts.document, "accounts") and account not in facts.accounts:
        raise not_found("account", account)


@router.get("/accounts/{account}/equity", response_model=EquitySeries, responses=export.RESPONSES)
async def account_equity(
    account: Name,
    actor: Reader,
    ctx: Ctx,
    from_: From = None,
    to: To = None,
    points: Annotated[int, Query(ge=2, le=POINTS_MAX)] = 600,
    format: export.Format = export.Format.JSON,  # noqa: A002 - the parameter's public name
) -> Response:
    """The equity curve, thinned so that no peak or trough is lost; files have every sample."""
    facts = await ctx.live.made.facts()
    _known(facts, account)
    if format is not export.Format.JSON:
        wanted = query(from_=from_, to=to, account=account)
        return await export.respond(
            ctx, actor, lists.EQUITY, wanted, wanted=format, name=f"equity-{account}"
        )
    begin, end = instant_ns(from_, "from"), instant_ns(to, "to")
    curve = await ctx.store.read(
        lambda r: equity.curve(r, account, points=points, from_ns=begin, to_ns=end)
    )
    currency = facts.accounts.get(account, {}).get("currency") or by_id(
        facts.document, "accounts"
    ).get(account, {}).get("currency")
    return answer({"account": account, "currency": currency, "points": curve})


@router.get("/accounts/{account}/performance", response_model=Performance)
async def account_performance(account: Name, actor: Reader, ctx: Ctx) -> Response:
    """Figures with their formulas."""
    _known(await ctx.live.made.facts(), account)
    metrics = await ctx.store.read(lambda r: performance.of_account(r, account))
    return answer({"metrics": metrics, "disclaimer": performance.DISCLAIMER})


@router.get("/accounts/{account}/limits", response_model=HeadroomList)
async def account_limits(account: Name, actor: Reader, ctx: Ctx) -> Response:
    """Headroom of the account's limits and of those of its traders."""
    facts = await ctx.live.made.facts()
    _known(facts, account)
    return answer({"items": await ctx.store.read(lambda r: headroom(r, facts, account))})


@router.get("/positions", response_model=PositionList)
async def positions(actor: Reader, ctx: Ctx) -> Response:
    """What is held."""
    facts = await ctx.live.made.facts()
    return answer({"items": observed_positions(facts, heard(ctx).gauges)})


@router.get("/feeds", response_model=FeedList)
async def feeds(actor: Reader, ctx: Ctx) -> Response:
    """Feeds with their cursor and age."""
    return answer({"items": (await ctx.live.made.body())["feeds"]})


@router.get("/halts", response_model=HaltList)
async def halts(actor: Reader, ctx: Ctx) -> Response:
    """Halts in force."""
    return answer({"items": (await ctx.live.made.body())["halts"]})
