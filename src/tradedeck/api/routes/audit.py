"""The audit record: pages of it, and whether its chain holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query

from tradedeck.api.access import requires
from tradedeck.api.context import Ctx
from tradedeck.api.reading import From, To, instant_ns
from tradedeck.api.wire import AuditPage, AuditRecord, AuditVerdict
from tradedeck.audit import service, store
from tradedeck.audit.types import Action, Result
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel import canonical
from tradedeck.kernel.clock import format_ns

router = APIRouter(tags=["audit"])
SEQ_MAX = 2**53  # what JavaScript can count


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
    """Walk the whole chain now."""
    verdict = await ctx.store.read(service.verify)
    return AuditVerdict(
        ok=verdict.ok,
        records=verdict.records,
        head=verdict.head,
        broken_at=verdict.broken_at,
        detail=verdict.detail,
    )
