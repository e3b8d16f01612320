"""What a venue declares of itself; the core picks each recovery path from this record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Idempotency(StrEnum):
    """How long a client id protects against a second order."""

    PERMANENT = "permanent"
    WHILE_OPEN = "while_open"
    WINDOW = "window"
    NONE = "none"


class Lookup(StrEnum):
    """Which orders can be found by client id."""

    ANY = "any"
    OPEN_ONLY = "open_only"
    NONE = "none"


class Close(StrEnum):
    """How a position can be closed without the risk of a flip."""

    NATIVE_ALL = "native_all"
    REDUCE_ONLY = "reduce_only"
    NO_SHORT = "no_short"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Capability:
    """A venue's declared behaviour, proved by the conformance cases.

    `max_late_s`: how long after its send an order may still appear; `order_rate`: orders per
    second; `log_since_id`: whether its log can be read from a sequence number.
    """

    venue: str
    submit_idempotency: Idempotency
    lookup_by_client_id: Lookup
    log_since_id: bool
    stream_resume: bool
    cancel_all: str
    dead_man_timer: bool
    replace: str
    close: Close
    max_late_s: float
    order_rate: float | None = None
    heartbeat_s: float | None = None

    def behind(self, latency_s: float) -> Capability:
        """The same venue with its sends delayed by `latency_s` seconds."""
        return replace(self, max_late_s=self.max_late_s + latency_s)

    def of(self, model: Mapping[str, Any]) -> Capability:
        """The same venue as an account's exchange model has it."""
        own = self.behind(int(model.get("latency_ms") or 0) / 1000)
        return replace(own, dead_man_timer=model.get("dead_man_timer") is True)


PAPER = Capability(
    venue="paper",
    submit_idempotency=Idempotency.PERMANENT,
    lookup_by_client_id=Lookup.ANY,
    log_since_id=True,
    stream_resume=True,
    cancel_all="native",
    dead_man_timer=False,
    replace="atomic",
    close=Close.REDUCE_ONLY,
    # An order is applied in the turn that reads it; an exchange that is starved of time may read
    # what a dead runner had written a little after it answers somebody else.
    max_late_s=1.0,
)
