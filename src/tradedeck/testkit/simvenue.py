"""A venue that exists only in a simulation: every answer may be late, lost, partial or a refusal.

Knows the four ways in which a position can be closed, and judges: an order that was to close and
opened or flipped, and two closes in flight for one instrument, are written to `wrongs`.
Time is a heap of what is to happen; nothing here reads a clock.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tradedeck.closing.types import Truth
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import OrderType, Purpose, Side
from tradedeck.venue.capability import Capability, Close, Idempotency
from tradedeck.venue.read import WorkingOrder
from tradedeck.venue.report import Report, ReportKind

MS = 1_000_000
S = 1000 * MS
Answer = Callable[[list[Report]], None]


@dataclass(frozen=True, slots=True)
class Faults:
    """How often things go wrong, as probabilities; delays in seconds."""

    lost: float = 0.1
    late: float = 0.1
    answer_lost: float = 0.15
    rejected: float = 0.1
    partial: float = 0.3
    cancel_refused: float = 0.1
    read_lost: float = 0.1
    delay_s: float = 0.2


class Clockwork:
    """Fake time, and what is to happen in it."""

    def __init__(self, now: int) -> None:
        self.now = now
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do this so much later."""
        self.at(self.now + int(seconds * S), act)

    def at(self, when: int, act: Callable[[], None]) -> None:
        """Do this then; what is past is done next."""
        self._count += 1
        heapq.heappush(self._heap, (max(when, self.now), self._count, act))

    def turn(self) -> bool:
        """Let the next thing happen; False when nothing is left."""
        if not self._heap:
            return False
        self.now, _, act = heapq.heappop(self._heap)
        act()
        return True


@dataclass(slots=True)
class SimOrder:
    """An order on its way or at work. `closing`: sent to bring a position to zero."""

    client_id: str
    instrument: str
    side: Side
    type: OrderType
    left: Decimal
    reduce_only: bool = False
    purpose: Purpose = Purpose.ENTRY
    closing: bool = False
    stop_price: Decimal | None = None
    name: str = ""

    def shown(self) -> WorkingOrder:
        """As the venue shows it."""
        return WorkingOrder(
            self.client_id,
            self.name,
            self.instrument,
            self.side,
            self.type,
            self.left,
            self.reduce_only,
            self.purpose,
            "",
            "",
            None,
            self.stop_price,
        )


