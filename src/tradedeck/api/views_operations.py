"""The shapes of component health and logs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from tradedeck.api.wire import Instant


class ComponentView(BaseModel):
    """How a part is."""

    id: str
    state: Literal["ok", "degraded", "down", "idle", "unknown"]
    detail: str
    since: Instant | None = None
    age_ms: int | None = None
    latency_ms: float | None = None
    queue: int | None = None
    sockets: int | None = None
    pid: int | None = None
    rss_mb: float | None = None
    build: str | None = None


class ComponentList(BaseModel):
    """Every part."""

    items: list[ComponentView]
    build: str


class LogLine(BaseModel):
    """One line of a log, redacted again."""

    at: str
    process: str
    level: str
    event: str
    fields: dict[str, Any]


class LogPage(BaseModel):
    """Oldest first, the newest last."""

    items: list[LogLine]
    truncated: bool
