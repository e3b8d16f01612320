"""`GET /health`: bare, anonymous, from memory."""

from __future__ import annotations

from fastapi import APIRouter

from tradedeck.api.wire import Health

router = APIRouter(tags=["health"])


@router.get("/health")
async def health() -> Health:
    """Alive. How well each part is: `/api/v1/health/components`."""
    return Health(status="ok")
