"""Configuration: read, judge, compare, change, go back, and what waits."""

from __future__ import annotations

import re
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import TypeAdapter

from tradedeck.api import desk
from tradedeck.api.access import is_fresh, requires, step_up_needed
from tradedeck.api.context import Context, Ctx
from tradedeck.api.desk import Wish
from tradedeck.api.idempotency import ControlRoute, StopRoute
from tradedeck.api.wire import ConfigChange, Receipt
from tradedeck.api.wire_config import (
    Approval,
    Candidate,
    Condition,
    ConfigDiff,
    ConfigHistory,
    ConfigState,
    ConfigVersion,
    ConfigVersionFull,
    DiffRequest,
    FaultView,
    NewConfig,
    PatchConfig,
    PendingList,
    PendingView,
    Rollback,
)
from tradedeck.audit.types import Action
from tradedeck.desired import parse, rules, service, store
from tradedeck.desired.diff import Effect, effect, merge_patch
from tradedeck.desired.document import Document
from tradedeck.desired.types import Kind, Pending, Version
from tradedeck.identity import governance
from tradedeck.identity import service as identity
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.clock import NS_PER_S, format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.readmodels import config as readmodel
from tradedeck.store.sessions import ReadSession, WriteSession

router = APIRouter(tags=["configuration"], route_class=ControlRoute)
stopping = APIRouter(tags=["configuration"], route_class=StopRoute)
looks = APIRouter(tags=["configuration"])  # they change nothing
Reader = Annotated[Actor, requires(Permission.READ)]
Writer = Annotated[Actor, requires(Permission.CONFIG_WRITE)]
IfMatch = Annotated[
    str | None,
    Header(
        description='The version the change was made on, as in ETag: "12"; * for whichever.',
        max_length=40,
    ),
]
Generation = Annotated[int, Path(ge=1, le=2**53)]
PendingId = Annotated[str, Path(pattern="^pnd_[0-9a-z]{26}$")]
SUPERSEDED_SHOWN_NS = 24 * 3_600 * NS_PER_S
_TAG = re.compile(r'^(?:W/)?"?(\d{1,15})"?$')
_DOCUMENT: TypeAdapter[Document] = TypeAdapter(Document)


def base_of(if_match: str | None, *, needed: bool = True) -> int | None:
    """The generation in an If-Match header. VERSION_REQUIRED when it is needed and absent."""
    given = (if_match or "").strip()
    if not given:
        if not needed:
            return None
        raise TradedeckError(
            Code.VERSION_REQUIRED,
            "The change must say which version it was made on.",
            hint="Send If-Match with the generation that GET /config answered.",
        )
    if given == "*":
        return None
    match = _TAG.match(given)
    if match is None:
        raise TradedeckError(Code.INVALID, 'If-Match was not a version, such as "12".')
    return int(match[1])


def tree_of(body: Candidate) -> Any:
    """The one tree that was given."""
    if (body.document is None) is (body.yaml is None):
        raise TradedeckError(Code.INVALID, "Give either document or yaml.")
    return parse.parse(body.yaml) if body.yaml is not None else parse.bounded(body.document)


def tag(response: Response, generation: int) -> None:
    """Say which version an answer is about."""
    response.headers["etag"] = f'"{generation}"'


def _pending(waiting: Pending) -> PendingView:
    return PendingView(
        id=waiting.id,
        kind=waiting.kind,
        status=waiting.status,
        base_generation=waiting.base_generation,
        changes=[ConfigChange(**change) for change in waiting.changes],
        target=str(waiting.body.get("target") or waiting.body.get("scope") or ""),
        reason=waiting.reason,
        by=waiting.author,
        created_at=format_ns(waiting.created_at_ns),
        until=None if waiting.effective_at_ns is None else format_ns(waiting.effective_at_ns),
        ended_by=waiting.decided_by,
        ended_why=waiting.detail,
    )


