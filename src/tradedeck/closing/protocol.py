"""The closing protocol of one account, sans-I/O: `Closer.step(input, now) → outputs`.

Runner, guard and simulation drive this very code. It sends nothing and reads no clock. Its rules,
and what they cost when left out, are in `docs/decisions/0006-closing.md`:

- one close in flight per instrument; the next only when the last has ended, or can no longer come;
- a venue that holds orders to reducing is closed at once; a `plain` one only by exactly the size of
  a read that was asked after everything that could still come had its time;
- stops that protect are withdrawn last and placed again when their close fails;
- flat is what three reads in a row say, with no send unresolved; then it is watched until nothing
  can be applied late any more, and what appears is closed by the same rules.

The driver owes: every output is carried out in order; a `CloseOut` or `ReplaceProtective` is
journaled, and the epoch asked, before it is sent; each is answered by reports, `Refused` or `Lost`.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tradedeck.closing.legs import Budget, Flight, Leg, Timing, Tries, client_id, flights, key
from tradedeck.closing.proof import Left, Streak
from tradedeck.closing.standing import Standing
from tradedeck.closing.types import (
    AskLookup,
    AskRead,
    Begin,
    CancelAll,
    CancelOne,
    CloseOut,
    Done,
    Flat,
    Input,
    Lost,
    Output,
    Owner,
    Proof,
    Read,
    Refused,
    ReplaceProtective,
    Resume,
    Sent,
    Tick,
    Truth,
    WaitUntil,
    Watching,
)
from tradedeck.kernel.words import Word
from tradedeck.trading.order import OrderType, Purpose, Side
from tradedeck.venue.capability import Close, Idempotency, Lookup
from tradedeck.venue.read import WorkingOrder
from tradedeck.venue.report import Report

AGAIN_MAX = 2
LOOKUPS_MAX = 50  # per read: a venue that is slow is not helped by questions


class Phase(Word):
    """Where a closer stands."""

    IDLE = "idle"
    CLOSING = "closing"
    WATCHING = "watching"
    DONE = "done"


class Closer:
    """Cancels and closes cells of one account until the venue shows it, and then watches.

    Args:
        account: its id.
        kill: id of the decision; client ids follow from it.
        owner: who drives; its client ids are its own.
        timing: waits, for tests and for venues that bear fewer reads.
    """

    def __init__(self, account: str, kill: str, owner: Owner, timing: Timing | None = None) -> None:
        self._account, self._kill, self._owner = account, kill, owner
        self._timing = timing or Timing()
        self.phase = Phase.IDLE
        self.proof: Proof | None = None
        self._at: Standing | None = None
        self._budget = Budget(None, 0)
        self._tries = Tries(self._timing)
        self._lookups = Tries(self._timing)
        self._streak = Streak()
        self._until_ns = 0
        self._asked: tuple[int, int, int] | None = None  # number, when, stamp
        self._asks = 0
        self._read_due = 0
        self._poll = self._timing.poll_first
        self._blocked = False

    def step(self, given: Input, now_ns: int) -> list[Output]:
        """Take one input at `now_ns`; returns what is to be done, in order.

        A second `Begin` widens what is closed; `Resume` comes before the first read's answer.
        What comes before any `Begin`, or after `Done`, is none of this closer's.
        """
        at = self._at
        if isinstance(given, Begin):
            at = self._begin(given, now_ns)
        elif at is None or self.phase is Phase.DONE:
            return []
        else:
            at.now, at.out = now_ns, []
        stamp = at.stamp
        decide = isinstance(given, Tick)  # after other news, only a read that is asked later can
        if isinstance(given, Read):
            decide = self._read(at, given)
        elif isinstance(given, Report):
            at.report(given)
        elif isinstance(given, Resume):
            at.resume(given)
        elif isinstance(given, Refused):
            at.refused(given)
        elif isinstance(given, Lost):
            at.lost(given)
        if decide:
            self._act(at)
        if at.stamp != stamp:
            self._streak.broken()
            self._poll = self._timing.poll_first
            self._read_due = min(self._read_due, now_ns + self._poll)
        self._ask(at)
        return at.out

    def progress(self) -> dict[str, Any]:
        """For people: phase, orders and positions left as last shown, sends without an answer."""
        at = self._at
        shown = None if at is None else at.left
        unresolved = 0 if at is None else len(at.intents) + sum(1 for _ in flights(at.legs))
        return {
            "phase": self.phase.value,
            "orders_left": None if shown is None else len(shown.working),
            "positions_left": None if shown is None else len(shown.held),
            "unresolved": unresolved,
        }

    def _begin(self, given: Begin, now_ns: int) -> Standing:
        at = self._at
        first = at is None
        if at is None:
            at = self._at = Standing(given, self._timing)
            self._budget = Budget(given.capability.order_rate, now_ns)
        else:
            at.widen(given)
        at.now, at.out = now_ns, []
        at.note(
            "began" if first else "widened",
            instruments=None if given.instruments is None else sorted(given.instruments),
            flatten=given.flatten,
            close=given.capability.close.value,
            open_intents=len(at.intents),
        )
        self.phase = Phase.CLOSING
        self._streak.broken()
        self._read_due = now_ns
        return at

    # -- reads ---------------------------------------------------------------------------------

    def _read(self, at: Standing, given: Read) -> bool:
        """Whether the answer says something: only the newest question's counts."""
        if self._asked is None or given.n != self._asked[0]:
            return False
        _, _, stamp = self._asked
        self._asked = None
        if given.truth is None:
            self._unread(at)
            return False
        changed = at.read(given.truth, stamp)
        assert at.left is not None
        self._tries.keep({key(order) for order in at.left.working})
        first, most = self._timing.poll_first, self._timing.poll_most
        self._poll = first if changed else min(self._poll * 2, most)
        self._read_due = at.now + self._poll
        self._judge(at, given.truth, at.left)
        return True

    def _unread(self, at: Standing) -> None:
        self._streak.broken()
        self._poll = min(self._poll * 2, self._timing.poll_most)
        self._read_due = at.now + self._poll
        at.once("unread", "the venue did not answer a read; asking on")

    def _judge(self, at: Standing, truth: Truth, shown: Left) -> None:
        """Count this read, or begin anew; flat and done are said here and nowhere else."""
        if not shown.nothing:
            self._streak.broken()
            if self.phase is Phase.WATCHING:
                at.note("residue", orders=len(shown.working), positions=len(shown.held))
                self.phase = Phase.CLOSING
            return
        if at.pending():
            self._streak.broken()
            return
        proof = self._streak.add(truth, shown)
        self._read_due = at.now + self._timing.proof_gap
        if proof is None:
            return
        self.proof = proof
        if self.phase is Phase.CLOSING:
            at.note("flat", reads=len(proof.reads), seq=truth.seq)
            at.out.append(Flat(proof))
            self._until_ns = max(at.fenced_ns, at.last_send_ns) + at.late_ns
            if truth.at_ns < self._until_ns:
                self.phase = Phase.WATCHING
                at.out.append(Watching(self._until_ns))
        if truth.at_ns >= self._until_ns:
            self.phase = Phase.DONE
            at.out.append(Done(proof))
        else:
            self._read_due = min(at.now + self._timing.poll_most, self._until_ns)

    def _ask(self, at: Standing) -> None:
        """Ask for the next read when it is due, and be woken for whatever comes first."""
        timeout = self._timing.read_timeout
        if self._asked is not None and at.now >= self._asked[1] + timeout:
            self._asked = None
            self._unread(at)
        if self.phase is Phase.DONE:
            return
        if self._asked is None and at.now >= self._read_due:
            self._asks += 1
            self._asked = (self._asks, at.now, at.stamp)
            self._look_up(at)
            at.out.append(AskRead(self._asks))
        due = self._read_due if self._asked is None else self._asked[1] + timeout
        if self._blocked:
            due = min(due, self._budget.ready_ns(at.now))
        at.out.append(WaitUntil(max(due, at.now + 1)))

    def _look_up(self, at: Standing) -> None:
        if at.capability.lookup_by_client_id is not Lookup.ANY:
            return
        names = [*at.intents, *(f.sent.client_id for _, f in flights(at.legs) if f.lost)]
        for name in [n for n in names if self._lookups.due(n, at.now)][:LOOKUPS_MAX]:
            self._lookups.note(name, at.now)
            at.out.append(AskLookup(name))

    # -- what is done --------------------------------------------------------------------------

    def _act(self, at: Standing) -> None:
        self._blocked = False
        shown = at.left
        if shown is None or self.phase is not Phase.CLOSING:
            return
        self._withdraw(at, shown)
        for symbol in sorted(shown.held):
            self._close(at, shown, at.leg(symbol), shown.held[symbol])
        for leg in at.legs.values():
            if leg.unprotected and at.fresh(leg) and not leg.unresolved:
                self._protect(at, shown, leg)

    def _withdraw(self, at: Standing, shown: Left) -> None:
        """Everything but the stops whose time has not come; in bulk where the venue can."""
        mine = {f.sent.client_id for _, f in flights(at.legs)}
        now: list[WorkingOrder] = []
        spared: set[str] = set()
        for order in shown.working:
            held = shown.held.get(order.instrument)
            if _protects(order, held):
                continue  # `_close` takes it, immediately before its close
            if (order.client_id in mine or _closes(order)) and not _exceeds(order, held):
                spared.add(order.instrument)  # a close at work, perhaps of an earlier owner
                continue
            now.append(order)
        covered = self._bulk(at, shown, now) - spared
        if covered and self._spend(at):
            for order in shown.working:
                if order.instrument in covered:
                    self._withdrawn(at, order)
            whole = (
                at.extent.instruments is None
                and not any(True for _ in flights(at.legs))
                and covered == frozenset(o.instrument for o in (*shown.working, *shown.kept))
            )
            at.out.append(CancelAll(None if whole else covered))
            at.note("cancel all", instruments=None if whole else sorted(covered))
            now = [order for order in now if order.instrument not in covered]
        self._cancel_each(at, now)

    def _bulk(self, at: Standing, shown: Left, now: list[WorkingOrder]) -> frozenset[str]:
        """Instruments whose every order may go at once."""
        if at.capability.cancel_all != "native" or len(now) < 2:
            return frozenset()
        barred = {order.instrument for order in shown.kept}
        for order in shown.working:
            held = shown.held.get(order.instrument)
            leg = at.leg(order.instrument)
            early = _protects(order, held) and not self._may_close(at, shown, leg, held)
            if early or leg.flight is not None:
                barred.add(order.instrument)
        return frozenset(o.instrument for o in now if self._tries.first(key(o))) - barred

    def _cancel_each(self, at: Standing, orders: list[WorkingOrder]) -> None:
        count = 0
        for order in sorted(orders, key=lambda o: self._tries.count(key(o))):
            if not self._tries.due(key(order), at.now):
                continue
            if not self._spend(at):
                break
            self._withdrawn(at, order)
            at.out.append(CancelOne(order))
            count += 1
        if count:
            at.note("cancel", orders=count)

    def _withdrawn(self, at: Standing, order: WorkingOrder) -> None:
        self._tries.note(key(order), at.now)
        at.last_send_ns = at.now
        if order.purpose is Purpose.PROTECTIVE:
            at.leg(order.instrument).stops[key(order)] = order

    def _may_close(self, at: Standing, shown: Left, leg: Leg, held: Decimal | None) -> bool:
        """Whether a close may go now, stops that protect apart."""
        if not held or leg.flight is not None or at.now < leg.not_before or not at.fresh(leg):
            return False
        here = [i for i in at.intents.values() if i.instrument == leg.instrument]
        if any(intent.reduce_only for intent in here):
            return False  # perhaps a close of an earlier owner: one in flight, whoever sent it
        if any(o.instrument == leg.instrument and _closes(o) for o in shown.working):
            return False
        if at.immediate(held):
            return True
        assert at.truth is not None
        settled_ns = at.fenced_ns + at.late_ns
        others = any(
            o.instrument == leg.instrument and not _protects(o, held) for o in shown.working
        )
        if at.truth.at_ns >= settled_ns and not (here or leg.unresolved or others):
            return True
        at.once(
            f"settle {leg.instrument}",
            "waiting until nothing can be applied late",
            instrument=leg.instrument,
            until_ns=settled_ns,
        )
        return False

    def _close(self, at: Standing, shown: Left, leg: Leg, held: Decimal) -> None:
        if leg.flight is not None:
            self._again(at, leg, leg.flight)
            return
        if not self._may_close(at, shown, leg, held):
            return
        stops = [o for o in shown.working if o.instrument == leg.instrument and _protects(o, held)]
        self._cancel_each(at, stops)
        if stops and (leg.fails or not at.immediate(held)):
            # Bare, a stop and a close could both fill; and a venue may refuse the close for the
            # sake of the stop. Then the read that shows it gone comes first.
            return
        if not self._spend(at):
            return
        leg.n += 1
        name = client_id(self._kill, self._account, leg.instrument, self._owner, leg.n)
        side = Side.SELL if held > 0 else Side.BUY
        self._send_close(at, leg, Sent(name, leg.instrument, leg.n, side, abs(held), at.now))

    def _again(self, at: Standing, leg: Leg, flight: Flight) -> None:
        """Send the very same close again, where the venue knows a client id for ever."""
        if not flight.lost or at.capability.submit_idempotency is not Idempotency.PERMANENT:
            return
        if at.capability.close is Close.PLAIN or not at.fresh(leg):
            return  # bare, its size would be that of an older read
        if flight.tries > AGAIN_MAX:
            return  # it may have ended long ago, unheard: wait until it can come no more
        if at.now >= flight.since_ns + self._timing.retry(flight.tries) and self._spend(at):
            self._send_close(at, leg, replace(flight.sent, at_ns=at.now))

    def _send_close(self, at: Standing, leg: Leg, sent: Sent) -> None:
        leg.unprotected = False
        at.sending(leg, sent)
        at.out.append(CloseOut(sent, at.capability.close))
        at.note(
            "close",
            sent.client_id,
            instrument=sent.instrument,
            side=sent.side.value,
            quantity=sent.quantity,
            n=sent.n,
        )

    def _protect(self, at: Standing, shown: Left, leg: Leg) -> None:
        """After a failed close: the stops it had are placed again, until it is tried again."""
        leg.unprotected = False
        held = shown.held.get(leg.instrument)
        working = {key(order) for order in shown.working}
        for name, stop in list(leg.stops.items()):
            if name in working:
                continue
            if not _protects(stop, held):
                del leg.stops[name]
                continue
            assert held is not None
            if not self._spend(at):
                leg.unprotected = True
                return
            del leg.stops[name]
            leg.stop_n += 1
            symbol, n = leg.instrument, leg.stop_n
            named = client_id(self._kill, self._account, symbol, self._owner, n, stop=True)
            size = min(stop.remaining, abs(held))
            sent = Sent(named, symbol, n, stop.side, size, at.now, protective=True)
            at.sending(leg, sent)
            at.out.append(ReplaceProtective(sent, stop))
            at.note("stop placed again", named, instrument=symbol, quantity=size)

    def _spend(self, at: Standing) -> bool:
        if self._budget.take(at.now):
            return True
        self._blocked = True
        return False


def _protects(order: WorkingOrder, held: Decimal | None) -> bool:
    """Whether this is a stop that protects what is held."""
    if order.purpose is not Purpose.PROTECTIVE or not held:
        return False
    return (order.signed > 0) != (held > 0)


def _closes(order: WorkingOrder) -> bool:
    """Whether this is a close at work, whoever sent it."""
    return order.purpose is Purpose.CLOSE and order.type is OrderType.MARKET


def _exceeds(order: WorkingOrder, held: Decimal | None) -> bool:
    """Whether a close of ours that still works would go through zero by now."""
    if not held:
        return True
    return (held > 0) == (order.signed > 0) or order.remaining > abs(held)
