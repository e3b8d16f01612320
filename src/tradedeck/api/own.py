"""The user's own strategies: taken from what the runner journaled when it started.

No process but a strategy host imports their code; here only their metadata arrives.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from tradedeck.api.context import Context
from tradedeck.readmodels.config import own_strategies

EVERY_S = 1.0


async def follow(context: Context) -> None:
    """The loop that keeps the library level with the newest start of the runner."""
    seen = 0
    runner = context.settings.runner
    while not context.closing.is_set():
        newest, found = await context.store.read(
            lambda read, after=seen: own_strategies(read, runner, after=after)
        )
        if newest != seen:
            context.library.replace_foreign(
                [cast("dict[str, Any]", item) for item in found if isinstance(item, dict)]
            )
            seen = newest
        await asyncio.sleep(EVERY_S)
