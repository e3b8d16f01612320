"""The life of jobs in the store. The caller's transaction; the caller's clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import func, select

from tradedeck.jobs import rules
from tradedeck.jobs.tables import jobs
from tradedeck.jobs.types import ENDS, Job, JobKind, State
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.store.sessions import ReadSession, WriteSession

_COLUMNS = [column for column in jobs.columns if column.name != "result"]
_SHOWN = (*_COLUMNS, jobs.c.result.is_not(None).label("has_result"))


def create(
    session: WriteSession, kind: JobKind, params: Mapping[str, Any], *, by: str, now_ns: int
) -> Job:
    """Put a job in line.

    Raises:
        TradedeckError: TOO_MANY when the line is full.
    """
    waiting = session.scalar(
        select(func.count()).select_from(jobs).where(jobs.c.state == State.QUEUED.value)
    )
    if int(waiting or 0) >= rules.QUEUED_MAX:
        raise TradedeckError(
            Code.TOO_MANY, f"{rules.QUEUED_MAX} jobs are waiting.", hint="Cancel some, or wait."
        )
    name = new_id("job", now_ns)
    session.insert(
        jobs,
        [
            {
                "id": name,
                "kind": kind.value,
                "state": State.QUEUED.value,
                "params": orjson.dumps(params).decode(),
                "author": by,
                "worker": "",
                "progress": 0.0,
                "cancel_requested": False,
                "created_at_ns": now_ns,
                "detail": "",
                "attempts": 0,
                "bars": 0,
                "code": "",
            }
        ],
    )
    return _found(session, name)


def job(session: ReadSession, name: str) -> Job | None:
    """One job."""
    row = session.first(select(*_SHOWN).where(jobs.c.id == name))
    return None if row is None else _job(row)


def page(session: ReadSession, *, before: str | None, limit: int) -> list[Job]:
    """Newest first; ids sort by the time they were made."""
    statement = select(*_SHOWN).order_by(jobs.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(jobs.c.id < before)
    return [_job(row) for row in session.all(statement)]


def result(session: ReadSession, name: str) -> str | None:
    """The result of a job as JSON text."""
    return session.scalar(select(jobs.c.result).where(jobs.c.id == name))


def claim(session: WriteSession, worker: str, now_ns: int) -> Job | None:
    """Give the oldest waiting job to a worker."""
    row = session.first(
        select(*_SHOWN).where(jobs.c.state == State.QUEUED.value).order_by(jobs.c.id).limit(1)
    )
    if row is None:
        return None
    _set(
        session,
        row["id"],
        state=State.RUNNING.value,
        worker=worker,
        started_at_ns=now_ns,
        heard_at_ns=now_ns,
        attempts=row["attempts"] + 1,
        progress=0.0,
        bars=0,
        detail="",
    )
    return _found(session, row["id"])


def progress(
    session: WriteSession, name: str, worker: str, *, bars: int, total: int, now_ns: int
) -> bool:
    """Note how far a worker is; returns whether it is to stop."""
    found = rules.check_worker(job(session, name), worker)
    share = min(1.0, bars / total) if total > 0 else found.progress
    _set(session, name, heard_at_ns=now_ns, bars=bars, progress=max(found.progress, share))
    return found.cancel_requested


def done(
    session: WriteSession,
    name: str,
    worker: str,
    *,
    state: str,
    code: str,
    detail: str,
    outcome: str | None,
    now_ns: int,
) -> Job:
    """A worker's last word; accepted once."""
    found = rules.check_worker(job(session, name), worker)
    end = rules.check_end(state)
    _set(
        session,
        name,
        state=end.value,
        ended_at_ns=now_ns,
        code=code[:60],
        detail=detail[:2_000],
        result=outcome,
        heard_at_ns=now_ns,
        progress=1.0 if end is State.SUCCEEDED else found.progress,
    )
    return _found(session, name)


def cancel(session: WriteSession, name: str, now_ns: int) -> Job:
    """End a waiting job now; ask the worker of a running one to stop.

    Raises:
        TradedeckError: NOT_FOUND; CONFLICT when it has ended.
    """
    found = _found(session, name)
    if found.state in ENDS:
        raise TradedeckError(Code.CONFLICT, f"The job is {found.state} already.")
    if found.state is State.QUEUED:
        _set(
            session,
            name,
            state=State.CANCELLED.value,
            ended_at_ns=now_ns,
            cancel_requested=True,
            detail="cancelled before it began",
        )
    else:
        _set(session, name, cancel_requested=True)
    return _found(session, name)


def sweep(session: WriteSession, now_ns: int, since_ns: int) -> list[Job]:
    """Deal with jobs whose worker fell silent; returns those that changed."""
    running = session.all(select(*_SHOWN).where(jobs.c.state == State.RUNNING.value))
    changed: list[Job] = []
    for found in (_job(row) for row in running):
        if not rules.is_silent(found, now_ns, since_ns):
            continue
        state, code, detail = rules.after_silence(found)
        ended = now_ns if state in ENDS else None
        _set(
            session,
            found.id,
            state=state.value,
            worker="",
            code=code,
            detail=detail,
            ended_at_ns=ended,
        )
        changed.append(_found(session, found.id))
    return changed


def _set(session: WriteSession, name: str, **values: Any) -> None:
    changed = session.execute(jobs.update().where(jobs.c.id == name).values(**values))
    assert changed.rowcount == 1


def _found(session: ReadSession, name: str) -> Job:
    found = job(session, name)
    if found is None:
        raise TradedeckError(Code.NOT_FOUND, f"There is no job {name}.")
    return found


def _job(row: Mapping[str, Any]) -> Job:
    return Job(
        row["id"],
        JobKind(row["kind"]),
        State(row["state"]),
        orjson.loads(row["params"]),
        row["author"],
        row["worker"],
        row["progress"],
        row["bars"],
        row["attempts"],
        bool(row["cancel_requested"]),
        row["created_at_ns"],
        row["started_at_ns"],
        row["heard_at_ns"],
        row["ended_at_ns"],
        row["code"],
        row["detail"],
        bool(row["has_result"]),
    )
