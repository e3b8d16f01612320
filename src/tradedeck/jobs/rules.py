"""What may become of a job. Pure.

    queued → running → succeeded | failed | cancelled | timed_out
    queued → cancelled;  running → queued once, when its worker fell silent

An end is final: whatever a worker says later is not taken.
"""

from __future__ import annotations

from typing import Final

from tradedeck.jobs.types import ENDS, WORKER_LOST, Job, State
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError

SILENT_NS: Final = 15 * NS_PER_S  # a worker reports every second
ATTEMPTS_MAX: Final = 2
QUEUED_MAX: Final = 200
TIME_S_MAX: Final = 600
MEMORY_BYTES_MAX: Final = 2 * 1024**3


def check_worker(job: Job | None, worker: str) -> Job:
    """The job, if it is the worker's to speak of.

    Raises:
        TradedeckError: NOT_FOUND; CONFLICT when it ended or is another's.
    """
    if job is None:
        raise TradedeckError(Code.NOT_FOUND, "There is no such job.")
    if job.state is not State.RUNNING or job.worker != worker:
        raise TradedeckError(Code.CONFLICT, f"The job is {job.state} and not this worker's.")
    return job


def check_end(state: str) -> State:
    """How a worker says a job ended.

    Raises:
        TradedeckError: INVALID for a word that is no end.
    """
    if state not in {end.value for end in ENDS}:
        raise TradedeckError(Code.INVALID, f"{state!r} is not an end of a job.")
    return State(state)


def after_silence(job: Job) -> tuple[State, str, str]:
    """What becomes of a running job whose worker fell silent: state, code, words."""
    if job.cancel_requested:
        return State.CANCELLED, "", "cancelled; the worker was gone"
    if job.attempts < ATTEMPTS_MAX:
        return State.QUEUED, "", "its worker fell silent; it is begun again"
    return State.FAILED, WORKER_LOST, "its worker fell silent twice"


def is_silent(job: Job, now_ns: int, since_ns: int) -> bool:
    """Whether a running job has been silent for too long.

    Args:
        job: a job.
        now_ns: now.
        since_ns: when this api started: before it nobody could be heard.
    """
    heard = max(job.heard_ns or 0, job.started_ns or 0, since_ns)
    return job.state is State.RUNNING and now_ns - heard > SILENT_NS
