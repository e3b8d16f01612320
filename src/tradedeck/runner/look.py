"""What the venue shows now, for whoever is about to stop something: positions and working orders.

Foreign ones included: a kill closes them too, so its preview must name them.
"""

from __future__ import annotations

from typing import Any

from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.errors import TradedeckError
from tradedeck.runner.world import World


async def look(world: World) -> dict[str, Any]:
    """Per account: positions in signed units, working orders; or why it cannot be seen."""
    found: dict[str, Any] = {}
    for name, account in world.accounts.items():
        if world.link is None or not account.executes:
            found[name] = {"positions": {}, "working": [], "seq": 0, "detail": ""}
            continue
        try:
            theirs = await world.link.account(name)
        except TradedeckError as error:
            found[name] = {"detail": error.detail}
            continue
        found[name] = {
            "positions": {s: decimal_text(units) for s, units in theirs.positions.items()},
            "working": [order.to_body() for order in theirs.working],
            "seq": theirs.seq,
            "detail": "",
        }
    return {"accounts": found, "at_ns": world.clock.now_ns()}
