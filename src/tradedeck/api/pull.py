"""Pulls the journals of runner, guard and exchange into the store and hands on what was committed.

Owns the asking: on a hint or every two seconds, from the mark to the head. Level-triggered: a lost
hint costs two seconds, a lost answer is asked for again. What a page does is `projections.apply`.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

import structlog

from tradedeck.adapters.bus.types import Message
from tradedeck.api.context import Context
from tradedeck.api.live import TELEMETRY_EVERY_NS, SourceState, Telemetry
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.projections.apply import append_own, apply, last_event, read_mark
from tradedeck.projections.check import parse_page
from tradedeck.projections.stop import GUARD_SOURCE
from tradedeck.projections.types import Applied, Event, Mark, Verdict

EXCHANGE: Final = "paper"
POLL_S: Final = 2.0
RETRY_S: Final = 0.5
PAGE_MAX: Final = 500
GAPS_MAX: Final = 5  # answers without progress before it is called a loss
log = structlog.get_logger(__name__)


async def run(context: Context) -> None:
    """The loop of the api: listen for hints and telemetry, pull every source until closing."""
    live = context.live
    live.hub.head = await context.store.read(last_event)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_listen(context))
            for source in (context.settings.runner, GUARD_SOURCE, EXCHANGE):
                tasks.create_task(_Puller(context, source).run(), name=f"pull-{source}")
    finally:
        live.hub.close("SHUTDOWN")


async def publish_own(context: Context, kind: str, body: dict[str, Any]) -> Event:
    """A fact of the api itself: committed, then told to everybody."""
    now = context.clock.now_ns()
    event = await context.store.write(lambda w: append_own(w, kind, body, now))
    announce(context, [event])
    return event


def announce(context: Context, events: list[Event]) -> None:
    """Tell everybody about events that are committed."""
    if events:
        context.live.hub.publish(events)
        context.live.changed()


async def _listen(context: Context) -> None:
    live = context.live
    if live.listening:  # the loop was started again; the bus keeps its subscriptions
        return
    live.listening = True

    async def hinted(message: Message) -> None:
        live.source(_last(message.subject)).wake.set()

    async def gauged(message: Message) -> None:
        take_telemetry(context, _last(message.subject), message.json())

    await context.bus.serve("hint.*", hinted, concurrency=1)
    await context.bus.serve("telemetry.*", gauged, concurrency=1)


def _last(subject: str) -> str:
    return subject.rpartition(".")[2]


def take_telemetry(context: Context, source: str, body: Any) -> None:
    """Gauges of runner and guard: the newest wins; at most four a second of the runner go out."""
    live = context.live
    if source not in (context.settings.runner, GUARD_SOURCE) or not isinstance(body, dict):
        return
    now = context.clock.now_ns()
    state = live.telemetry.setdefault(source, Telemetry())
    state.take(cast("dict[str, Any]", body), now)
    live.source(source).seen_ns = now
    live.changed()
    if source != GUARD_SOURCE and now - state.sent_ns >= TELEMETRY_EVERY_NS:
        state.sent_ns = now
        live.hub.telemetry(state.body)


class _Puller:
    """One source. Its state is for people; the mark in the store is what counts."""

    def __init__(self, context: Context, source: str) -> None:
        self._context = context
        self._source = source
        self._state: SourceState = context.live.source(source)
        self._gaps = 0

    async def run(self) -> None:
        """Until cancelled."""
        mark = await self._context.store.read(lambda r: read_mark(r, self._source))
        if mark is not None:
            self._show(mark, mark.seq)
        while not self._context.closing.is_set():
            wait = POLL_S
            try:
                mark, wait = await self._turn(mark)
            except TradedeckError as error:
                self._state.problem = error.detail
                wait = POLL_S if error.code is Code.UNAVAILABLE else RETRY_S
            if wait:
                await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._state.wake.wait()
        except TimeoutError:
            return

    async def _turn(self, mark: Mark | None) -> tuple[Mark | None, float]:
        """Ask once and take over the answer; returns the mark and how long to wait."""
        self._state.wake.clear()
        stopped = mark is not None and mark.stopped is not None and self._state.stopped is not None
        reply = await self._context.bus.request(
            f"journal.{self._source}",
            {
                "epoch": mark.epoch if mark else None,
                "after": mark.seq if mark else 0,
                "max": 1 if stopped else PAGE_MAX,
            },
        )
        page = parse_page(self._source, reply)
        now = self._context.clock.now_ns()
        self._state.seen_ns, self._state.problem = now, ""
        if stopped and mark is not None and page.epoch == mark.epoch:
            return mark, POLL_S  # only another journal, or a person, starts this one again
        applied = await self._context.store.write(lambda w: apply(w, page, now))
        announce(self._context, applied.events)
        self._account(applied)
        if applied.verdict is Verdict.GAP:
            return applied.mark, await self._gap(applied)
        self._gaps = 0
        return applied.mark, 0.0 if applied.behind else POLL_S

    def _account(self, applied: Applied) -> None:
        assert applied.mark is not None
        self._show(applied.mark, applied.head)
        self._state.pulled += len(applied.events)
        if applied.events:
            self._state.lag_ns = self._context.clock.now_ns() - applied.events[-1].at_ns
        if applied.verdict in {Verdict.FORGED, Verdict.NEW_EPOCH}:
            log.error(
                "journal alarm",
                source=self._source,
                verdict=applied.verdict.value,
                detail=applied.detail,
            )

    def _show(self, mark: Mark, head: int) -> None:
        state = self._state
        state.epoch, state.seq, state.head, state.stopped = mark.epoch, mark.seq, head, mark.stopped

    async def _gap(self, applied: Applied) -> float:
        """Ask again at once; when that brings nothing, say that something is lost."""
        self._gaps = 0 if applied.events else self._gaps + 1
        if self._gaps < GAPS_MAX:
            return 0.0
        if self._gaps == GAPS_MAX:
            await publish_own(
                self._context,
                "alarm",
                {
                    "code": "JOURNAL_GAP",
                    "severity": "critical",
                    "subject": f"journal/{self._source}",
                    "detail": f"The journal of {self._source} does not give what follows: "
                    f"{applied.detail}.",
                },
            )
        return POLL_S
