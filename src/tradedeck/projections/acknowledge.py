"""An alert that somebody has looked at: the one fact about alerts that is born in the api."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.projections import tables as t
from tradedeck.projections.apply import append_own
from tradedeck.projections.types import Event
from tradedeck.store.sessions import WriteSession

KIND = "alert.acknowledged"


def acknowledge(
    session: WriteSession, alert: int, *, by: str, note: str | None, now_ns: int
) -> tuple[dict[str, Any], Event]:
    """Mark an alert and state it.

    Raises:
        KeyError: there is none.
        TradedeckError: CONFLICT, somebody has acknowledged it before.
    """
    found = session.first(select(t.alerts).where(t.alerts.c.id == alert))
    if found is None:
        raise KeyError(alert)
    row = dict(found)
    if row["acknowledged_ns"] is not None:
        raise TradedeckError(
            Code.CONFLICT, f"{row['acknowledged_by']} has acknowledged this alert already."
        )
    row |= {"acknowledged_ns": now_ns, "acknowledged_by": by, "note": note}
    session.execute(
        t.alerts.update()
        .where(t.alerts.c.id == alert)
        .values(acknowledged_ns=now_ns, acknowledged_by=by, note=note)
    )
    body = {"alert": alert, "code": row["code"], "subject": row["subject"], "by": by, "note": note}
    return row, append_own(session, KIND, body, now_ns)
