"""The newest desired document, as screens need it. Which one is in force is `desired`'s to say."""

from __future__ import annotations

from typing import Any, cast

import orjson
from sqlalchemy import select

from tradedeck.desired.tables import desired_versions
from tradedeck.store.sessions import ReadSession

Document = dict[str, Any]


def newest(session: ReadSession, known: tuple[int, Document] | None = None) -> tuple[int, Document]:
    """Generation and document; parsed only when it is newer than `known`. (0, {}) before any."""
    columns = desired_versions.c
    generation = session.scalar(
        select(columns.generation).order_by(columns.generation.desc()).limit(1)
    )
    if generation is None:
        return 0, {}
    if known is not None and known[0] == generation:
        return known
    text = session.scalar(select(columns.document).where(columns.generation == generation))
    return int(generation), cast("Document", orjson.loads(text))


def listed(document: Document, name: str) -> list[dict[str, Any]]:
    """One of the document's lists; empty where it is absent."""
    found: Any = document.get(name)
    return cast("list[dict[str, Any]]", found) if isinstance(found, list) else []


def by_id(document: Document, name: str) -> dict[str, dict[str, Any]]:
    """The same by id."""
    return {str(item["id"]): item for item in listed(document, name)}
