"""The guard as a process: feeds its core with what happens and does what the core asks.

Everything that a step states is committed before anything of it is done. On a disk that takes no
write, ballast spent, what only stops goes on all the same and is journaled when it can be (the one
exception of INV-3); what lifts does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import structlog

from tradedeck.authority.envelope import Envelope, Verifier
from tradedeck.closing.report import content_hash
from tradedeck.closing.types import Noted, Proof, Sent
from tradedeck.guard import evidence
from tradedeck.guard import types as t
from tradedeck.guard.asks import Asks, Drilling
from tradedeck.guard.core import Core, sent_row
from tradedeck.guard.fence import FENCE_S, Handle, started
from tradedeck.guard.kills import Running
from tradedeck.guard.notify import Notifier
from tradedeck.guard.people import Book
from tradedeck.guard.ports import Closing, Timing
from tradedeck.guard.read import policies, text
from tradedeck.guard.records import Records
from tradedeck.guard.server import Session
from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import NS_PER_S, Clock, format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.trading.facts import Kind

TICK_S = 0.05
BUSY_TICK_S = 0.01  # a runner is asked to own a kill within 250 ms
REST_TURNS = 20
DRILL_AGAIN_S = 5.0  # one that could not run is tried again after it
SEEN = "seen"
MINUTE_NS = 60 * NS_PER_S
log: Any = structlog.get_logger(__name__)


class Guard:
    """One guard; implements the server's `Acts`.

    Args:
        core: the decisions.
        journal: the guard's own.
        clock: of the host.
        records: the runner's journal, read-only.
        notifier: the channel to a person.
        verifier: opens envelopes for this guard; None while the host has no api key.
        defaults: the policy of an account whose runner names none.
        book: whom this host trusts.

    """

    def __init__(
        self,
        core: Core,
        journal: Journal,
        clock: Clock,
        records: Records,
        notifier: Notifier,
        verifier: Callable[[], Verifier | None],
        defaults: t.Policy,
        book: Book,
    ) -> None:
        self.core = core
        self.closing: Closing | None = None
        self.drills: Drilling | None = None
        self.timers: Timing | None = None
        self.on_commit: Callable[[int], None] = lambda _: None
        self._journal = journal
        self._clock = clock
        self._notifier = notifier
        self.asks = Asks(self, clock, records, verifier, book)
        self._defaults = defaults
        self._runner: Session | None = None
        self._handle: Handle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._seen: dict[str, int] = journal.get(SEEN) or {}  # as the verifier was told
        self._sents: dict[tuple[str, str], list[Sent]] = {}
        self.unwritten = False
        self._said_full = False
        self._drilling = False
        self._heard: list[t.Stepped] = []  # of the runner's read that is being worked on

    def now(self) -> t.Now:
        """Both clocks."""
        return t.Now(self._clock.now_ns(), self._clock.monotonic_ns())

    # -- steps ---------------------------------------------------------------------------------

    def happened(self, what: t.Input) -> dict[str, Any]:
        """One step: decided, made durable, done. The answer to whoever asked, if any."""
        outputs = self.core.step(what, self.now())
        return self.carry_out(outputs)

    def together(self, many: Sequence[t.Input]) -> None:
        """Several steps in one commit."""
        now = self.now()
        self.carry_out([output for what in many for output in self.core.step(what, now)])

    def carry_out(self, outputs: list[t.Output]) -> dict[str, Any]:
        """Commit what is stated, then act."""
        for output in outputs:
            if isinstance(output, t.Entry):
                if output.kind == Kind.KILL_DONE:
                    self._seal(output.body)
                self._journal.append(output.kind, output.body)
                log.info(output.kind, **_shown(output.body))
            elif isinstance(output, t.Row):
                if output.value is None:
                    self._journal.drop(output.name)
                else:
                    self._journal.put(output.name, self._newest(output))
        durable = self.commit()
        answer: dict[str, Any] = {}
        for output in outputs:
            if isinstance(output, t.Answer):
                answer = output.body
            else:
                self._act(output, durable=durable)
        return answer

    def _seal(self, done: dict[str, Any]) -> None:
        """Put the hash of its evidence into the entry that says that a kill is done."""
        self.commit()  # its last steps, so that the evidence has them
        running = self.core.kills[done["id"]]
        done["sha256"] = running.sha256 = content_hash(self.report(running, done["totals"]))

    def _newest(self, row: t.Row) -> Any:
        running = self.core.kills.get(row.name.removeprefix("kill/"))
        return row.value if running is None else running.row()  # with its hash

    def report(self, running: Running, totals: dict[str, int] | None = None) -> dict[str, Any]:
        """The evidence of a kill, from the journal."""
        since = running.kill.at_ns - MINUTE_NS  # clocks may have been set since
        return evidence.report(running, self._journal.kinds(evidence.KINDS, since), totals)

    def commit(self) -> bool:
        """Make it durable; False where the disk takes nothing, and it stays staged."""
        try:
            head = self._journal.commit()
        except TradedeckError as error:
            if not self.unwritten:
                log.critical("the guard's journal takes no write", detail=str(error))
                self._notifier.say("The guard's disk is full", str(error), self._at())
            self.unwritten = True
            return False
        if self.unwritten:
            self.unwritten = False
            for lift in self.core.latch.to_deliver:
                self._tell({"op": "lift", **lift})
        self.on_commit(head)
        return True

    def _act(self, output: t.Output, *, durable: bool) -> None:
        if isinstance(output, t.Tell):
            if durable or output.frame.get("op") != "lift":
                self._tell(output.frame)
        elif isinstance(output, t.Fence):
            self.spawn(self._fence(output), "fence")
        elif isinstance(output, t.Take) and self.closing is not None:
            self.closing.take(output)
        elif isinstance(output, t.Check) and self.closing is not None:
            self.closing.check(output)
        elif isinstance(output, t.Notify):
            self._notifier.say(output.subject, output.detail, self._at())
        elif isinstance(output, t.Progress):
            self.asks.progress(output)

    def _tell(self, frame: dict[str, Any]) -> None:
        if self._runner is not None:
            self._runner.send(frame)

    def _at(self) -> str:
        return format_ns(self._clock.now_ns())

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run beside; what it raises is logged, it cannot go unseen."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_seen_to_end)

    # -- what our closers state ----------------------------------------------------------------

    def state(self, kill: str, account: str, sents: list[Sent], notes: list[Noted]) -> None:
        """See `venue.Host`."""
        if sents:
            kept = self._sents.setdefault((kill, account), self.sent(kill, account))
            known = {sent.client_id for sent in sents}
            kept[:] = [sent for sent in kept if sent.client_id not in known] + sents
            self._journal.put(sent_row(kill, account), [sent.to_body() for sent in kept])
        self.together([t.Stepped(kill, account, "guard", n.words, n.numbers, n.ref) for n in notes])

    def sent(self, kill: str, account: str) -> list[Sent]:
        """See `venue.Host`."""
        kept = self._sents.get((kill, account))
        if kept is not None:
            return list(kept)
        return [Sent.from_body(body) for body in self._journal.get(sent_row(kill, account)) or ()]

    def took(self, kill: str, account: str, epoch: int) -> None:
        """See `venue.Host`."""
        self.happened(t.Took(kill, account, epoch))

    def proved(self, kill: str, account: str, proof: Proof) -> None:
        """See `venue.Host`."""
        self.happened(t.Proved(kill, account, flat=True, proof=proof.to_body()))

    def doubted(self, kill: str, account: str, found: dict[str, int]) -> None:
        """See `venue.Host`."""
        self.happened(t.Proved(kill, account, flat=False, proof=found))

    def ended(self, kill: str, account: str) -> None:
        """See `venue.Host`."""
        self._sents.pop((kill, account), None)
        self.happened(t.Ended(kill, account))

    # -- life ----------------------------------------------------------------------------------

    def begin(self, build: str, pid: int, *, armed: bool) -> None:
        """State the start, hold the runner known from before, take up what was ours."""
        fact = {"build": build, "pid": pid, "armed": armed, "halts": len(self.core.latch.halts)}
        self._journal.append(Kind.GUARD_STARTED, fact)
        self.commit()
        known = self.core.watch.process
        if known is not None:
            self._hold(known)
        self.carry_out(self.core.resume())

    async def ticks(self, beat: Callable[[], None]) -> None:
        """The clock of the core, of a journal that waits for room, and of drills.

        Args:
            beat: says to whoever supervises the guard that this loop turns.

        """
        turn = 0
        while True:
            busy = any(running.open for running in self.core.kills.values())
            await asyncio.sleep(BUSY_TICK_S if busy else TICK_S)
            self.happened(t.Tick())
            if self.timers is not None:
                self.timers.turn(self.core.timers())
            beat()
            turn += 1
            if turn % REST_TURNS == 0:
                self._rest(busy=busy)

    def _rest(self, *, busy: bool) -> None:
        if self._journal.full and not self._journal.refill() and not self._said_full:
            self._said_full = True
            detail = "the disk of this host is full: make room, the ballast is used up"
            fact = {"code": "DISK_FULL", "severity": "critical", "subject": "guard"}
            self.carry_out([t.Entry(Kind.ALARM, fact | {"detail": detail})])
        self._said_full = self._said_full and self._journal.full
        if self.drills is None or not self.drills.due or self._drilling:
            return
        if busy:
            self.drills.put_off("a kill is being carried out")
            return
        self._drilling = True
        self.spawn(self._scheduled(self.drills), "drill")

    async def _scheduled(self, drills: Drilling) -> None:
        try:
            await drills.scheduled()
        except Exception as error:  # noqa: BLE001 - a fault of ours is a drill that did not run
            drills.put_off(f"{type(error).__name__}: {error}")
        finally:
            await asyncio.sleep(DRILL_AGAIN_S)
            self._drilling = False

    def begun(self, row: dict[str, Any]) -> None:
        """See `drill.Keeper`."""
        self.carry_out([t.Row("drill", row)])

    def note(self, kind: str, body: dict[str, Any], row: dict[str, Any] | None) -> None:
        """See `drill.Keeper`; a failed drill is an alarm, and told to a person."""
        outputs: list[t.Output] = [t.Entry(kind, body)]
        if row is not None:
            outputs.append(t.Row("drill", row))
        if kind == Kind.DRILL_FAILED:
            detail = f"{body['account']}: {body['detail']}"
            fact = {"code": "DRILL_FAILED", "severity": "critical", "subject": "guard"}
            outputs.append(t.Entry(Kind.ALARM, fact | {"detail": detail}))
            outputs.append(t.Notify("A drill failed", detail))
        self.carry_out(outputs)

    async def end(self) -> None:
        """Say so and let go."""
        self.happened(t.Stopping())
        if self.timers is not None:
            await self.timers.stop()
        if self.closing is not None:
            await self.closing.stop()
        for task in list(self._tasks):
            task.cancel()
        self._release()

    def timed(self, account: str, state: str, seconds: float) -> None:
        """See `timers.State`."""
        fact = {"account": account, "state": state, "seconds": seconds}
        self.carry_out([t.Entry(Kind.GUARD_TIMER, fact)])

    # -- the runner's process ------------------------------------------------------------------

    def _hold(self, process: t.Process) -> None:
        self._release()
        try:
            self._handle = Handle(process)
        except TradedeckError:
            self.happened(t.Exited(process))
            return
        self.spawn(self._awaited(self._handle), "runner-exit")

    async def _awaited(self, handle: Handle) -> None:
        await handle.wait()
        if self._handle is handle:
            self._release()
            self.happened(t.Exited(handle.process))

    def _release(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    async def _fence(self, fence: t.Fence) -> None:
        handle = self._handle
        if handle is None or fence.process is None or handle.process != fence.process:
            self.happened(t.Fenced(ended=True, detail="its process had ended"))
            return
        if await handle.fence():
            self.happened(t.Fenced(ended=True, detail=f"pid {handle.process.pid} has ended"))
            return
        detail = f"pid {handle.process.pid} did not end within {FENCE_S:g} s"
        self.happened(t.Fenced(ended=False, detail=detail))

    # -- the runner's session ------------------------------------------------------------------

    def runner(self, session: Session, frame: dict[str, Any]) -> None:
        """See `server.Acts`."""
        if frame.get("op") == "hello":
            self._hello(session, frame)
            return
        if session is not self._runner:
            raise TradedeckError(Code.REFUSED, "this session has not said hello")
        try:
            what = self._input(frame)
            if isinstance(what, t.Stepped):
                self._heard.append(what)
                return
            self.settled()  # first what it said before
            self.happened(what)
        except (KeyError, TypeError, ValueError, TradedeckError) as error:
            detail = f"the runner's frame was malformed: {type(error).__name__}: {error}"
            self.happened(t.Ignored(Code.INVALID.value, detail))

    def settled(self) -> None:
        """See `server.Acts`: the steps of one read are one commit, or a fsync each would be what
        the proof of a large kill waits for.
        """
        heard, self._heard = self._heard, []
        if heard:
            self.together(heard)

    def _hello(self, session: Session, frame: dict[str, Any]) -> None:
        pid = session.pid or int(frame["pid"])
        began = started(pid)
        if int(frame["pid"]) != pid or (began is not None and began != int(frame["started"])):
            self.happened(t.Ignored("PEER", f"process {pid} said it was another"))
            raise TradedeckError(Code.REFUSED, "the peer is not the process it says")
        if frame.get("role") != "runner":
            raise TradedeckError(Code.REFUSED, "only a runner says hello")
        process = t.Process(pid, began)
        hello = t.Hello(
            process,
            text(frame, "runner"),
            policies(frame["accounts"], self._defaults),
            cast("dict[str, dict[str, Any]]", dict(frame.get("halts") or {})),
        )
        if self._runner is not None and self._runner is not session:
            self._runner.close()
        self._runner = session
        if self._handle is None or self._handle.process != process:
            self._hold_new(process)
        self.happened(hello)

    def _hold_new(self, process: t.Process) -> None:
        """The one before it is over, or is ended now: two of them cannot be."""
        before = self._handle
        self._handle = None
        if before is not None:
            before.kill()
            self.happened(t.Exited(before.process))
            before.close()
        try:
            self._handle = Handle(process)
        except TradedeckError:
            return  # it ended while it said hello: its session ends too
        self.spawn(self._awaited(self._handle), "runner-exit")

    def _input(self, frame: dict[str, Any]) -> t.Input:
        operation = frame.get("op")
        if operation == "beat":
            closing = tuple(str(name) for name in frame.get("closing") or ())
            return t.Beat(closing, int(frame.get("n") or 0))
        if operation == "accounts":
            return t.Accounts(policies(frame["accounts"], self._defaults))
        if operation == "halted":
            return t.RunnerHalted(dict(frame["row"]))
        if operation == "owned":
            return t.Owned(text(frame, "id"), tuple(str(a) for a in frame["accounts"]))
        if operation == "step":
            numbers = dict(frame.get("numbers") or {})
            return t.Stepped(
                text(frame, "id"), text(frame, "account"), "runner",
                str(frame["words"])[:100], numbers, str(frame.get("ref") or "")[:100],
            )  # fmt: skip
        if operation == "closed":
            return t.Closed(text(frame, "id"), text(frame, "account"))
        if operation == "lifted":
            return t.Lifted(text(frame, "scope"))
        if operation == "bye":
            return t.Bye(whole=frame.get("whole") is True)
        raise ValueError(f"there is no frame {operation!r}")

    def gone(self, session: Session) -> None:
        """See `server.Acts`."""
        self.asks.gone(session)
        if session is self._runner:
            self._runner = None
            self.happened(t.Gone())

    # -- asks ----------------------------------------------------------------------------------

    async def ask(self, session: Session, frame: dict[str, Any]) -> dict[str, Any]:
        """See `server.Acts`."""
        return await self.asks.ask(session, frame)

    def status(self) -> dict[str, Any]:
        """For people and telemetry."""
        return {
            **self.core.status(self.now()),
            "armed": self.closing is not None,
            "journal_full": self._journal.full or self.unwritten,
            "notify": self._notifier.configured,
            "timers": {} if self.timers is None else self.timers.shown(),
            "at_ns": self._clock.now_ns(),
        }

    def seen(self, envelope: Envelope) -> None:
        """Keep its id until it expires, in the commit of what it causes: a copy is refused after a
        restart as well.
        """
        now = self._clock.now_ns()
        self._seen = {name: until for name, until in self._seen.items() if until >= now}
        self._seen[envelope.id] = envelope.expires_at_ns
        self._journal.put(SEEN, self._seen)


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    """A fact's fields for the log, whose own names they may not take."""
    return {f"{name}_" if name in {"event", "level"} else name: v for name, v in body.items()}


def _seen_to_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a task of the guard failed", task=task.get_name(), exc_info=error)
