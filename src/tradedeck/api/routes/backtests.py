"""Backtests as durable jobs: asked for, watched, cancelled, read."""

from __future__ import annotations

import asyncio
from decimal import Decimal, InvalidOperation
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, field_validator
from starlette.responses import Response

from tradedeck.api import joblist
from tradedeck.api.access import requires
from tradedeck.api.context import Context, Ctx
from tradedeck.api.idempotency import ControlRoute
from tradedeck.api.reading import answer, found, instant_ns
from tradedeck.api.views import Metric
from tradedeck.api.wire import Instant, Wire
from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.jobs import service
from tradedeck.jobs.types import Job, JobKind, State
from tradedeck.kernel.clock import NS_PER_S, format_ns
from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.marketdata.sources import BUNDLES, PREFIX
from tradedeck.readmodels.performance import DISCLAIMER, listed
from tradedeck.readmodels.status import instant
from tradedeck.store.scope import MAIN
from tradedeck.store.sessions import WriteSession

router = APIRouter(tags=["backtests"], route_class=ControlRoute)
Reader = Annotated[Actor, requires(Permission.READ)]
Runner = Annotated[Actor, requires(Permission.JOB_RUN)]
JobId = Annotated[str, Path(pattern="^job_[0-9a-z]{26}$")]
Text = Annotated[str, Field(max_length=200)]
Number = Annotated[str, Field(max_length=40, pattern=r"^\d+(\.\d+)?$")]
FILES_MAX = 500
_ENDINGS = (".csv", ".csv.gz", ".parquet")
_PARAM_COUNT_MAX = 100


class SizingWish(Wire):
    """From a full target to units."""

    kind: Literal["units", "equity_fraction", "risk"] = "equity_fraction"
    value: Number = "1"


class CostsWish(Wire):
    """Frictions of the simulated venue; absent: those of a new paper account."""

    spread_bps: Number | None = None
    slippage_bps: Number | None = None
    fee_bps: Number | None = None
    fee_min: Number | None = None


class BacktestRequest(Wire):
    """What to run: a strategy with parameters on bundled data or a file of the data folder."""

    strategy: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
    preset: Annotated[str, Field(max_length=63)] | None = None
    params: dict[str, Any] = Field(default_factory=dict, max_length=_PARAM_COUNT_MAX)
    data: Annotated[str, Field(min_length=1, max_length=200)] = "bundled:us-daily"
    instrument: Annotated[str, Field(max_length=32, pattern=r"^[A-Za-z0-9._-]*$")] = "AAPL"
    interval: Annotated[str, Field(max_length=8, pattern=r"^[0-9]+[smhdw]$")] | None = None
    start: Annotated[str, Field(max_length=40)] | None = None
    end: Annotated[str, Field(max_length=40)] | None = None
    starting_balance: Number = "100000"
    sizing: SizingWish = Field(default_factory=SizingWish)
    costs: CostsWish | None = None
    session_gate: bool = True

    @field_validator("starting_balance")
    @classmethod
    def _some_money(cls, value: str) -> str:
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = Decimal(0)
        if not 0 < amount <= Decimal(10) ** 15:
            raise ValueError("must be above zero and at most 10^15")
        return value


class BacktestView(BaseModel):
    """A backtest and how far it is."""

    id: str
    kind: str
    state: State
    progress: float
    bars: int
    request: dict[str, Any]
    by: str
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    seconds: float | None
    attempts: int
    cancel_requested: bool
    code: str
    detail: str


class BacktestPage(BaseModel):
    """Newest first."""

    items: list[BacktestView]
    next_cursor: str | None


class CurvePoint(BaseModel):
    """Equity at one bar."""

    time: Instant
    equity: float
    drawdown: float


class BacktestTrade(BaseModel):
    """A round trip of a backtest."""

    trade_time: Instant
    entry_price: float
    exit_price: float
    pnl: float
    outcome: str
    r_multiple: float | None
    equity: float
    quantity: float
    opened: Instant


class BacktestResultView(BaseModel):
    """What came out; money is text."""

    strategy: str
    params: dict[str, Any]
    instrument: str
    data: str
    first: Instant
    last: Instant
    bars: int
    orders: int
    fills: int
    denied: int
    denials: dict[str, int]
    seconds: float
    bars_per_second: float
    opening_balance: str
    final_balance: str
    final_equity: str
    pnl: str
    fees: str
    metrics: list[Metric]
    equity: list[CurvePoint]
    trades: list[BacktestTrade]
    trades_total: int
    halts: list[dict[str, Any]]
    disclaimer: str


class DataSource(BaseModel):
    """Something a backtest can run on."""

    data: str
    instruments: list[str]
    first: str | None
    last: str | None


class DataList(BaseModel):
    """Bundled data and the files of the data folder."""

    items: list[DataSource]


def view(job: Job) -> dict[str, Any]:
    """A job as people read it."""
    ended = job.ended_ns
    spent = None if ended is None or job.started_ns is None else (ended - job.started_ns) / NS_PER_S
    return {
        "id": job.id,
        "kind": job.kind.value,
        "state": job.state.value,
        "progress": job.progress,
        "bars": job.bars,
        "request": job.params,
        "by": job.author,
        "created_at": format_ns(job.created_ns),
        "started_at": instant(job.started_ns),
        "ended_at": instant(ended),
        "seconds": None if spent is None else round(spent, 3),
        "attempts": job.attempts,
        "cancel_requested": job.cancel_requested,
        "code": job.code,
        "detail": job.detail,
    }


