"""A replay that begins again: what it held was closed first, so that no price jump is booked."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.runner.harness import document, rig, trader

pytestmark = pytest.mark.processes


def test_a_new_lap_starts_flat_and_the_jump_back_is_nobodys_loss(tmp_path: Path) -> None:
    """AAA doubles over a lap: carried over, each lap would end with a loss of the whole rise."""
    closes = {"AAA": [100.0 + n for n in range(100)]}
    holder = trader("holder", "AAA", "buy-and-hold")
    limits = {"day_loss_max": {"bound": "500", "action": "pause"}}
    with rig(tmp_path, document([holder], speed=100, limits=limits), closes=closes) as deck:
        fills = [e.body["fill"] for e in deck.wait("order.filled", count=4)]
        deck.kill("runner", 15)
        assert [fill["side"] for fill in fills[:4]] == ["BUY", "SELL", "BUY", "SELL"]
        assert Decimal(fills[1]["price"]) > 190
        assert Decimal(fills[2]["price"]) < 110
        assert deck.entries("halt.set", "limit.breached", "order.denied") == []
        assert all(Decimal(str(e.body["day_pnl"])) > -50 for e in deck.entries("equity"))
