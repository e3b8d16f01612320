"""What the supervisor is told about a process, and what it knows of it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Where a process stands."""

    IDLE = "idle"  # started when asked for
    WAITING = "waiting"  # for a process it needs
    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Spec:
    """One process: how it is started and what is expected of it.

    Attributes:
        environment: everything it gets; nothing is inherited.
        needs: processes that must have been ready once before its first start.
        probe: (host, port) that greets whoever connects; None: it speaks on its descriptor.
        lazy: started only when asked for; ending with 0 is its way to rest.
        finishes: ending with 0 ends `up` (a runner with a number of cycles).
        stop_rank: lower ranks are stopped first.
        silent_s_max: how long its working loop may say nothing before it is killed; 0: for ever.

    """

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)
    needs: tuple[str, ...] = ()
    probe: tuple[str, int] | None = None
    lazy: bool = False
    finishes: bool = False
    stop_rank: int = 0
    silent_s_max: float = 0.0


@dataclass(slots=True)
class Child:
    """What is known of a process now."""

    spec: Spec
    state: State
    since_ns: int
    pid: int | None = None
    starts: int = 0
    ready_once: bool = False
    started_mono: float = 0.0
    ready_mono: float | None = None
    beat_mono: float = 0.0
    probe_mono: float = 0.0
    hung: bool = False
    last_words: str = ""
    detail: str = ""
    ends: list[tuple[float, bool]] = field(default_factory=list[tuple[float, bool]])
    said_second: int = 0
    said: int = 0

    @property
    def restarts(self) -> int:
        """Starts beyond the first."""
        return max(0, self.starts - 1)
