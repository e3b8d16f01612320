"""The guard's decisions, sans-I/O: `step(input, now) → outputs`.

A kill is latched first, then the runner is asked to close; where it does not answer in time, stops
being heard or ends, it is fenced and the guard closes in its place. Nothing is a success before the
guard's own reads of the broker show it. The caller makes every `Entry` and `Row` of a step durable,
in one commit, before it acts on the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradedeck.closing.types import Cancels, Kill, KillStep
from tradedeck.guard import types as t
from tradedeck.guard.kills import GUARD, By, Leg, Running, owed
from tradedeck.guard.latch import Latch
from tradedeck.guard.types import Answer, Entry, Notify, Now, Output, Progress, Row, Tell
from tradedeck.guard.watch import CANCEL, Watch
from tradedeck.kernel.clock import NS_PER_MS, NS_PER_S
from tradedeck.trading.facts import Kind

OWN_NS = 250 * NS_PER_MS  # a healthy runner acknowledges a flatten within it
LATCH_NS = NS_PER_S  # and a pause, which is no reason to end a runner that is only slow
SILENT_NS = NS_PER_S  # without a beat or a step while it closes
FENCE_AGAIN_NS = NS_PER_S
IGNORED_EVERY_NS = NS_PER_S  # one alarm a second, however many are forged
DONE_KEPT_MAX = 200  # kills that status still tells of; the journal has all
# The closer's words, and what they measure of a kill.
MEASURED = {
    "cancel all": "to_last_cancel_sent",
    "cancel": "to_last_cancel_sent",
    "cancelled": "to_cancelled",
}


class Core:
    """One guard of one runner.

    Args:
        rows: the kept rows by name (the latch's, `runner`, `kill/…`).
        now: both clocks at the start.
        lift_wait_s: how long a lift waits.
        new_id: makes the id of a kill of the guard's own from the wall clock.
        armed: there is a venue; else halts are latched, and there is nothing to close.
        host: this guard's name in what people approve.

    """

    def __init__(
        self,
        rows: dict[str, Any],
        now: Now,
        lift_wait_s: float,
        new_id: Callable[[int], str],
        *,
        armed: bool,
        host: str = "guard.local",
    ) -> None:
        self.latch = Latch(rows, lift_wait_s, now, host)
        self.watch = Watch(rows.get("runner"), now)
        self.kills = {
            name.removeprefix("kill/"): Running.of_row(row, now.mono_ns + SILENT_NS - OWN_NS)
            for name, row in rows.items()
            if name.startswith("kill/")
        }
        self._new_id = new_id
        self._armed = armed
        self._fencing_ns: int | None = None
        self._ignored_ns: int | None = None
        self._ignored = 0
        self._handlers: dict[type[Any], Callable[[Any, Now], list[Output]]] = {
            t.Hello: self._hello,
            t.Accounts: self._accounts,
            t.Beat: self._beat,
            t.Owned: self._owned,
            t.Took: self._took,
            t.Stepped: self._stepped,
            t.Closed: self._closed,
            t.Proved: self._proved,
            t.Ended: self._ended,
            t.RunnerHalted: self._halted,
            t.Lifted: self._lifted,
            t.Bye: self._bye,
            t.Gone: self._gone,
            t.Exited: self._exited,
            t.Fenced: self._fenced,
            t.KillAsked: self._kill,
            t.LiftAsked: self._lift,
            t.LiftCancelled: lambda asked, _: self.latch.cancel(asked),
            t.CodeAsked: self.latch.code,
            t.Ignored: self._ignore,
            t.Tick: self._tick,
            t.Stopping: self._stopping,
        }

    def step(self, happened: t.Input, now: Now) -> list[Output]:
        """What is to be done about `happened`, in order."""
        return self._handlers[type(happened)](happened, now)

    def resume(self) -> list[Output]:
        """After a restart: the legs that were ours are ours again."""
        outputs: list[Output] = []
        for running in self.kills.values():
            for account, leg in running.legs.items():
                if leg.watching:
                    outputs.append(_take(running, account, leg))
                elif leg.by is By.CHECKING:
                    outputs.append(t.Check(running.kill, account, leg.instruments))
        return outputs

    def status(self, now: Now) -> dict[str, Any]:
        """For people and telemetry."""
        watch = self.watch
        return {
            "runner": {
                "id": watch.runner,
                "connected": watch.connected,
                "expected": watch.expected,
                "pid": None if watch.process is None else watch.process.pid,
                "silent_ms": watch.silent_ns(now) // NS_PER_MS,
                "accounts": watch.row()["accounts"],
            },
            "halts": list(self.latch.halts.values()),
            "lifts": self.latch.waiting,
            "kills": [running.told() for running in self.kills.values()],
        }

    def timers(self) -> dict[str, float | None]:
        """See `Watch.timers`; not renewed while a cancel that silence calls for is owed."""
        return self.watch.timers(owed(self._open()))

    def _open(self) -> list[Running]:
        return [running for running in self.kills.values() if running.open]

    # -- the runner ----------------------------------------------------------------------------

    def _hello(self, hello: t.Hello, now: Now) -> list[Output]:
        outputs: list[Output] = []
        before = self.watch.process
        if before is not None and before != hello.process:
            outputs += self._exited(t.Exited(before), now)
        self.watch.hello(hello.runner, hello.process, hello.accounts, now)
        self._fencing_ns = None
        outputs += self.latch.merge(hello.halts.values())
        outputs += [
            Row("runner", self.watch.row()),
            Entry(Kind.GUARD_RUNNER, {"state": "connected", "pid": hello.process.pid}),
            Tell(
                {
                    "op": "latch",
                    "halts": self.latch.halts,
                    "kills": [running.told() for running in self._open()],
                    "lifts": self.latch.to_deliver,
                }
            ),
        ]
        for running in self._open():
            running.heard_ns = now.mono_ns
        return outputs

    def _accounts(self, told: t.Accounts, _: Now) -> list[Output]:
        if told.accounts == self.watch.accounts:
            return []
        self.watch.accounts = told.accounts
        return [Row("runner", self.watch.row())]

    def _beat(self, beat: t.Beat, now: Now) -> list[Output]:
        back = self.watch.beat(now)
        for name in beat.closing:
            running = self.kills.get(name)
            if running is not None:
                running.heard_ns = now.mono_ns
        heard = Tell({"op": "heard", "n": beat.n})  # or the runner takes us for dead
        return [Entry(Kind.GUARD_RUNNER, {"state": "working"}), heard] if back else [heard]

    def _halted(self, halted: t.RunnerHalted, _: Now) -> list[Output]:
        return self.latch.merge([halted.row])

    def _lifted(self, lifted: t.Lifted, _: Now) -> list[Output]:
        return self.latch.delivered(lifted.scope)

    def _bye(self, bye: t.Bye, _: Now) -> list[Output]:
        self.watch.parted(whole=bye.whole)
        fact = {"state": "stopping", "whole": bye.whole}
        return [Entry(Kind.GUARD_RUNNER, fact), Row("runner", self.watch.row())]

    def _gone(self, _: t.Gone, now: Now) -> list[Output]:
        if not self.watch.connected:
            return []
        self.watch.connected = False
        return [Entry(Kind.GUARD_RUNNER, {"state": "disconnected"})]

    def _exited(self, exited: t.Exited, now: Now) -> list[Output]:
        if self.watch.process != exited.process:
            return []
        self.watch.ended()
        self._fencing_ns = None
        outputs: list[Output] = [
            Entry(Kind.GUARD_RUNNER, {"state": "ended", "pid": exited.process.pid}),
            Row("runner", self.watch.row()),
        ]
        for running in self._open():
            outputs += self._take_over(running, now)
        return outputs

    # -- kills ---------------------------------------------------------------------------------

    def _kill(self, asked: t.KillAsked, now: Now) -> list[Output]:
        known = self.kills.get(asked.kill.id)
        if known is not None:  # the same decision by another way: it is being carried out
            return [Answer({"ok": True, **known.told()})]
        kill = asked.kill
        legs: dict[str, Leg] = {}
        if self._armed and kill.step is KillStep.FLATTEN:
            legs = {name: Leg(cells) for name, cells in sorted(asked.cells.items())}
        running = Running(kill, legs, heard_ns=now.mono_ns)
        return self._begin(running, asked.origin, now)

    def _begin(self, running: Running, origin: str, now: Now) -> list[Output]:
        kill = running.kill
        self.kills[kill.id] = running
        accounts = {
            account: None if leg.instruments is None else sorted(leg.instruments)
            for account, leg in running.legs.items()
        }
        fact = {**kill.to_body(), "origin": origin, "accounts": accounts}
        row = {"scope": kill.scope, "level": kill.step.level, "reason": kill.reason, "by": kill.by}
        outputs: list[Output] = [
            Entry(Kind.KILL_REQUESTED, fact),
            *self.latch.set(row | {"kill": kill.id, "at_ns": kill.at_ns}),
        ]
        outputs += self._ask_runner(running, now)
        outputs += [
            Row(f"kill/{kill.id}", running.row()),
            Notify("A kill has begun", f"{kill.scope}: {kill.reason} ({kill.by})"),
            Answer({"ok": True, **running.told()}),
            *self._forget(),
        ]
        return outputs

    def _ask_runner(self, running: Running, now: Now) -> list[Output]:
        """The runner where it can be asked; else the guard itself, once no runner can send."""
        if self.watch.connected and self._fencing_ns is None:
            return [Tell({"op": "kill", **running.kill.to_body()})]
        if self.watch.process is not None:
            return self._fence("it is not connected", now)
        return self._take_over(running, now)

    def _owned(self, owned: t.Owned, now: Now) -> list[Output]:
        running = self.kills.get(owned.kill)
        if running is None or not running.open:
            return []
        running.acknowledged, running.heard_ns = True, now.mono_ns
        outputs: list[Output] = []
        for account, leg in running.legs.items():
            if leg.by is not By.ASKED:
                continue
            if account in owned.accounts:
                leg.by = By.RUNNER
                fact = {"id": owned.kill, "account": account, "by": "runner"}
                outputs.append(Entry(Kind.KILL_OWNED, fact))
            else:  # the runner does not trade it any more: nobody else will
                outputs += self._take_leg(running, account, leg)
        return [*outputs, *self._settle(running, now)]

    def _took(self, took: t.Took, _: Now) -> list[Output]:
        fact = {"id": took.kill, "account": took.account, "by": "guard", "epoch": took.epoch}
        return [Entry(Kind.KILL_OWNED, fact)]

    def _stepped(self, stepped: t.Stepped, now: Now) -> list[Output]:
        running = self.kills.get(stepped.kill)
        leg = None if running is None else running.legs.get(stepped.account)
        if running is None or leg is None:
            return []
        running.heard_ns = now.mono_ns
        leg.steps += 1
        fact: dict[str, Any] = {
            "id": stepped.kill, "account": stepped.account, "by": stepped.by,
            "words": stepped.words, "numbers": stepped.numbers, "ref": stepped.ref,
        }  # fmt: skip
        self._measure(running, stepped.words, now)
        return [Entry(Kind.KILL_STEP, fact), Progress(stepped.kill, fact)]

    def _closed(self, closed: t.Closed, now: Now) -> list[Output]:
        running = self.kills.get(closed.kill)
        leg = None if running is None else running.legs.get(closed.account)
        if running is None or leg is None or leg.by not in (By.RUNNER, By.ASKED):
            return []
        running.heard_ns = now.mono_ns
        leg.by = By.CHECKING
        return [
            Row(f"kill/{closed.kill}", running.row()),
            t.Check(running.kill, closed.account, leg.instruments),
        ]

    def _proved(self, proved: t.Proved, now: Now) -> list[Output]:
        running = self.kills.get(proved.kill)
        leg = None if running is None else running.legs.get(proved.account)
        if running is None or leg is None or leg.by not in (By.CHECKING, By.GUARD):
            return []
        if not proved.flat:  # the broker shows otherwise than the runner says
            fact = {"id": proved.kill, "account": proved.account, "by": "guard",
                    "words": "not flat", "numbers": proved.proof, "ref": ""}  # fmt: skip
            return [Entry(Kind.KILL_STEP, fact), *self._doubt(running, leg, now)]
        leg.by, leg.proof = By.FLAT, proved.proof
        fact = {"id": proved.kill, "account": proved.account, "proof": proved.proof}
        return [
            Entry(Kind.KILL_ACCOUNT_FLAT, fact),
            Progress(proved.kill, {**fact, "flat": True}),
            *self._settle(running, now),
        ]

    def _ended(self, ended: t.Ended, _: Now) -> list[Output]:
        running = self.kills.get(ended.kill)
        leg = None if running is None else running.legs.get(ended.account)
        if running is None or leg is None:
            return []
        leg.watching = False
        return [
            Row(f"kill/{ended.kill}", running.row()),
            Row(sent_row(ended.kill, ended.account), None),
        ]

    def _doubt(self, running: Running, leg: Leg, now: Now) -> list[Output]:
        leg.by = By.RUNNER
        if self.watch.process is None:
            return self._take_over(running, now)
        return self._fence("the broker shows that its close is not done", now)

    def _settle(self, running: Running, now: Now) -> list[Output]:
        """The kill is done when every leg is flat, and the runner latched where it can."""
        row = Row(f"kill/{running.kill.id}", running.row())
        if any(leg.by is not By.FLAT for leg in running.legs.values()):
            return [row]
        if not (running.legs or running.acknowledged) and self.watch.process is not None:
            return [row]
        if not running.open:
            return [row]
        kill = running.kill
        running.done_ns = now.wall_ns
        if running.legs:
            running.ms["to_flat"] = _ms(now.wall_ns - kill.at_ns)
        totals = {"accounts": len(running.legs)}
        totals["steps"] = sum(leg.steps for leg in running.legs.values())
        fact = {"id": kill.id, "scope": kill.scope, "totals": totals, "ms": running.ms}
        return [
            Entry(Kind.KILL_DONE, fact),
            Row(f"kill/{kill.id}", running.row()),
            Progress(kill.id, {**running.told(), "done": True}),
            Notify("A kill is done", f"{kill.scope}: {totals['accounts']} accounts proved"),
        ]

    def _measure(self, running: Running, words: str, now: Now) -> None:
        name = MEASURED.get(words)
        if name is not None:
            running.ms[name] = _ms(now.wall_ns - running.kill.at_ns)

    # -- taking over ---------------------------------------------------------------------------

    def _fence(self, reason: str, now: Now) -> list[Output]:
        if self._fencing_ns is not None and now.mono_ns - self._fencing_ns < FENCE_AGAIN_NS:
            return []
        again = self._fencing_ns is not None
        self._fencing_ns = now.mono_ns
        fence = t.Fence(self.watch.process, reason)
        if again:
            return [fence]
        return [
            Entry(Kind.GUARD_RUNNER, {"state": "fencing", "reason": reason}),
            Notify("The runner is being ended", reason),
            fence,
        ]

    def _fenced(self, fenced: t.Fenced, now: Now) -> list[Output]:
        outputs: list[Output] = []
        if not fenced.ended:  # tried again with the next tick; nothing is sent meanwhile
            detail = f"the runner could not be ended: {fenced.detail}"
            return [_alarm("FENCE_FAILED", detail, "critical"), Notify("Fence failed", detail)]
        outputs.append(Entry(Kind.GUARD_RUNNER, {"state": "fenced", "detail": fenced.detail}))
        self._fencing_ns = None
        if self.watch.process is not None:
            return [*outputs, *self._exited(t.Exited(self.watch.process), now)]
        for running in self._open():
            outputs += self._take_over(running, now)
        return outputs

    def _take_over(self, running: Running, now: Now) -> list[Output]:
        outputs: list[Output] = []
        for account, leg in running.legs.items():
            if leg.by in (By.ASKED, By.RUNNER):
                outputs += self._take_leg(running, account, leg)
        return [*outputs, *self._settle(running, now)]

    def _take_leg(self, running: Running, account: str, leg: Leg) -> list[Output]:
        leg.by, leg.watching = By.GUARD, True
        return [Row(f"kill/{running.kill.id}", running.row()), _take(running, account, leg)]

    # -- time ----------------------------------------------------------------------------------

    def _tick(self, _: t.Tick, now: Now) -> list[Output]:
        outputs = self.latch.due(now)
        for account, act in self.watch.due(now):
            outputs += self._silence(account, act, now)
        late = [running for running in self._open() if self._late(running, now)]
        if late:
            if self.watch.process is None:
                for running in late:
                    outputs += self._take_over(running, now)
            else:
                outputs += self._fence(f"it does not carry out {late[0].kill.id}", now)
        return outputs

    def _late(self, running: Running, now: Now) -> bool:
        since = now.mono_ns - running.heard_ns
        if any(leg.by is By.ASKED for leg in running.legs.values()):
            return since >= OWN_NS
        if any(leg.by is By.RUNNER for leg in running.legs.values()):
            return since >= SILENT_NS
        return not running.legs and not running.acknowledged and since >= LATCH_NS

    def _silence(self, account: str, act: str, now: Now) -> list[Output]:
        """Fence first: a runner that wakes up in the middle must not send."""
        seconds = self.watch.silent_ns(now) / NS_PER_S
        cancel = act == CANCEL
        if not self._armed:
            detail = f"{account}: the runner was silent for {seconds:.1f} s; nothing is armed"
            return [_alarm("RUNNER_SILENT", detail, "warning")] if cancel else []
        kill = Kill(
            self._new_id(now.wall_ns),
            f"account/{account}",
            KillStep.PAUSE if cancel else KillStep.FLATTEN,
            not cancel,
            f"the runner was silent for {seconds:.1f} s",
            GUARD,
            now.wall_ns,
        )
        running = Running(
            kill, {account: Leg(None)}, Cancels.OPENERS if cancel else Cancels.ALL,
            acknowledged=True, heard_ns=now.mono_ns,
        )  # fmt: skip
        detail = f"{account}: {kill.reason}; {'cancelling' if cancel else 'flattening'}"
        outputs: list[Output] = [
            Entry(Kind.GUARD_RUNNER, {"state": "silent", "account": account, "act": act}),
            _alarm("RUNNER_SILENT", detail, "critical"),
        ]
        if self.watch.process is not None:
            outputs += self._fence(kill.reason, now)
        return [*outputs, *self._begin(running, "silence", now)]

    # -- the rest ------------------------------------------------------------------------------

    def _lift(self, asked: t.LiftAsked, now: Now) -> list[Output]:
        closing = any(running.kill.scope == asked.scope for running in self._open())
        return self.latch.ask(asked, now, closing=closing)

    def _ignore(self, ignored: t.Ignored, now: Now) -> list[Output]:
        """One alarm a second names the latest and counts the rest."""
        self._ignored += 1
        if self._ignored_ns is not None and now.mono_ns - self._ignored_ns < IGNORED_EVERY_NS:
            return []
        count, self._ignored, self._ignored_ns = self._ignored, 0, now.mono_ns
        more = f" ({count} since the last alarm)" if count > 1 else ""
        detail = f"{ignored.code}: {ignored.detail}{more}"
        return [_alarm("MESSAGE_IGNORED", detail, "critical")]

    def _stopping(self, _: t.Stopping, now: Now) -> list[Output]:
        """A runner that has said good-bye is not missed when both start again."""
        if self.watch.said_bye:
            self.watch.parted(whole=True)
        return [Entry(Kind.GUARD_STOPPED, {}), Row("runner", self.watch.row())]

    def _forget(self) -> list[Output]:
        over = [
            name
            for name, running in self.kills.items()
            if not running.open and not any(leg.watching for leg in running.legs.values())
        ]
        gone = over[: max(0, len(over) - DONE_KEPT_MAX)]
        for name in gone:
            del self.kills[name]
        return [Row(f"kill/{name}", None) for name in gone]


def sent_row(kill: str, account: str) -> str:
    """The row that keeps what our closer sent for a leg."""
    return f"sent/{kill}/{account}"


def _take(running: Running, account: str, leg: Leg) -> t.Take:
    return t.Take(running.kill, account, leg.instruments, running.cancels)


def _alarm(code: str, detail: str, severity: str) -> Entry:
    fact = {"code": code, "severity": severity, "subject": "guard", "detail": detail[:1000]}
    return Entry(Kind.ALARM, fact)


def _ms(ns: int) -> float:
    return round(ns / NS_PER_MS, 1)
