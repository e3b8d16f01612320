"""The guard's true core in the simulated kill: it alone decides when to ask, fence and take over.

Runner, venue, epoch files and chaos are those of `testkit.closingsim`; what the guard's rows hold
survives its death, everything else of it does not.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tradedeck.closing.proof import Extent, Streak, left
from tradedeck.closing.types import Begin, Done, Flat, Kill, KillStep, Owner, Resume, Truth
from tradedeck.guard import types as t
from tradedeck.guard.core import Core
from tradedeck.guard.types import Now, Policy
from tradedeck.kernel.errors import TradedeckError
from tradedeck.testkit.closingsim import KILL, Process, Simulation

TICK_S, BEAT_S = 0.05, 0.2
READ_S = 1.0
POLICY = Policy("none", 10.0, 60.0)


class CoreSimulation(Simulation):
    """One kill whose guard is the true core."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.rows: dict[str, Any] = {}
        self.pids = {id(self.runner): 1}
        self.line = False  # the runner's session with the guard that lives
        self.core: Core | None = self._core()
        self.kill_wanted = Kill(
            KILL, f"account/{self.account}", KillStep.FLATTEN, True, "sim", "test", self.clock.now
        )
        self._hello()
        self._tick()
        self._beat()

    def _core(self) -> Core:
        return Core(self.rows, self._now(), 60.0, lambda _: "kill_own", armed=True)

    def _now(self) -> Now:
        return Now(self.clock.now, self.clock.now)

    @property
    def over(self) -> bool:
        """Whether the guard has proved it, and its closer has watched to the end."""
        kill = None if self.core is None else self.core.kills.get(KILL)
        watching = kill is not None and any(leg.watching for leg in kill.legs.values())
        proved = kill is not None and not kill.open and not watching
        return proved and self.done_at is not None

    # -- what the core is told -------------------------------------------------------------------

    def do(self, what: t.Input) -> None:
        """One step of the core that lives: kept, then done."""
        if self.core is None or self.guard.frozen:
            return
        self._carry(self.core.step(what, self._now()))

    def _carry(self, outputs: list[t.Output]) -> None:
        for output in outputs:
            if isinstance(output, t.Row):
                if output.value is None:
                    self.rows.pop(output.name, None)
                else:
                    self.rows[output.name] = output.value
            elif isinstance(output, t.Entry) and output.kind == "kill.done":
                self._proved_so()
        for output in outputs:
            if isinstance(output, t.Tell):
                self.clock.after(self.dice.uniform(0.001, 0.1), partial(self._told, output.frame))
            elif isinstance(output, t.Fence):
                self.seen["fenced"] += 1
                self._fence(output)
            elif isinstance(output, t.Take):
                self.seen["taken over"] += 1
                self._take_leg(self.guard)
            elif isinstance(output, t.Check):
                self.seen["checked"] += 1
                self._check(self.guard, Streak())

    def _proved_so(self) -> None:
        remaining = self.venue.left(self.cells)
        if remaining:
            self.wrongs.append(f"the guard said done with {remaining}")
        self.seen["kill done"] += 1

    def _tick(self) -> None:
        self.do(t.Tick())
        if not self.over:
            self.clock.after(TICK_S, self._tick)

    def _beat(self) -> None:
        runner = self.runner
        if self.line and runner.alive and not runner.frozen:
            busy = runner.closer is not None and self.done_at is None
            self.do(t.Beat((KILL,) if busy else ()))
        if not self.over:
            self.clock.after(BEAT_S, self._beat)

    def _process(self) -> t.Process:
        return t.Process(self.pids[id(self.runner)], 1)

    def _hello(self) -> None:
        """The runner's session, and what it is told at once."""
        if self.core is None or not self.runner.alive or self.over:
            return
        if self.runner.frozen or self.guard.frozen:
            self.clock.after(0.1, self._hello)
            return
        self.line = True
        self.do(t.Hello(self._process(), "local", {self.account: POLICY}, {}))

    # -- what the runner is told -----------------------------------------------------------------

    def _told(self, frame: dict[str, Any]) -> None:
        runner = self.runner
        if not self.line or not runner.alive:
            return
        if runner.frozen:
            self.clock.after(0.05, lambda: self._told(frame))
        elif frame["op"] == "kill":
            self._runner_takes_it(runner)
        elif frame["op"] == "latch":
            legs = [leg for kill in frame["kills"] for leg in kill["legs"].values()]
            if any(leg["by"] in ("asked", "runner") for leg in legs):
                self._runner_takes_it(runner)
                self._own(runner)

    def _runner_takes_it(self, runner: Process) -> None:
        before = runner.closer
        super()._runner_takes_it(runner)
        if runner.closer is not None and before is None:
            self._own(runner)

    def _own(self, runner: Process) -> None:
        """Its latch is durable: said, and heard by the guard that lives then."""
        if runner.closer is None:
            return
        accounts = (self.account,) if runner.epoch.holds() else ()
        self._say(t.Owned(KILL, accounts))

    def _say(self, what: t.Input) -> None:
        if self.line:
            self.clock.after(self.dice.uniform(0.001, 0.05), lambda: self.do(what))

    # -- the kill --------------------------------------------------------------------------------

    def _decide(self) -> None:
        """By the guard; the rest of the chaos is the simulation's own."""
        super()._decide()
        self._ask()

    def _ask(self) -> None:
        """Asked until a guard has it: one decision by its id."""
        if f"kill/{KILL}" in self.rows:
            return
        self.do(t.KillAsked(self.kill_wanted, {self.account: self.scope}, "host"))
        self.clock.after(0.3, self._ask)

    def _watch(self, guard: Process) -> None:
        """The core watches."""

    def _fence(self, fence: t.Fence) -> None:
        runner = self.runner
        if runner.alive:
            self.kill(runner)
            self._when_gone(runner)
        else:
            self.clock.after(0.01, lambda: self.do(t.Fenced(ended=True, detail="gone")))

    def _when_gone(self, runner: Process) -> None:
        if runner.alive:
            self.clock.after(0.02, lambda: self._when_gone(runner))
            return
        self.do(t.Fenced(ended=True, detail="gone"))

    def _take_leg(self, guard: Process) -> None:
        """The epoch as soon as it can be had; whoever holds it is ended."""
        if not guard.alive or guard.closer is not None:
            return
        if guard.frozen:
            self.clock.after(0.1, lambda: self._take_leg(guard))
            return
        try:
            number = guard.epoch.take(Owner.GUARD, KILL, self.clock.now)
        except TradedeckError:
            if self.runner.alive and self.runner.epoch.holds():
                self.kill(self.runner)
            self.clock.after(0.1, lambda: self._take_leg(guard))
            return
        self.do(t.Took(KILL, self.account, number))
        sent = tuple(self.guard_journal.sent.values())
        intents = self.runner_journal.open_intents()
        begin = Begin(self.scope, True, self.capability, intents, self.clock.now)
        guard.begin(begin, Resume(sent) if sent else None)

    def _check(self, guard: Process, streak: Streak) -> None:
        """Three reads of the guard's own; one that is lost is asked again."""
        if not guard.alive or self.core is None:
            return
        answered: list[bool] = []

        def seen(truth: Truth) -> None:
            answered.append(True)
            if not guard.alive:
                return
            shown = left(truth, Extent(self.scope, flatten=True))
            if not shown.nothing:
                found = {"positions": len(shown.held), "orders": len(shown.working)}
                self.do(t.Proved(KILL, self.account, flat=False, proof=found))
                return
            proof = streak.add(truth, shown)
            if proof is None:
                self._check(guard, streak)
            else:
                self.do(t.Proved(KILL, self.account, flat=True, proof=proof.to_body()))

        def lost() -> None:
            if not answered:
                self._check(guard, Streak())

        self.venue.read(seen)
        self.clock.after(READ_S, lost)

    def shown_flat(self, process: Process, output: Flat | Done) -> None:
        super().shown_flat(process, output)
        if process.owner is Owner.RUNNER:
            self._say(t.Closed(KILL, self.account))
            return
        self.do(t.Proved(KILL, self.account, flat=True, proof=output.proof.to_body()))
        if isinstance(output, Done):
            self.do(t.Ended(KILL, self.account))

    # -- deaths ----------------------------------------------------------------------------------

    def _gone(self, process: Process) -> None:
        if not process.alive:
            return
        process.die()
        if process is self.guard:
            self.core, self.line = None, False
            self.seen["guard died"] += 1
        else:
            gone = self._process()
            self.line = False
            self.clock.after(0.005, lambda: self.do(t.Gone()))
            self.clock.after(0.01, lambda: self.do(t.Exited(gone)))
        self.clock.after(self.dice.uniform(0.1, 3), lambda: self._restart(process))

    def _restart(self, old: Process) -> None:
        if self.over:
            return
        new = Process(self, old.owner, old.journal)
        if old.owner is Owner.RUNNER:
            if self.runner is old:
                self.pids[id(new)] = self.pids.pop(id(old)) + 1
                self._runner_again(new)
            return
        if self.guard is not old:
            return
        self.guard, self.core = new, self._core()
        known = self.core.watch.process
        if known is not None and (known != self._process() or not self.runner.alive):
            self.do(t.Exited(known))
        self._carry(self.core.resume())
        self.clock.after(self.dice.uniform(0.01, 0.3), self._hello)

    def _runner_again(self, new: Process) -> None:
        """It says hello first; the account is its own where no guard has it."""
        if self.runner is not new:
            self.runner = new
            self.clock.after(self.dice.uniform(0.01, 0.3), self._hello)
        if self.over or not new.alive or self.done_at is not None:
            return
        try:
            new.epoch.take(Owner.RUNNER, None, self.clock.now)
        except TradedeckError:
            self.clock.after(0.5, lambda: self._runner_again(new))
            return
        if f"kill/{KILL}" in self.rows or self.runner_journal.sent:
            self._runner_takes_it(new)

    # -- the judge -------------------------------------------------------------------------------

    def _judge(self) -> None:
        if not self.over:
            self.wrongs.append("the guard never said that it is done")
        halts = self.rows.get("halts", {})
        if f"account/{self.account}" not in halts:
            self.wrongs.append("the halt was lost")
        super()._judge()
