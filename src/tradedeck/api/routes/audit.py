"""The audit record: pages of it, whether it holds, and proofs for those who do not trust us."""

from __future__ import annotations

import asyncio
import pathlib
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import StringConstraints
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from tradedeck.api.access import requires
from tradedeck.api.context import Context, Ctx
from tradedeck.api.reading import From, To, instant_ns
from tradedeck.api.wire import (
    AuditCheckpoint,
    AuditConsistency,
    AuditPage,
    AuditProof,
    AuditRecord,
    AuditVerdict,
    AuditWitnessed,
    Wire,
)
from tradedeck.audit import cosigned, export, store
from tradedeck.audit.merkle import leaf_hash
from tradedeck.audit.notes import NOTE_BYTES_MAX, Checkpoint
from tradedeck.audit.tree import View
from tradedeck.audit.types import Act, Action, Result, Verdict
from tradedeck.audit.verify import verify
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel import canonical
from tradedeck.kernel.clock import format_ns
from tradedeck.kernel.errors import Code, TradedeckError

router = APIRouter(tags=["audit"])
SEQ_MAX = 2**53  # what JavaScript can count
TAR = "application/x-tar"


def _record(row: Mapping[str, Any]) -> AuditRecord:
    return AuditRecord(
        seq=row["seq"],
        at=format_ns(row["at_ns"]),
        actor=row["actor"],
        role=row["role"],
        source=row["session"],
        address=row["address"],
        act=Action(row["action"]),
        target=row["target"],
        before=_value(row["before"]),
        after=_value(row["after"]),
        outcome=Result(row["result"]),
        code=row["code"],
        detail=row["reason"],
        audit_id=row["correlation"],
        hash=row["hash"],
    )


def _value(text: str | None) -> Any:
    return None if text is None else canonical.decode(text)


