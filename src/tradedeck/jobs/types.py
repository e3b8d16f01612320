"""Words of a job: its kinds, its states, itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class JobKind(StrEnum):
    """What a worker may be asked to do. Closed: a job is never code."""

    BACKTEST = "backtest"


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


ENDS = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.TIMED_OUT})
WORKER_LOST = "WORKER_LOST"


@dataclass(frozen=True, slots=True)
class Job:
    """One job as the store has it. `progress` is 0 to 1."""

    id: str
    kind: JobKind
    state: State
    params: dict[str, Any]
    author: str
    worker: str
    progress: float
    bars: int
    attempts: int
    cancel_requested: bool
    created_ns: int
    started_ns: int | None
    heard_ns: int | None
    ended_ns: int | None
    code: str
    detail: str
    has_result: bool