def check(context: Context, body: BacktestRequest) -> None:
    """Refuse now what could only fail later.

    Raises:
        TradedeckError: NOT_FOUND, INVALID with the places.
    """
    context.library.entry(body.strategy)
    params = dict(body.params)
    if body.preset:
        params = context.library.preset(body.strategy, body.preset) | params
    faults = context.library.faults(body.strategy, params)
    if faults:
        placed = [Fault(f"params.{f.path.removeprefix('params.')}", f.reason) for f in faults]
        raise TradedeckError(
            Code.INVALID, f"The parameters of {body.strategy} are not valid.", faults=tuple(placed)
        )
    for name, text in (("start", body.start), ("end", body.end)):
        if text is not None:
            instant_ns(text if "T" in text else f"{text}T00:00:00Z", name)
    if not body.data.startswith(PREFIX):
        known = {source["data"] for source in _files_of(context)}
        if body.data not in known:
            raise TradedeckError(
                Code.NOT_FOUND,
                f"There is no data {body.data!r}.",
                hint="Put the file into the data folder of the home; GET /backtests/data lists it.",
            )
    elif body.data.removeprefix(PREFIX) not in BUNDLES:
        raise TradedeckError(Code.NOT_FOUND, f"There is no bundled data {body.data!r}.")


def _files_of(context: Context) -> list[dict[str, Any]]:
    """The home's own files; a tenant without the host has none there."""
    return files(context.settings.home / "data") if context.tenant == MAIN else []


def files(folder: FilePath) -> list[dict[str, Any]]:
    """Files of the data folder that a reader takes; links that lead out of it are not there."""
    root = folder.resolve()
    found: list[dict[str, Any]] = []
    for path in sorted(root.rglob("*")) if root.is_dir() else ():
        inside = path.resolve().is_relative_to(root)
        if inside and path.is_file() and path.name.lower().endswith(_ENDINGS):
            name = path.relative_to(root).as_posix()
            found.append({"data": name, "instruments": [], "first": None, "last": None})
        if len(found) == FILES_MAX:
            break
    return found


@router.get("/backtests/data", response_model=DataList)
async def data(actor: Reader, ctx: Ctx) -> Response:
    """What a backtest can run on."""
    bundled = [
        {
            "data": PREFIX + name,
            "instruments": sorted(bundle.instruments),
            "first": min(first for first, _ in bundle.instruments.values()),
            "last": max(last for _, last in bundle.instruments.values()),
        }
        for name, bundle in BUNDLES.items()
    ]
    own = await asyncio.to_thread(_files_of, ctx)
    return answer({"items": [*bundled, *own]})


@router.get("/backtests", response_model=BacktestPage)
async def backtests(
    actor: Reader,
    ctx: Ctx,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(pattern="^job_[0-9a-z]{26}$")] = None,
) -> Response:
    """Backtests, newest first."""
    jobs = await ctx.store.read(lambda r: service.page(r, before=cursor, limit=limit))
    following = jobs[-1].id if len(jobs) == limit else None
    return answer({"items": [view(job) for job in jobs], "next_cursor": following})


@router.post("/backtests", status_code=201, response_model=BacktestView)
async def create(body: BacktestRequest, actor: Runner, ctx: Ctx) -> Response:
    """Put a backtest in line; it survives restarts and runs in a process of its own."""
    await asyncio.to_thread(check, ctx, body)
    now, params = ctx.clock.now_ns(), body.model_dump(mode="json")

    def work(write: WriteSession) -> Job:
        job = service.create(write, JobKind.BACKTEST, params, by=actor.name, now_ns=now)
        act = Act(Action.JOB_CREATE, actor.who(), job.id, after=params)
        audit.append(write, act, now_ns=now)
        return job

    job = await ctx.store.write(work)
    await joblist.wake(ctx)
    return answer(view(job), 201)


@router.get("/backtests/{job}", response_model=BacktestView)
async def one_backtest(job: JobId, actor: Reader, ctx: Ctx) -> Response:
    """One backtest."""
    return answer(view(found(await ctx.store.read(lambda r: service.job(r, job)), "job", job)))


@router.post("/backtests/{job}/cancel", response_model=BacktestView)
async def cancel(job: JobId, actor: Runner, ctx: Ctx) -> Response:
    """End it: at once while it waits, within a second or two while it runs."""
    now = ctx.clock.now_ns()

    def work(write: WriteSession) -> Job:
        cancelled = service.cancel(write, job, now)
        audit.append(write, Act(Action.JOB_CANCEL, actor.who(), job), now_ns=now)
        return cancelled

    return answer(view(await ctx.store.write(work)))


@router.get("/backtests/{job}/result", response_model=BacktestResultView)
async def result(job: JobId, actor: Reader, ctx: Ctx) -> Response:
    """Figures, equity curve and trades of a finished backtest."""
    stored = found(await ctx.store.read(lambda r: service.job(r, job)), "job", job)
    text = await ctx.store.read(lambda r: service.result(r, job))
    if text is None:
        raise TradedeckError(
            Code.CONFLICT,
            f"The backtest is {stored.state}; it has no result.",
            hint=stored.detail or "Ask again when it has succeeded.",
        )
    return Response(await asyncio.to_thread(_shown, text), media_type="application/json")


def _shown(text: str) -> bytes:
    """The stored result with named fields; rows are stored without names to be small."""
    body: dict[str, Any] = orjson.loads(text)
    body["metrics"] = listed(body["metrics"])
    for name, model in (("equity", CurvePoint), ("trades", BacktestTrade)):
        body[name] = [dict(zip(model.model_fields, row, strict=True)) for row in body[name]]
    body["disclaimer"] = DISCLAIMER
    return orjson.dumps({name: body[name] for name in BacktestResultView.model_fields})
