"""What a closer knows of its account: reads, sends without an end, and what each event means. Pure.

Decides nothing: that is `protocol.py`. Freshness is counted, not timed: every event raises a stamp,
and a read says nothing of an event that came after it was asked for.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradedeck.closing.legs import Flight, Leg, Timing, flights
from tradedeck.closing.proof import Extent, Left, left
from tradedeck.closing.types import (
    Begin,
    Lost,
    Noted,
    OpenIntent,
    Output,
    Refused,
    Resume,
    Sent,
    Truth,
)
from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.trading.money import ZERO
from tradedeck.venue.capability import Capability, Close
from tradedeck.venue.report import Report, ReportKind


class Standing:
    """The state of one closer between inputs.

    `late_ns`: how long after its send something may still be applied.
    """

    def __init__(self, begin: Begin, timing: Timing) -> None:
        self.timing = timing
        self.extent = Extent(begin.instruments, begin.flatten, begin.cancels)
        self.capability: Capability = begin.capability
        self.late_ns = 0
        self.fenced_ns = 0
        self.last_send_ns = 0
        self.legs: dict[str, Leg] = {}
        self.intents: dict[str, OpenIntent] = {}
        self.truth: Truth | None = None
        self.left: Left | None = None
        self.stamp = 0
        self.truth_stamp = -1
        self.now = 0
        self.out: list[Output] = []
        self._said: set[str] = set()
        self._take_on(begin)

    def _take_on(self, begin: Begin) -> None:
        self.capability = begin.capability
        self.late_ns = int(begin.capability.max_late_s * NS_PER_S)
        self.fenced_ns = max(self.fenced_ns, begin.fenced_at_ns)
        for intent in begin.open_intents:
            if self.extent.has(intent.instrument):
                self.intents[intent.client_id] = intent

    # -- events --------------------------------------------------------------------------------

    def widen(self, begin: Begin) -> None:
        """Another decision over the same account: both extents are closed."""
        self.extent = self.extent.wider(Extent(begin.instruments, begin.flatten, begin.cancels))
        self._take_on(begin)
        self.left = None
        self.stamp += 1

    def resume(self, given: Resume) -> None:
        """What this owner had sent before it was restarted; the end of none of it is known."""
        assert self.truth is None, "what was sent is known before anything is decided"
        for sent in given.sent:
            leg = self.leg(sent.instrument)
            # A process that was stopped between its journal and its socket wrote as late as now.
            flight = Flight(sent, self.now, self.stamp, lost=True)
            self.last_send_ns = self.now
            if sent.protective:
                leg.stop_n = max(leg.stop_n, sent.n)
                leg.stop_flights[sent.client_id] = flight
            elif sent.n >= leg.n:
                leg.n, leg.flight = sent.n, flight
        self.note("resumed", sent=len(given.sent))

    def report(self, report: Report) -> None:
        """The venue's word on an order, of ours or not."""
        if not self.extent.has(report.instrument):
            return
        leg = self.leg(report.instrument)
        self.moved(leg)
        self.intents.pop(report.client_id, None)  # it is there: from now on the reads show it
        if report.kind is not ReportKind.ACCEPTED:
            self.note(
                report.kind.value,
                report.venue_order,
                instrument=report.instrument,
                order=report.client_id,
                quantity=report.quantity,
                price=report.price,
                reason=report.reason,
            )
        leg.stop_flights.pop(report.client_id, None)  # working or ended: the reads show which
        flight = leg.flight
        if flight is None or flight.sent.client_id != report.client_id:
            return
        flight.arrived, flight.lost = True, False
        if report.kind is ReportKind.FILLED:
            flight.filled += report.quantity
        if report.done:
            leg.flight = None
            if flight.filled:
                leg.fails = 0
                leg.stops.clear()
            else:
                self._failed(leg, report.reason or report.kind.value)

    def refused(self, given: Refused) -> None:
        """A send had no effect and never will."""
        for leg, flight in list(flights(self.legs)):
            if flight.sent.client_id == given.client_id:
                self.moved(leg)
                leg.stop_flights.pop(given.client_id, None)
                if flight is leg.flight:
                    leg.flight = None
                self._failed(leg, given.reason)

    def lost(self, given: Lost) -> None:
        """A send was not answered: it may have had its effect, or have it late."""
        for leg, flight in flights(self.legs):
            if flight.sent.client_id == given.client_id and not flight.arrived:
                flight.lost, flight.since_ns = True, self.now
                self.moved(leg)
                self.note("no answer to a send", order=given.client_id, instrument=leg.instrument)

    def _failed(self, leg: Leg, reason: str) -> None:
        leg.fails += 1
        leg.not_before = self.now + self.timing.retry(leg.fails)
        leg.unprotected = True
        self.note("a send failed", instrument=leg.instrument, reason=reason, tries=leg.fails)

    # -- reads ---------------------------------------------------------------------------------

    def read(self, truth: Truth, stamp: int) -> bool:
        """Take a read that was asked for at `stamp`; whether it shows another picture."""
        self.said_no_more("unread")
        before = self.left
        self.truth, self.truth_stamp = truth, stamp
        self._settle(truth)
        self.left = shown = left(truth, self.extent)
        return before is None or (len(before.working), before.held) != (
            len(shown.working),
            shown.held,
        )

    def _settle(self, truth: Truth) -> None:
        """End what this read shows ended, and what can no longer come."""
        working = {order.client_id for order in truth.working}
        for name, intent in list(self.intents.items()):
            # Journaled then, but written as late as the fence: its sender may have been stopped.
            settled_ns = max(intent.sent_at_ns, self.fenced_ns) + self.late_ns
            if name in working or truth.at_ns >= settled_ns:
                del self.intents[name]
        for leg, flight in list(flights(self.legs)):
            name = flight.sent.client_id
            if self.truth_stamp < flight.stamp:
                continue  # asked before it was sent
            if name in working:
                flight.arrived, flight.lost = True, False
                leg.stop_flights.pop(name, None)
            elif flight.arrived or (flight.lost and truth.at_ns >= flight.since_ns + self.late_ns):
                self._ended(leg, flight, truth)

    def _ended(self, leg: Leg, flight: Flight, truth: Truth) -> None:
        """It works no more, or never will; what it did is in the position."""
        if flight is not leg.flight:
            leg.stop_flights.pop(flight.sent.client_id, None)
            return
        leg.flight = None
        if abs(truth.positions.get(leg.instrument, ZERO)) >= flight.sent.quantity:
            self._failed(leg, "without effect")

    # -- questions -----------------------------------------------------------------------------

    def fresh(self, leg: Leg) -> bool:
        """Whether the last read was asked for after everything that touched this instrument."""
        return self.truth_stamp >= leg.moved

    def pending(self) -> bool:
        """Whether the last read is overtaken, or a send without an end could change the cells."""
        if self.truth_stamp < self.stamp or self.intents:
            return True
        # Held to reducing by the venue, a send of ours finds nothing to do once all is flat.
        bare = self.capability.close is Close.PLAIN
        return any(bare or not flight.lost for _, flight in flights(self.legs))

    def immediate(self, held: Decimal) -> bool:
        """Whether the venue itself keeps a close of this position from going through zero."""
        kind = self.capability.close
        if kind is Close.NO_SHORT:
            return held > 0
        return kind is not Close.PLAIN

    # -- small things --------------------------------------------------------------------------

    def sending(self, leg: Leg, sent: Sent) -> None:
        """A close or a stop goes out now."""
        self.moved(leg)
        self.last_send_ns = self.now
        if sent.protective:
            leg.stop_flights[sent.client_id] = Flight(sent, self.now, self.stamp)
        elif leg.flight is None:
            leg.flight = Flight(sent, self.now, self.stamp)
        else:
            again = leg.flight
            again.sent, again.since_ns, again.stamp, again.lost = sent, self.now, self.stamp, False
            again.tries += 1

    def moved(self, leg: Leg) -> None:
        """Something happened to this instrument: reads asked before say nothing of it."""
        self.stamp += 1
        leg.moved = self.stamp

    def leg(self, instrument: str) -> Leg:
        """The instrument's leg; made when it is first heard of."""
        return self.legs.setdefault(instrument, Leg(instrument))

    def once(self, tag: str, words: str, **numbers: Any) -> None:
        """Note what would else be noted at every read."""
        if tag not in self._said:
            self._said.add(tag)
            self.note(words, **numbers)

    def said_no_more(self, tag: str) -> None:
        """The next time is news again."""
        self._said.discard(tag)

    def note(self, words: str, ref: str = "", /, **numbers: Any) -> None:
        """A step for the evidence; Decimals as text."""
        shown = {
            name: decimal_text(value) if isinstance(value, Decimal) else value
            for name, value in numbers.items()
        }
        self.out.append(Noted(words, shown, ref))