def _version(version: Version) -> ConfigVersion:
    return ConfigVersion(
        generation=version.generation,
        base_generation=version.base_generation,
        kind=version.kind,
        by=version.author,
        role=version.role,
        reason=version.reason,
        created_at=format_ns(version.created_at_ns),
        digest=version.digest,
        changes=[ConfigChange(**change) for change in version.changes],
    )


@router.get("/config")
async def config(actor: Reader, ctx: Ctx, response: Response) -> ConfigState:
    """The document in force, the generation the runner applied, and what waits."""
    version = ctx.desired
    since_ns = ctx.clock.now_ns() - SUPERSEDED_SHOWN_NS

    def read(
        session: ReadSession,
    ) -> tuple[int, list[Condition], list[PendingView], list[PendingView]]:
        return (
            readmodel.observed(session, ctx.settings.runner),
            [
                Condition(
                    subject=row["subject"],
                    type=row["type"],
                    status=row["status"],
                    reason=row["reason"],
                    detail=row["detail"],
                    at=format_ns(row["at_ns"]),
                )
                for row in readmodel.conditions(session)
            ],
            [_pending(item) for item in store.open_pending(session)],
            [_pending(item) for item in store.overtaken(session, since_ns)],
        )

    observed, conditions, pending, superseded = await ctx.store.read(read)
    tag(response, version.generation)
    return ConfigState(
        generation=version.generation,
        observed_generation=observed,
        document=_document(version),
        digest=version.digest,
        by=version.author,
        reason=version.reason,
        created_at=format_ns(version.created_at_ns),
        conditions=conditions,
        pending=pending,
        superseded=superseded,
    )


def _document(version: Version) -> Document:
    return _DOCUMENT.validate_python(version.document)


@router.get("/config/schema")
async def config_schema(actor: Reader) -> Response:
    """The JSON Schema of the document, from which forms are drawn."""
    return Response(orjson.dumps(Document.model_json_schema()), media_type="application/json")


@looks.post("/config/validate")
async def validate(body: Candidate, actor: Reader, ctx: Ctx) -> ConfigDiff:
    """Whether a document would be accepted; every fault with its path. Changes nothing."""
    return await _judge(ctx, body, ctx.desired)


@looks.post("/config/diff")
async def compare(body: DiffRequest, actor: Reader, ctx: Ctx) -> ConfigDiff:
    """What a document, or an earlier version, would change. Changes nothing."""
    against = ctx.desired
    if body.against is not None:
        number = body.against
        against = await ctx.store.read(lambda r: service.version(r, number))
    if body.generation is not None:
        number = body.generation
        other = await ctx.store.read(lambda r: service.version(r, number))
        return await _judge(ctx, Candidate(document=dict(other.document)), against)
    return await _judge(ctx, body, against)


async def _judge(ctx: Context, body: Candidate, against: Version) -> ConfigDiff:
    try:
        document = rules.read(tree_of(body), ctx.library)
    except TradedeckError as error:
        if not error.faults:
            raise
        return ConfigDiff(
            valid=False,
            code=error.code.value,
            errors=[FaultView(path=f.path, reason=f.reason) for f in error.faults],
        )
    plain = document.plain()
    changes = await ctx.store.read(lambda r: service.changes_of(r, against, plain))
    loosens = effect(changes) is Effect.LOOSEN
    return ConfigDiff(
        valid=True,
        changes=desk.wire_changes(changes),
        effect=effect(changes),
        needs_step_up=loosens,
        wait_s=ctx.settings.loosening_wait_s if loosens else 0,
    )


@router.put("/config")
async def put_config(
    body: NewConfig, actor: Writer, ctx: Ctx, response: Response, if_match: IfMatch = None
) -> Receipt:
    """Put a document in force. Loosening a limit needs reason and step-up, and waits."""
    base, tree = base_of(if_match), tree_of(body)
    return await _apply(ctx, response, Wish(actor, lambda _: tree, base, body.reason, body.step_up))


