"""Makes the bytes of `GET /status`: facts from the store, gauges from the wire, the session table.

Facts are read again only when something was committed since; ages and gauges are composed anew
each time, so an old snapshot never looks young.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from tradedeck import __version__
from tradedeck.adapters.calendars import tables as calendars
from tradedeck.api.context import Context
from tradedeck.api.live import Snapshot
from tradedeck.kernel.clock import NS_PER_S, parse_ns
from tradedeck.kernel.errors import TradedeckError
from tradedeck.readmodels.desired import by_id, listed
from tradedeck.readmodels.status import Facts, Heard, compose, instant, read_facts
from tradedeck.trading.instrument import CATALOGUE

PATH: Final = "/api/v1/status"
# Desired versions are written without an event; so old may they be here.
FACTS_NS_MAX: Final = NS_PER_S


class StatusMaker:
    """The facts of the last read, and when they were read."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._facts = Facts()
        self._published = -1
        self._read_ns = 0

    async def facts(self) -> Facts:
        """Facts that are as new as what was published, and at most a second old."""
        context, live = self._context, self._context.live
        now = context.clock.now_ns()
        published = live.hub.published
        if published != self._published or now - self._read_ns > FACTS_NS_MAX:
            known = (self._facts.generation, self._facts.document)
            self._facts = await context.store.read(
                lambda r: read_facts(r, context.settings.runner, known)
            )
            self._published, self._read_ns = published, now
        return self._facts

    async def body(self) -> dict[str, Any]:
        """The snapshot now."""
        facts = await self.facts()
        now = self._context.clock.now_ns()
        body = compose(facts, heard(self._context), build=__version__, now_ns=now)
        if not body["session"]:
            body["session"] = sessions(facts, body["feeds"], now)
        return body

    async def make(self) -> bytes:
        """Its bytes."""
        return orjson.dumps(await self.body())


def heard(context: Context) -> Heard:
    """What the wire says of the runner."""
    live, runner = context.live, context.settings.runner
    state, gauges = live.source(runner), live.telemetry.get(runner)
    return Heard(
        runner,
        state.epoch,
        state.seq,
        state.seen_ns,
        state.stopped,
        gauges.body if gauges else {},
        gauges.at_ns if gauges else 0,
        gauges.sparks if gauges else {},
    )


def sessions(facts: Facts, feeds: list[dict[str, Any]], now_ns: int) -> list[dict[str, Any]]:
    """What each traded market is doing, by the clock of the feed that trades it."""
    cursors = {feed["id"]: feed["cursor"] for feed in feeds}
    extra = symbol_calendars(facts)
    clocks: dict[str, int] = {}
    for trader in by_id(facts.document, "traders").values():
        symbol = str(trader.get("instrument"))
        known = CATALOGUE.get(symbol)
        calendar = extra.get(symbol) or (known.calendar if known else "")
        cursor = cursors.get(trader.get("feed"))
        if calendar:
            # A decision is dated by its bar's close, the first instant after the session.
            at = parse_ns(cursor) - 1 if cursor else now_ns
            clocks[calendar] = max(clocks.get(calendar, at), at)
    found: list[dict[str, Any]] = []
    for calendar, at in sorted(clocks.items()):
        try:
            verdict = calendars.load(calendar).verdict(at)
        except TradedeckError:
            continue  # a calendar of the user's own: the runner's telemetry says it, or nobody
        found.append(
            {
                "calendar": calendar,
                "verdict": verdict.verdict.value if verdict.known else "unknown",
                "since": instant(verdict.since_ns),
                "until": instant(verdict.until_ns),
            }
        )
    return found


def symbol_calendars(facts: Facts) -> dict[str, str]:
    """Calendars of instruments that the document defines itself."""
    return {
        str(item.get("symbol")): str(item.get("calendar") or "")
        for item in listed(facts.document, "instruments")
    }


def install(context: Context) -> None:
    """Serve the status from memory; the route makes it where memory has none."""
    maker = StatusMaker(context)
    snapshot = Snapshot(maker.make, context.clock.now_ns)
    context.live.maker = maker
    context.live.status = snapshot
    context.hot[context.tenant, PATH] = lambda: snapshot.ready
