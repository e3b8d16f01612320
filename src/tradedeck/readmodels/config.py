"""What the runner says of itself: the version it applied, how it stands, its strategies."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import select

from tradedeck.kernel import canonical
from tradedeck.projections import tables as t
from tradedeck.store.sessions import ReadSession, Row

CONDITIONS_MAX = 2_000


def observed(session: ReadSession, runner: str) -> int:
    """The generation that the runner applied last; 0 when it was never heard."""
    statement = select(t.runners_observed.c.generation).where(t.runners_observed.c.source == runner)
    return int(session.scalar(statement) or 0)


def conditions(session: ReadSession) -> list[Row]:
    """Every condition as last reported; what was never reported is unknown, hence absent."""
    order = (t.conditions.c.subject, t.conditions.c.type)
    return session.all(select(t.conditions).order_by(*order).limit(CONDITIONS_MAX))


def own_strategies(session: ReadSession, runner: str, *, after: int) -> tuple[int, list[Any]]:
    """The user's own strategies as the newest start of the runner named them.

    Returns the event's id and the list; (after, []) where nothing is newer than `after`.
    """
    entries = t.entries.c
    row = session.first(
        select(entries.id, entries.body)
        .where(entries.kind == "runner.started", entries.source == runner, entries.id > after)
        .order_by(entries.id.desc())
        .limit(1)
    )
    if row is None:
        return after, []
    found = canonical.decode(row["body"]).get("strategies")
    return int(row["id"]), cast("list[Any]", found) if isinstance(found, list) else []