@router.patch("/config")
async def patch_config(
    body: PatchConfig, actor: Writer, ctx: Ctx, response: Response, if_match: IfMatch = None
) -> Receipt:
    """Change parts of the document."""
    base, patch = base_of(if_match), parse.bounded(body.patch)
    return await _apply(
        ctx,
        response,
        Wish(actor, lambda old: merge_patch(old, patch), base, body.reason, body.step_up),
    )


@router.post("/config/rollback")
async def rollback(
    body: Rollback, actor: Writer, ctx: Ctx, response: Response, if_match: IfMatch = None
) -> Receipt:
    """Put an earlier document in force again, as a new version under the same rules."""
    base = base_of(if_match, needed=False)
    earlier = await ctx.store.read(lambda r: service.version(r, body.generation))
    wish = Wish(
        actor,
        lambda _: earlier.document,
        base,
        body.reason,
        body.step_up,
        Action.CONFIG_ROLLBACK,
        f"version {body.generation}",
        Kind.ROLLBACK,
    )
    return await _apply(ctx, response, wish)


async def _apply(ctx: Context, response: Response, wish: Wish) -> Receipt:
    outcome = await desk.change(ctx, wish)
    tag(response, outcome.version.generation)
    return desk.receipt(outcome)


@router.get("/config/history")
async def history(
    actor: Reader,
    ctx: Ctx,
    cursor: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ConfigHistory:
    """Every version, newest first: who, when, why, what."""
    found = await ctx.store.read(lambda r: store.history(r, before=cursor, limit=limit))
    last = found[-1].generation if len(found) == limit else None
    return ConfigHistory(items=[_version(item) for item in found], next_cursor=last)


@router.get("/config/versions/{generation}")
async def one_version(generation: Generation, actor: Reader, ctx: Ctx) -> ConfigVersionFull:
    """One version with its document."""
    found = await ctx.store.read(lambda r: service.version(r, generation))
    return ConfigVersionFull(**_version(found).model_dump(), document=_document(found))


@router.get("/config/pending")
async def pending(actor: Reader, ctx: Ctx) -> PendingList:
    """What waits for its time, or for a second word."""
    found = await ctx.store.read(store.open_pending)
    return PendingList(items=[_pending(item) for item in found])


@router.post("/config/pending/{identifier}/approve")
async def approve(
    identifier: PendingId,
    body: Approval,
    actor: Annotated[Actor, requires(Permission.CONFIG_LOOSEN)],
    ctx: Ctx,
) -> PendingView:
    """Approve a hand edit that loosens; it then waits its time, cancellable."""
    now = ctx.clock.now_ns()
    wait_ns = int(ctx.settings.loosening_wait_s * NS_PER_S)
    if body.step_up is None and not is_fresh(ctx, actor):
        raise await step_up_needed(ctx, actor)

    def work(write: WriteSession) -> Pending:
        if body.step_up is not None:
            identity.use_step_up(write, body.step_up, actor=actor, now_ns=now)
        who, reason = actor.who(), body.reason
        if governance.is_desk(write, actor.tenant, Permission.CONFIG_LOOSEN, now_ns=now):
            held = service.hold(write, identifier, who=who, reason=reason, now_ns=now)
            desk.second(write, held, actor=actor, reason=reason, now_ns=now)
            return held
        return service.approve(
            write, identifier, who=who, reason=reason, wait_ns=wait_ns, now_ns=now
        )

    try:
        return _pending(await ctx.store.write(work))
    except TradedeckError as error:
        await desk.refused(ctx, actor, Action.PENDING_APPROVE, identifier, error)
        raise


@stopping.delete("/config/pending/{identifier}")
async def cancel(identifier: PendingId, actor: Writer, ctx: Ctx) -> Receipt:
    """Take back what waits."""
    now = ctx.clock.now_ns()
    record = await ctx.store.write(
        lambda w: service.cancel(w, identifier, who=actor.who(), reason="", now_ns=now)
    )
    return Receipt(audit_id=record)
