"""Clients that act as our own do: a new Idempotency-Key with every act that bears none."""

from __future__ import annotations

import secrets

import httpx


async def keyed(request: httpx.Request) -> None:
    """For `event_hooks` of an `httpx.AsyncClient`."""
    if request.method != "GET":
        request.headers.setdefault("idempotency-key", secrets.token_hex(8))


HOOKS = {"request": [keyed]}
