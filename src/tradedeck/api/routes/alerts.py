"""What a person must look at, and that one did."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from tradedeck.api import export
from tradedeck.api.access import requires
from tradedeck.api.context import Ctx
from tradedeck.api.pull import announce
from tradedeck.api.reading import Cursor, Limit, answer, listed
from tradedeck.api.views import AlertPage, AlertView
from tradedeck.api.wire import Reason, Wire
from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.projections.acknowledge import acknowledge
from tradedeck.projections.types import Event
from tradedeck.readmodels import lists
from tradedeck.store.sessions import WriteSession

router = APIRouter(tags=["alerts"])


class Acknowledgement(Wire):
    """What the one who looks wants to say."""

    note: Reason | None = None


@router.get("/alerts", response_model=AlertPage)
async def alerts(
    actor: Annotated[Actor, requires(Permission.READ)],
    ctx: Ctx,
    state: Annotated[str, Query(pattern="^(open|all)$")] = "open",
    severity: Annotated[str | None, Query(pattern="^(info|warning|critical)$")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Alerts nobody has acknowledged, or all of them; newest first."""
    equal = {} if severity is None else {"severity": severity}
    missing = ("acknowledged_ns",) if state == "open" else ()
    return await listed(
        ctx,
        actor,
        lists.ALERTS,
        lists.Query(equal=equal, missing=missing),
        cursor=cursor,
        limit=limit,
        form=export.Format.JSON,
        name="alerts",
    )


@router.post("/alerts/{alert}/acknowledge", response_model=AlertView)
async def acknowledge_alert(
    alert: Annotated[str, Path(pattern="^[0-9]{1,16}$")],
    actor: Annotated[Actor, requires(Permission.ALERT_ACKNOWLEDGE)],
    ctx: Ctx,
    body: Acknowledgement | None = None,
) -> Response:
    """Say that somebody looks after it; recorded with who and when."""
    now, note = ctx.clock.now_ns(), body.note if body else None

    def work(write: WriteSession) -> tuple[dict[str, object], Event]:
        row, event = acknowledge(write, int(alert), by=actor.name, note=note, now_ns=now)
        act = Act(
            Action.ALERT_ACKNOWLEDGE,
            actor.who(),
            f"alert/{alert}",
            reason=note or "",
            after={"code": row["code"], "subject": row["subject"]},
        )
        audit.append(write, act, now_ns=now)
        return row, event

    try:
        row, event = await ctx.store.write(work)
    except KeyError:
        raise TradedeckError(Code.NOT_FOUND, f"There is no alert {alert}.") from None
    announce(ctx, [event])
    return answer(lists.alert_view(row))