@dataclass
class SimVenue:
    """One account at a venue of this capability.

    `hear` is called with every report as it happens, by the venue's own stream.
    """

    clock: Clockwork
    dice: random.Random
    capability: Capability
    faults: Faults
    hear: Callable[[Report], None]
    account: str = "main"
    positions: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    working: dict[str, SimOrder] = field(default_factory=dict[str, SimOrder])
    log: dict[str, list[Report]] = field(default_factory=dict[str, list[Report]])
    flying: dict[str, SimOrder] = field(default_factory=dict[str, SimOrder])
    wrongs: list[str] = field(default_factory=list[str])
    seq: int = 0

    # -- the wire ------------------------------------------------------------------------------

    def _delay(self) -> float | None:
        """Seconds until a request takes effect; None when it never does."""
        dice, faults = self.dice, self.faults
        if dice.random() < faults.lost:
            return None
        most = self.capability.max_late_s
        if dice.random() < faults.late and most > faults.delay_s:
            return dice.uniform(faults.delay_s, most)
        return min(dice.uniform(0.002, faults.delay_s), most)

    def send(self, order: SimOrder, answer: Answer) -> None:
        """Put an order on the wire; `answer` may never be called."""
        if order.closing:
            others = [
                other.client_id
                for other in (*self.flying.values(), *self.working.values())
                if other.closing and other.instrument == order.instrument
                and other.type is OrderType.MARKET and order.type is OrderType.MARKET
                and other.client_id != order.client_id
            ]  # fmt: skip
            if others:
                self.wrongs.append(f"{order.client_id} was sent with {others} in flight")
        delay = self._delay()
        if delay is None:
            return
        self.flying[order.client_id] = order
        self.clock.after(delay, lambda: self._arrive(order, answer))

    def _reply(self, answer: Answer, reports: list[Report]) -> None:
        if self.dice.random() >= self.faults.answer_lost:
            self.clock.after(self.dice.uniform(0.002, 0.1), lambda: answer(reports))

    def cancel(self, names: Callable[[SimOrder], bool]) -> None:
        """Withdraw what fits, whenever the request arrives; each may be refused."""
        delay = self._delay()
        if delay is None:
            return

        def act() -> None:
            for order in [o for o in self.working.values() if names(o)]:
                if self.dice.random() >= self.faults.cancel_refused:
                    self._end(order, ReportKind.CANCELLED, "REQUESTED")

        self.clock.after(delay, act)

    def read(self, answer: Callable[[Truth], None]) -> None:
        """Ask what is held and works; one picture of one instant."""
        asked = self.clock.now
        if self.dice.random() < self.faults.read_lost:
            return

        def look() -> None:
            held = {symbol: units for symbol, units in self.positions.items() if units}
            working = tuple(order.shown() for order in self.working.values())
            truth = Truth(held, working, self.seq, asked)
            self.clock.after(self.dice.uniform(0.001, 0.1), lambda: answer(truth))

        self.clock.after(self.dice.uniform(0.001, 0.1), look)

    def lookup(self, client_id: str, answer: Answer) -> None:
        """Ask what became of an order."""
        if self.dice.random() >= self.faults.read_lost:
            self.clock.after(
                self.dice.uniform(0.002, 0.2), lambda: answer(list(self.log.get(client_id, ())))
            )

    # -- the matching --------------------------------------------------------------------------

    def _arrive(self, order: SimOrder, answer: Answer) -> None:
        self.flying.pop(order.client_id, None)
        known = order.client_id in self.log
        if known and self.capability.submit_idempotency is Idempotency.PERMANENT:
            self._reply(answer, [])
            return
        before = len(self.log.setdefault(order.client_id, []))
        order.name = order.name or f"v-{order.client_id}"
        if self._refuses(order):
            self._report(ReportKind.REJECTED, order, reason="REFUSED", done=True)
        else:
            self.working[order.client_id] = order
            self._report(ReportKind.ACCEPTED, order)
            if order.type is OrderType.MARKET:
                self._match(order)
        self._reply(answer, self.log[order.client_id][before:])

    def _refuses(self, order: SimOrder) -> bool:
        if self.dice.random() < self.faults.rejected:
            return True
        held = self.positions.get(order.instrument, ZERO)
        opposite = bool(held) and (held > 0) != (order.side is Side.BUY)
        kind = self.capability.close
        if order.closing and kind is Close.NATIVE_ALL:
            return not held
        if order.reduce_only and kind is Close.REDUCE_ONLY:
            return not opposite
        if kind is Close.NO_SHORT and order.side is Side.SELL:
            return order.left > held
        return False

    def _match(self, order: SimOrder) -> None:
        """Fill a market order, or a triggered one, wholly or by parts."""
        if order.client_id not in self.working:
            return
        units = order.left
        if units > 1 and self.dice.random() < self.faults.partial:
            units = Decimal(self.dice.randint(1, int(units) - 1))
            self.clock.after(self.dice.uniform(0.01, 3), lambda: self._match(order))
        self.fill(order, units)

    def fill(self, order: SimOrder, units: Decimal) -> None:
        """Exchange up to `units`, as the venue's way of closing allows."""
        held = self.positions.get(order.instrument, ZERO)
        kind = self.capability.close
        opposite = bool(held) and (held > 0) != (order.side is Side.BUY)
        side = order.side
        if order.closing and kind is Close.NATIVE_ALL and order.type is OrderType.MARKET:
            side, units = (Side.SELL if held > 0 else Side.BUY), abs(held)
            order.left = units
        elif order.reduce_only and kind is Close.REDUCE_ONLY:
            units = min(units, abs(held)) if opposite else ZERO
        elif kind is Close.NO_SHORT and side is Side.SELL:
            units = min(units, max(held, ZERO))
        if not units:
            self._end(order, ReportKind.CANCELLED, "NOTHING_TO_REDUCE")
            return
        signed = units if side is Side.BUY else -units
        after = held + signed
        self.positions[order.instrument] = after
        if order.closing and (not held or (after and (after > 0) != (held > 0))):
            self.wrongs.append(f"{order.client_id} took {order.instrument} from {held} to {after}")
        order.left -= units
        done = order.left <= 0
        if done:
            self.working.pop(order.client_id, None)
        self._report(ReportKind.FILLED, order, units=units, done=done)

    def rest(self, order: SimOrder) -> None:
        """Place an order that works from the start, and may fill at any time."""
        order.name = order.name or f"v-{order.client_id}"
        self.working[order.name] = order
        if order.client_id:
            self.working[order.client_id] = self.working.pop(order.name)

    def _end(self, order: SimOrder, kind: ReportKind, reason: str) -> None:
        self.working.pop(order.client_id or order.name, None)
        self._report(kind, order, reason=reason, done=True)

    def _report(
        self,
        kind: ReportKind,
        order: SimOrder,
        *,
        units: Decimal = ZERO,
        reason: str = "",
        done: bool = False,
    ) -> None:
        self.seq += 1
        report = Report(
            self.seq,
            kind,
            order.client_id,
            self.account,
            order.instrument,
            order.name,
            self.clock.now,
            units,
            done=done,
            reason=reason,
        )
        self.log.setdefault(order.client_id, []).append(report)
        self.hear(report)

    # -- the truth, for the judge ---------------------------------------------------------------

    def left(self, instruments: Iterable[str]) -> list[str]:
        """What is held, works, or is on its way and could open, in these instruments."""
        symbols = set(instruments)
        found = [f"{s} {units}" for s, units in self.positions.items() if units and s in symbols]
        found += [o.name for o in self.working.values() if o.instrument in symbols]
        return found + [
            f"on its way: {o.client_id}"
            for o in self.flying.values()
            if o.instrument in symbols and not o.closing
        ]
