"""The shapes of what explains an account: its orders over time, the market it is in, its past."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from tradedeck.api.wire import Instant
from tradedeck.marketdata.regime import Regime


class ExecutionBucket(BaseModel):
    """Orders decided from `time` on, for one width."""

    time: Instant
    filled: int
    refused: int
    other: int


class Execution(BaseModel):
    """How orders of an account went; the newest 20,000 of the running lap of a replay."""

    account: str
    width_s: float
    buckets: list[ExecutionBucket]
    orders: int
    filled: int
    refused: int
    working: int
    last_minute: int
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    slippage_bp: float | None


class RegimeSpan(BaseModel):
    """Consecutive bars of one regime, from the first close to the last."""

    start: Instant
    end: Instant
    regime: Regime


class RegimeView(BaseModel):
    """What the market of an account's traders was doing; `formula` says how it was told."""

    account: str
    instruments: list[str]
    spans: list[RegimeSpan]
    formula: str


class EventView(BaseModel):
    """A committed entry, as the stream sends it."""

    seq: int
    at: Instant
    source: str
    kind: str
    body: dict[str, Any]


class EventPage(BaseModel):
    """Newest first."""

    items: list[EventView]
    next_cursor: str | None
