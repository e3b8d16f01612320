"""What holds around a decision: the conditions that the gate is told, each by its own clock."""

from __future__ import annotations

from tradedeck.runner.world import Trader, World
from tradedeck.trading.market import Bar


def observe(world: World, trader: Trader, bar: Bar) -> None:
    """Bring the conditions of the trader's slot up to this bar."""
    slot = trader.slot
    assert slot is not None
    plan = trader.plan
    account = world.accounts[plan.account]
    conditions = slot.conditions
    conditions.mode = account.verdict.mode
    conditions.running = plan.state == "running" and trader.state.value == "running"
    conditions.venue_ready = world.link is not None and world.link.connected and account.reconciled
    conditions.guarded = world.stops is None or world.stops.guarded
    conditions.owned = not account.engine.locked
    conditions.journal_room = not (world.unwritten or world.journal.full)
    breaker = world.breakers.denying(
        f"trader/{plan.id}", f"account/{plan.account}", f"feed/{plan.feed}"
    )
    conditions.breaker = "" if breaker is None else breaker.breaker.value
    run = world.feeds.get(plan.feed)
    conditions.data_fresh = run is not None and run.usable(world.clock.now_ns())
    conditions.session_open = not plan.session_gate or world.calendar(
        slot.instrument.calendar
    ).open_to(bar.end_ns)