@router.get("/audit")
async def audit_page(
    actor: Annotated[Actor, requires(Permission.AUDIT_READ)],
    ctx: Ctx,
    cursor: Annotated[int | None, Query(ge=1, le=SEQ_MAX)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    act: Action | None = None,
    outcome: Result | None = None,
    who: Annotated[str | None, Query(alias="actor", max_length=100)] = None,
    audit_id: Annotated[str | None, Query(max_length=40)] = None,
    q: Annotated[
        str,
        Query(max_length=100, description="Part of who, what, on what, why or the audit id."),
    ] = "",
    from_: From = None,
    to: To = None,
) -> AuditPage:
    """Who did what, newest first."""
    begin, end = instant_ns(from_, "from"), instant_ns(to, "to")
    wanted = {"action": act, "result": outcome, "actor": who, "correlation": audit_id}
    filters = {name: str(value) for name, value in wanted.items() if value is not None}
    rows = await ctx.store.read(
        lambda r: store.page(
            r,
            before_seq=cursor,
            limit=limit,
            filters=filters,
            text=q,
            from_ns=begin,
            to_ns=end,
        )
    )
    last = int(rows[-1]["seq"]) if len(rows) == limit else None
    return AuditPage(items=[_record(row) for row in rows], next_cursor=last)


@router.get("/audit/verify")
async def audit_verify(
    actor: Annotated[Actor, requires(Permission.AUDIT_READ)], ctx: Ctx
) -> AuditVerdict:
    """Walk every record now: the chain, the tree over it, its files and its signature."""
    try:
        view = await ctx.trail.caught_up()
    except TradedeckError as error:
        return await _without(ctx, error)
    fresh = View(view.tiles.folder, view.verifier)  # what is on disk, not what is remembered
    return _verdict(await ctx.store.read(lambda r: verify(r, fresh)))


async def _without(ctx: Context, error: TradedeckError) -> AuditVerdict:
    """The verdict where the log cannot be brought up to date: where it breaks, if that is found."""
    found = await ctx.store.read(lambda r: verify(r, ctx.trail.view()))
    if found.ok:
        found = replace(found, ok=False, detail=error.detail)
    return _verdict(found)


def _verdict(verdict: Verdict) -> AuditVerdict:
    return AuditVerdict(
        ok=verdict.ok,
        records=verdict.records,
        head=verdict.head,
        broken_at=verdict.broken_at,
        detail=verdict.detail,
        tree=verdict.tree,
        root=verdict.root,
    )


@router.get("/audit/checkpoint")
async def audit_checkpoint(
    actor: Annotated[Actor, requires(Permission.AUDIT_WITNESS)], ctx: Ctx
) -> AuditCheckpoint:
    """What the log commits to now, signed."""
    log = await ctx.trail.caught_up()
    note, checkpoint = log.note()
    return _checkpoint(ctx, log, note, checkpoint)


class Cosignature(Wire):
    """A checkpoint of this log with a witness's signature under it."""

    note: Annotated[str, StringConstraints(min_length=1, max_length=NOTE_BYTES_MAX)]


@router.post("/audit/cosignatures")
async def audit_cosign(
    actor: Annotated[Actor, requires(Permission.AUDIT_WITNESS)], ctx: Ctx, body: Cosignature
) -> AuditWitnessed:
    """Keep what a witness signed. Its signature speaks for it, not the one who hands it in."""
    log = await ctx.trail.caught_up()
    data = body.note.encode()
    return _witnessed(await asyncio.to_thread(cosigned.take, log, data, ctx.trail.witnesses))


@router.get("/audit/consistency")
async def audit_consistency(
    actor: Annotated[Actor, requires(Permission.AUDIT_WITNESS)],
    ctx: Ctx,
    old: Annotated[int, Query(ge=0, le=SEQ_MAX)],
    size: Annotated[int, Query(ge=0, le=SEQ_MAX)],
) -> AuditConsistency:
    """That the tree of `size` begins with the tree of `old`."""
    log = await ctx.trail.caught_up()
    hashes = await asyncio.to_thread(log.consistency, old, size)
    return AuditConsistency(old=old, size=size, hashes=[each.hex() for each in hashes])


@router.get("/audit/proof/{seq}")
async def audit_proof(
    actor: Annotated[Actor, requires(Permission.AUDIT_READ)],
    ctx: Ctx,
    seq: Annotated[int, Path(ge=1, le=SEQ_MAX)],
) -> AuditProof:
    """A record's place in the tree."""
    if not await ctx.store.read(lambda r: store.owned(r, seq)):
        raise TradedeckError(Code.NOT_FOUND, f"There is no record {seq}.")
    log = await ctx.trail.caught_up()
    proof = await asyncio.to_thread(log.prove, seq - 1)
    return AuditProof(
        seq=seq,
        index=proof.index,
        entry=proof.entry.decode(),
        leaf=leaf_hash(proof.entry).hex(),
        hashes=[each.hex() for each in proof.hashes],
        checkpoint=_checkpoint(ctx, log, proof.note, proof.checkpoint),
    )


@router.get(
    "/audit/export",
    response_class=FileResponse,
    responses={200: {"content": {TAR: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def audit_export(
    actor: Annotated[Actor, requires(Permission.AUDIT_READ)], ctx: Ctx
) -> FileResponse:
    """The whole log as one tar file, for a verifier elsewhere; recorded in the log itself.

    It holds the records of every tenant: only the first, whose host this is, has it.
    """
    ctx.host_only("The whole audit log")
    log = await ctx.trail.caught_up()
    await ctx.audit(Act(Action.DATA_EXPORT, actor.who(), "audit.tar"))
    path = await asyncio.to_thread(_tar, log)
    return FileResponse(
        path,
        media_type=TAR,
        filename="audit.tar",
        background=BackgroundTask(path.unlink, missing_ok=True),
    )


def _tar(log: View) -> pathlib.Path:
    with tempfile.NamedTemporaryFile(suffix=".tar", delete=False) as file:
        try:
            export.write(log, file)
        except BaseException:
            pathlib.Path(file.name).unlink()  # a file that is half an export helps nobody
            raise
    return pathlib.Path(file.name)


def _checkpoint(ctx: Context, log: View, note: bytes, checkpoint: Checkpoint) -> AuditCheckpoint:
    return AuditCheckpoint(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        key=log.verifier.text(),
        note=note.decode(),
        witnessed=[_witnessed(each) for each in cosigned.kept(log, ctx.trail.witnesses)],
    )


def _witnessed(found: cosigned.Cosigned) -> AuditWitnessed:
    return AuditWitnessed(
        witness=found.witness,
        size=found.checkpoint.size,
        at=format_ns(found.at_ns),
        note=found.note.decode(),
    )
