"""A simulated kill: runner and guard drive the true `Closer` and the true `Epoch` in fake time.

What a process journaled survives it; everything else dies with it. A process may be stopped
between its journal and its socket, resumed, killed and restarted at any moment; a killed one may
take seconds to be gone. One seed is one run, and always the same one.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from tradedeck.closing.epoch import Epoch
from tradedeck.closing.protocol import Closer, Phase
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
    Noted,
    OpenIntent,
    Output,
    Owner,
    Read,
    Refused,
    ReplaceProtective,
    Resume,
    Sent,
    Tick,
    WaitUntil,
)
from tradedeck.kernel.errors import TradedeckError
from tradedeck.testkit.simvenue import Clockwork, Faults, SimOrder, SimVenue
from tradedeck.trading.order import OrderType, Purpose, Side
from tradedeck.venue.capability import Capability, Close, Idempotency, Lookup
from tradedeck.venue.report import Report, ReportKind

S = 1_000_000_000
KILL = "kill_sim"
SYMBOLS = ("A", "B", "C")
ANSWER_S = 2.0  # a driver waits so long for an answer to a send
END_S = 900.0


@dataclass(slots=True)
class Journal:
    """What a process wrote before it acted. It outlives the process."""

    intents: dict[str, OpenIntent] = field(default_factory=dict[str, OpenIntent])
    sent: dict[str, Sent] = field(default_factory=dict[str, Sent])
    ended: set[str] = field(default_factory=set[str])

    def open_intents(self) -> tuple[OpenIntent, ...]:
        """For another owner: what has no known end, closes included."""
        closes = (
            OpenIntent(s.client_id, s.instrument, s.side, s.quantity, s.at_ns, reduce_only=True)
            for s in self.sent.values()
        )
        every = (*self.intents.values(), *closes)
        return tuple(intent for intent in every if intent.client_id not in self.ended)


class Process:
    """A runner or a guard: a closer, its epoch, and what it was about to do when it was stopped."""

    def __init__(self, sim: Simulation, owner: Owner, journal: Journal) -> None:
        self.sim, self.owner, self.journal = sim, owner, journal
        self.epoch = Epoch(sim.folder, sim.account)
        self.closer: Closer | None = None
        self.alive, self.frozen = True, False
        self.inbox: deque[Input] = deque()
        self.todo: deque[Output | SimOrder] = deque()
        self.beat = sim.clock.now
        self.due = 0

    def begin(self, given: Begin, resume: Resume | None) -> None:
        """Own the close."""
        self.sim.seen[f"{self.owner} began"] += 1
        if resume is not None:
            self.sim.seen[f"{self.owner} resumed"] += 1
        self.closer = Closer(self.sim.account, KILL, self.owner)
        self.feed(given)
        if resume is not None:
            self.feed(resume)

    def feed(self, given: Input) -> None:
        """Hear something, now or when it is awake again."""
        self.inbox.append(given)
        self.pump()

    def pump(self) -> None:
        """Work off what is to be done, then what was heard."""
        while self.alive and not self.frozen:
            self.beat = self.sim.clock.now
            if self.todo:
                self._carry_out(self.todo.popleft())
            elif self.inbox and self.closer is not None:
                self.todo.extend(self.closer.step(self.inbox.popleft(), self.sim.clock.now))
            else:
                return

    def freeze(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        if self.frozen or not self.alive:
            return
        self.frozen = True
        self.sim.clock.after(seconds, self._thaw)

    def _thaw(self) -> None:
        self.frozen = False
        self.pump()

    def die(self) -> None:
        """SIGKILL has had its effect: the kernel frees the lock."""
        self.alive = False
        self.epoch.release()

    def _carry_out(self, output: Output | SimOrder) -> None:
        sim = self.sim
        match output:
            case SimOrder():
                self._write(output)
            case CloseOut(sent) | ReplaceProtective(sent):
                self.journal.sent[sent.client_id] = sent
                self.todo.appendleft(_wired(output))
                self._stumble()
            case CancelAll(only):
                sim.check_scope(None if only is None else set(only))
                sim.venue.cancel(lambda order: only is None or order.instrument in only)
            case CancelOne(order):
                sim.check_scope({order.instrument})
                name = order.venue_order
                sim.venue.cancel(lambda other: other.name == name)
            case AskRead(n):
                sim.venue.read(lambda truth: self.feed(Read(n, truth)))
            case AskLookup(client_id):
                sim.venue.lookup(client_id, self._told)
            case WaitUntil(at_ns):
                self.due = at_ns
                sim.clock.at(at_ns, lambda: self._wake(at_ns))
            case Flat() | Done():
                sim.shown_flat(self, output)
            case Noted(words):
                sim.seen[words] += 1
            case _:
                pass

    def _told(self, reports: list[Report]) -> None:
        for report in reports:
            self.feed(report)

    def _stumble(self) -> None:
        """Stopped, or killed, between the journal and the socket."""
        dice = self.sim.dice
        if dice.random() < self.sim.chaos.stumble:
            if dice.random() < 0.5:
                self.freeze(dice.uniform(0.05, 4))
            else:
                self.sim.kill(self)

    def _wake(self, at_ns: int) -> None:
        if self.due == at_ns:
            self.feed(Tick())

    def _write(self, order: SimOrder) -> None:
        if order.closing:
            if not self.epoch.holds():
                return
            self.sim.check_scope({order.instrument})
        answered: list[bool] = []

        def heard(reports: list[Report]) -> None:
            if not reports:
                return  # a name the venue knows already: what became of it is to be looked up
            answered.append(True)
            for report in reports:
                if report.kind is ReportKind.REJECTED and self.sim.dice.random() < 0.5:
                    self.feed(Refused(report.client_id, report.reason))
                else:
                    self.feed(report)

        def late() -> None:
            if not answered:
                self.feed(Lost(order.client_id))

        self.sim.venue.send(order, heard)
        self.sim.clock.after(ANSWER_S, late)


def _wired(output: CloseOut | ReplaceProtective) -> SimOrder:
    sent = output.sent
    stop = isinstance(output, ReplaceProtective)
    return SimOrder(
        sent.client_id,
        sent.instrument,
        sent.side,
        OrderType.STOP if stop else OrderType.MARKET,
        sent.quantity,
        reduce_only=True,
        purpose=Purpose.PROTECTIVE if stop else Purpose.CLOSE,
        closing=True,
        stop_price=Decimal(1) if stop else None,
    )


@dataclass(frozen=True, slots=True)
class Chaos:
    """How much happens to the processes."""

    frozen_at_kill: float = 0.2
    runner_killed: float = 0.2
    runner_frozen: float = 0.2
    guard_killed: float = 0.35
    slow_death: float = 0.3
    stumble: float = 0.05


class Simulation:
    """One kill of one account under one seed.

    Args:
        kind: how the venue closes.
        seed: decides everything else.
        folder: for the true epoch files.
    """

    def __init__(
        self, kind: Close, seed: int, folder: Path, faults: Faults | None = None,
        chaos: Chaos | None = None,
    ) -> None:  # fmt: skip
        self.dice = random.Random(f"{kind.value}/{seed}")  # noqa: S311 - a seed must replay
        self.folder, self.account = folder, f"{kind.value}-{seed}".replace("_", "-")
        self.clock = Clockwork(1_700_000_000 * S)
        self.chaos = chaos or Chaos()
        dice = self.dice
        self.capability = Capability(
            venue="simulated",
            submit_idempotency=dice.choice([Idempotency.PERMANENT, Idempotency.NONE]),
            lookup_by_client_id=dice.choice([Lookup.ANY, Lookup.OPEN_ONLY, Lookup.NONE]),
            log_since_id=False,
            stream_resume=False,
            cancel_all=dice.choice(["native", "loop"]),
            dead_man_timer=False,
            replace="cancel_new",
            close=kind,
            max_late_s=dice.choice([1.0, 5.0, 20.0]),
            order_rate=dice.choice([None, 20.0]),
        )
        self.venue = SimVenue(
            self.clock, dice, self.capability, faults or Faults(), self._heard, self.account
        )
        self.scope = dice.choice([None, frozenset({"A", "B"})])
        self.wrongs = self.venue.wrongs
        self.flat_at: int | None = None
        self.done_at: int | None = None
        self.owned = False
        self.seen: Counter[str] = Counter()
        self.runner_journal, self.guard_journal = Journal(), Journal()
        self.runner = Process(self, Owner.RUNNER, self.runner_journal)
        self.guard = Process(self, Owner.GUARD, self.guard_journal)
        self.killed_at = 0

    @property
    def cells(self) -> tuple[str, ...]:
        """Instruments in scope."""
        return SYMBOLS if self.scope is None else tuple(sorted(self.scope))

    def run(self) -> None:
        """Play it; raises AssertionError with what went wrong."""
        self._furnish()
        self._trade()
        clock, dice = self.clock, self.dice
        kill_s = 3.0
        if dice.random() < self.chaos.frozen_at_kill:
            clock.after(kill_s - dice.uniform(0, 1), lambda: self.runner.freeze(dice.uniform(0, 4)))
        clock.after(kill_s, self._decide)
        end = clock.now + int(END_S * S)
        while clock.now < end and clock.turn():
            if self.wrongs:
                break
        self.runner.die()
        self.guard.die()
        self._judge()

    def _judge(self) -> None:
        if self.done_at is None:
            self.wrongs.append("it never ended")
        remaining = self.venue.left(self.cells)
        if remaining:
            self.wrongs.append(f"it ended with {remaining}")
        assert not self.wrongs, "; ".join(self.wrongs)

    # -- before ----------------------------------------------------------------------------------

    def _furnish(self) -> None:
        """Positions, some with a stop, and orders at rest, one of them placed by hand."""
        dice, venue = self.dice, self.venue
        long_only = self.capability.close is Close.NO_SHORT
        self.runner.epoch.take(Owner.RUNNER, None, self.clock.now)
        for symbol in SYMBOLS:
            held = Decimal(dice.choice([0, 3, 10, 25]) * (1 if long_only else dice.choice([1, -1])))
            venue.positions[symbol] = held
            if held and dice.random() < 0.5:
                side = Side.SELL if held > 0 else Side.BUY
                stop = SimOrder(f"stop-{symbol}", symbol, side, OrderType.STOP, abs(held), True,
                                Purpose.PROTECTIVE, stop_price=Decimal(1))  # fmt: skip
                venue.rest(stop)
                if dice.random() < 0.3:
                    self.clock.after(dice.uniform(0, 40), lambda s=stop: self._fill_later(s))
            for n in range(dice.randint(0, 3)):
                side = Side.BUY if long_only else dice.choice([Side.BUY, Side.SELL])
                client = "" if n == 2 else f"rest-{symbol}{n}"
                order = SimOrder(client, symbol, side, OrderType.LIMIT, Decimal(dice.randint(1, 9)),
                                 name=f"v-{symbol}{n}")  # fmt: skip
                venue.rest(order)
                if dice.random() < 0.4:
                    self.clock.after(dice.uniform(0, 40), lambda o=order: self._fill_later(o))

    def _fill_later(self, order: SimOrder) -> None:
        """The market comes to an order that rests, if it still does."""
        if self.venue.working.get(order.client_id or order.name) is order:
            units = order.left if self.dice.random() < 0.5 else Decimal(1)
            self.venue.fill(order, units)

    def _trade(self) -> None:
        """The runner's last orders before the kill; each journaled, some never answered."""
        for n in range(self.dice.randint(0, 5)):
            self.clock.after(self.dice.uniform(0, 3), lambda n=n: self._enter(n))

    def _enter(self, n: int) -> None:
        dice = self.dice
        long_only = self.capability.close is Close.NO_SHORT
        side = Side.BUY if long_only else dice.choice([Side.BUY, Side.SELL])
        kind = dice.choice([OrderType.MARKET, OrderType.LIMIT])
        order = SimOrder(
            f"entry-{n}", dice.choice(SYMBOLS), side, kind, Decimal(dice.randint(1, 9))
        )
        runner = self.runner
        if not runner.alive or runner.frozen or runner.closer is not None:
            return
        self.runner_journal.intents[order.client_id] = OpenIntent(
            order.client_id, order.instrument, side, order.left, self.clock.now, reduce_only=False
        )
        if dice.random() < 0.1:
            runner.freeze(dice.uniform(0.05, 3))
        runner.todo.append(order)
        runner.pump()

    def _heard(self, report: Report) -> None:
        """The venue's stream: to whoever is there, perhaps."""
        if self.dice.random() < 0.2:
            return
        for process in (self.runner, self.guard):
            delay = self.dice.uniform(0.002, 0.15)
            self.clock.after(delay, lambda p=process: self._tell(p, report))

    def _tell(self, process: Process, report: Report) -> None:
        if not process.alive or process.frozen:
            return
        if report.done:
            process.journal.ended.add(report.client_id)
        process.feed(report)

    # -- the kill --------------------------------------------------------------------------------

    def _decide(self) -> None:
        self.killed_at = self.clock.now
        dice, chaos = self.dice, self.chaos
        self.clock.after(dice.uniform(0, 0.2), lambda: self._runner_takes_it(self.runner))
        self.clock.after(0.25, lambda: self._watch(self.guard))
        for chance, act in (
            (chaos.runner_killed, lambda: self.kill(self.runner)),
            (chaos.runner_frozen, lambda: self.runner.freeze(dice.uniform(0, 5))),
            (chaos.guard_killed, lambda: self.kill(self.guard)),
        ):
            for _ in range(2):
                if dice.random() < chance:
                    self.clock.after(dice.choice([0.3, 3, 30]) * dice.random(), act)

    def _runner_takes_it(self, runner: Process) -> None:
        """A healthy runner latches, acknowledges and owns the close."""
        if not runner.alive or runner.closer is not None or self.done_at is not None:
            return
        if runner.frozen or runner.todo:
            self.clock.after(0.05, lambda: self._runner_takes_it(runner))
            return
        if not runner.epoch.holds():
            return
        runner.epoch.carry(KILL, self.clock.now)
        self.owned = True
        own = tuple(i for i in self.runner_journal.open_intents()
                    if i.client_id in self.runner_journal.intents)  # fmt: skip
        resume = Resume(tuple(self.runner_journal.sent.values()))
        begin = Begin(self.scope, True, self.capability, own, self.clock.now)
        runner.begin(begin, resume if resume.sent else None)

    def _watch(self, guard: Process) -> None:
        """The guard's rule: owned and beating, or taken over."""
        if not guard.alive or self.done_at is not None or guard.closer is not None:
            return
        if guard.frozen:
            self.clock.after(0.1, lambda: self._watch(guard))
            return
        silent = self.clock.now - self.runner.beat > S
        if self.runner.alive and not self.runner.frozen:
            self.runner.beat = self.clock.now
            silent = False
        if self.owned and self.runner.alive and not silent:
            self.clock.after(0.1, lambda: self._watch(guard))
            return
        self.seen["taken over"] += 1
        if self.runner.alive:
            self.kill(self.runner)
        self._take(guard)

    def _take(self, guard: Process) -> None:
        """Take the epoch as soon as the runner is really gone, and close."""
        if not guard.alive or self.done_at is not None:
            return
        try:
            guard.epoch.take(Owner.GUARD, KILL, self.clock.now)
        except TradedeckError:
            self.clock.after(0.02, lambda: self._take(guard))
            return
        sent = tuple(self.guard_journal.sent.values())
        begin = Begin(
            self.scope, True, self.capability, self.runner_journal.open_intents(), self.clock.now
        )
        guard.begin(begin, Resume(sent) if sent else None)

    def kill(self, process: Process) -> None:
        """SIGKILL; it may take its time. The supervisor starts another one afterwards."""
        dice = self.dice
        most = 3.0 if dice.random() < self.chaos.slow_death else 0.02
        self.clock.after(dice.uniform(0, most), lambda: self._gone(process))

    def _gone(self, process: Process) -> None:
        if not process.alive:
            return
        process.die()
        self.clock.after(self.dice.uniform(0.1, 3), lambda: self._restart(process))

    def _restart(self, old: Process) -> None:
        if self.done_at is not None:
            return
        new = Process(self, old.owner, old.journal)
        if old.owner is Owner.GUARD:
            if self.guard is not old:
                return
            self.guard = new
            mine = new.epoch.read()
            if mine.owner == Owner.GUARD and mine.kill == KILL:
                self._take(new)
            else:
                self._watch(new)
        elif self.runner is old:
            self._runner_again(new)

    def _runner_again(self, new: Process) -> None:
        """A restarted runner sends nothing for an account that it cannot have."""
        if self.done_at is not None or self.guard.closer is not None:
            return
        try:
            new.epoch.take(Owner.RUNNER, None, self.clock.now)
        except TradedeckError:
            self.clock.after(0.5, lambda: self._runner_again(new))
            return
        self.runner = new
        self._runner_takes_it(new)

    # -- the judge -------------------------------------------------------------------------------

    def check_scope(self, symbols: set[str] | None) -> None:
        """Nothing outside the cells is touched."""
        if self.scope is not None and (symbols is None or not symbols <= self.scope):
            self.wrongs.append(f"{symbols} is out of scope")

    def shown_flat(self, process: Process, output: Flat | Done) -> None:
        """Flat is said: it must be so."""
        remaining = self.venue.left(self.cells)
        if remaining:
            self.wrongs.append(f"{process.owner} proved flat with {remaining}")
        if self.flat_at is None:
            self.flat_at = self.clock.now
        if isinstance(output, Done):
            self.done_at = self.clock.now
            self.seen[f"{process.owner} done"] += 1
            assert process.closer is not None
            assert process.closer.phase is Phase.DONE
