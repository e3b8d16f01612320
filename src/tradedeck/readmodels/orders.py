"""The life of one order: itself, every entry that moved it, its executions, its decision."""

from __future__ import annotations

from typing import Any, Final

import orjson
from sqlalchemy import select

from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as t
from tradedeck.readmodels.lists import fill_view, order_view
from tradedeck.readmodels.status import decision_view
from tradedeck.store.sessions import ReadSession

STEPS_MAX: Final = 1_000
_NEAR: Final = 200  # decisions around the order that are searched for it


def life_cycle(session: ReadSession, order: str) -> dict[str, Any] | None:
    """None when there is no such order."""
    row = session.first(select(t.orders).where(t.orders.c.id == order))
    if row is None:
        return None
    steps = session.all(
        select(t.entries.c.id, t.entries.c.at_ns, t.entries.c.kind, t.entries.c.body)
        .join(t.order_steps, t.order_steps.c.event == t.entries.c.id)
        .where(t.order_steps.c.order == order)
        .order_by(t.entries.c.id)
        .limit(STEPS_MAX)
    )
    fills = session.all(
        select(t.fills).where(t.fills.c.order == order).order_by(t.fills.c.event).limit(STEPS_MAX)
    )
    return {
        "order": order_view(row),
        "steps": [
            {
                "seq": step["id"],
                "at": format_ns(step["at_ns"]),
                "kind": step["kind"],
                "body": orjson.loads(step["body"]),
            }
            for step in steps
        ],
        "fills": [fill_view(fill) for fill in fills],
        "decision": _decision(session, row["trader"], row["event"], order),
    }


def _decision(session: ReadSession, trader: str, event: int, order: str) -> dict[str, Any] | None:
    """The decision that names the order: journaled in the same turn, before it or after."""
    columns = t.decisions.c
    near = session.all(
        select(columns.event, columns.body)
        .where(columns.trader == trader, columns.event.between(event - _NEAR, event + _NEAR))
        .order_by(columns.event)
    )
    for row in near:
        view = decision_view(row["event"], row["body"])
        if order in (view.get("orders") or ()):
            return view
    return None
