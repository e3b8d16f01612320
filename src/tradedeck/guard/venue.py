"""Drives `closing.Closer` over the guard's own sessions: takes the epoch, sends, reads, proves.

One closer closes an instrument at a time: kills that overlap are one closer, widened; those apart,
or that leave positions, run beside each other. A send is durable before it leaves. Nothing here
gives up: a venue that is away is asked again, visibly.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import structlog

from tradedeck.closing.epoch import Epoch
from tradedeck.closing.proof import Extent, Streak, left
from tradedeck.closing.protocol import Closer
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
    Kill,
    Lost,
    Noted,
    OpenIntent,
    Output,
    Owner,
    Proof,
    Read,
    ReplaceProtective,
    Resume,
    Sent,
    Tick,
    WaitUntil,
    Watching,
)
from tradedeck.guard import types as t
from tradedeck.guard.fence import Handle, started
from tradedeck.guard.line import Line
from tradedeck.guard.records import Records
from tradedeck.kernel.clock import NS_PER_S, Clock
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.venue.capability import PAPER

RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # then the last for ever
CHECK_GAP_S = 0.005
log: Any = structlog.get_logger(__name__)


class Host(Protocol):
    """Whoever keeps what a closing states (the guard; a drill)."""

    def state(self, kill: str, account: str, sents: list[Sent], notes: list[Noted]) -> None:
        """Make sends and steps durable, in one commit."""
        ...

    def sent(self, kill: str, account: str) -> list[Sent]:
        """What was made durable as sent before."""
        ...

    def took(self, kill: str, account: str, epoch: int) -> None:
        """The account is ours."""
        ...

    def proved(self, kill: str, account: str, proof: Proof) -> None:
        """Flat, by three reads."""
        ...

    def doubted(self, kill: str, account: str, found: dict[str, int]) -> None:
        """A read showed what a runner said is closed."""
        ...

    def ended(self, kill: str, account: str) -> None:
        """Nothing can come late any more."""
        ...


@dataclass(slots=True)
class Closing:
    """One closer at work. `kills`: all whose legs it carries; the first names its client ids."""

    account: str
    kills: list[Kill]
    extent: Extent
    closer: Closer
    inputs: asyncio.Queue[Input] = field(default_factory=asyncio.Queue[Input])
    task: asyncio.Task[None] | None = None
    sents: dict[str, Sent] = field(default_factory=dict[str, Sent])
    proof: Proof | None = None

    @property
    def name(self) -> str:
        """Id of the kill that its sends are kept under."""
        return self.kills[0].id

    def overlaps(self, other: Extent) -> bool:
        """Whether both would close the same instrument."""
        if not (self.extent.flatten and other.flatten):
            return False
        if self.extent.instruments is None or other.instruments is None:
            return True
        return bool(self.extent.instruments & other.instruments)


class Venue:
    """Closes and reads accounts of the paper exchange.

    Args:
        home: of this host.
        clock: of this host.
        records: the runner's journal.
        host: keeps what is stated.

    """

    def __init__(self, home: Path, clock: Clock, records: Records, host: Host) -> None:
        self._socket = home / "run" / "exchange.sock"
        self._folder = home / "run" / "closer"
        self._clock = clock
        self._records = records
        self._host = host
        self._active: dict[str, list[Closing]] = {}
        self._epochs: dict[str, Epoch] = {}
        self._checks: set[asyncio.Task[None]] = set()

    # -- begin and end -------------------------------------------------------------------------

    def take(self, take: t.Take) -> None:
        """Close a leg; see `ports.Closing`."""
        flatten = take.kill.flatten and take.instruments != frozenset()
        extent = Extent(take.instruments, flatten, take.cancels)
        active = self._active.setdefault(take.account, [])
        hits = [closing for closing in active if closing.overlaps(extent)]
        if not hits:
            active.append(self._begin(take, extent))
            return
        first, *rest = hits
        first.kills.append(take.kill)
        first.extent = first.extent.wider(extent)
        intents: list[OpenIntent] = []
        for other in rest:  # its sends are open intents of the one that goes on
            active.remove(other)
            if other.task is not None:
                other.task.cancel()
            first.kills += other.kills
            first.extent = first.extent.wider(other.extent)
            intents += [_intent(sent) for sent in other.sents.values()]
        first.inputs.put_nowait(self._order(take.account, first.extent, intents))

    def _begin(self, take: t.Take, extent: Extent) -> Closing:
        closer = Closer(take.account, take.kill.id, Owner.GUARD)
        closing = Closing(take.account, [take.kill], extent, closer)
        closing.task = self._spawn(self._keep(closing), f"close-{take.account}")
        return closing

    async def _keep(self, closing: Closing) -> None:
        """Until it is done, whatever breaks: what was sent is durable, and taken up again."""
        tries = 0
        while True:
            try:
                if await self._run(closing):
                    return
                tries = 0
            except Exception:  # a kill does not end with a bug of ours
                log.exception("a closing failed", account=closing.account)
            await _pause(tries)
            tries += 1
            closing.closer = Closer(closing.account, closing.name, Owner.GUARD)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)
        return task

    async def stop(self) -> None:
        """See `ports.Closing`. Claims stay: what is not done is taken up at the next start."""
        for task in list(self._checks):
            task.cancel()
        await asyncio.gather(*self._checks, return_exceptions=True)
        for epoch in self._epochs.values():
            epoch.release()

    def _order(self, account: str, extent: Extent, more: list[OpenIntent]) -> Begin:
        """What a closer begins, or goes on, with."""
        latency_s = self._records.latency_s(account)
        intents = [*self._records.open_intents(account), *more]
        return Begin(
            extent.instruments,
            extent.flatten,
            PAPER.behind(latency_s),
            tuple(intents),
            self._clock.now_ns(),
            extent.cancels,
        )

    # -- owning --------------------------------------------------------------------------------

    async def _own(self, closing: Closing) -> Epoch:
        """The account's epoch; a process that still holds it is ended."""
        account = closing.account
        tries = 0
        while True:
            epoch = self._epochs.get(account)
            if epoch is not None:
                epoch.carry(closing.name, self._clock.now_ns())
                return epoch
            epoch = Epoch(self._folder, account)
            try:
                number = epoch.take(Owner.GUARD, closing.name, self._clock.now_ns())
            except (TradedeckError, OSError) as error:
                log.warning("the account is not ours yet", account=account, reason=str(error))
                if not await self._fence(epoch, account):
                    await _pause(tries)
                tries += 1
                continue
            self._epochs[account] = epoch
            self._host.took(closing.name, account, number)
            return epoch

    async def _fence(self, epoch: Epoch, account: str) -> bool:
        """End the process that holds the claim, where it is certain which one that is."""
        pid = epoch.read().pid
        path = str((self._folder / f"{account}.json").resolve())
        if pid in (0, os.getpid()) or not _holds(pid, path):
            return False
        try:
            handle = Handle(t.Process(pid, started(pid)))
        except TradedeckError:
            return True
        try:
            return _holds(pid, path) and await handle.fence()
        finally:
            handle.close()

    def _release(self, account: str) -> None:
        if self._active.get(account):
            return
        self._active.pop(account, None)
        epoch = self._epochs.pop(account, None)
        if epoch is not None:
            epoch.carry(None, self._clock.now_ns())
            epoch.release()

    # -- driving -------------------------------------------------------------------------------

    async def _run(self, closing: Closing) -> bool:
        """Drive one closer to its end; False where it was widened in the moment it ended."""
        account = closing.account
        epoch = await self._own(closing)
        before = self._host.sent(closing.name, account)
        while not closing.inputs.empty():  # what widened it is in its extent already
            closing.inputs.get_nowait()
        closing.sents = {sent.client_id: sent for sent in before}
        line = Line(self._socket, account, self._records.latency_s(account))
        named = self._records.named(account)
        pending: list[Input] = [self._order(account, closing.extent, [])]
        if before:
            pending.append(Resume(tuple(before)))
        wake_ns: int | None = None
        try:
            while True:
                outputs: list[Output] = []
                for given in pending:
                    outputs += closing.closer.step(given, self._clock.now_ns())
                pending = await self._carry_out(closing, line, epoch, named, outputs)
                for output in outputs:
                    if isinstance(output, WaitUntil):
                        wake_ns = output.at_ns
                if any(isinstance(output, Done) for output in outputs):
                    break
                if not pending:
                    pending = [await self._next(closing, wake_ns)]
        finally:
            await line.close()
        if not closing.inputs.empty():
            return False
        self._active[account].remove(closing)
        for kill in closing.kills:
            self._host.ended(kill.id, account)
        self._release(account)
        return True

    async def _next(self, closing: Closing, wake_ns: int | None) -> Input:
        wait_s = 1.0 if wake_ns is None else max(0.0, (wake_ns - self._clock.now_ns()) / NS_PER_S)
        try:
            return await asyncio.wait_for(closing.inputs.get(), wait_s)
        except TimeoutError:
            return Tick()

    async def _carry_out(
        self,
        closing: Closing,
        line: Line,
        epoch: Epoch,
        named: dict[str, tuple[str, str]],
        outputs: list[Output],
    ) -> list[Input]:
        """State what was decided, send it, ask; the answers."""
        sends = [
            output
            for output in outputs
            if isinstance(output, CancelAll | CancelOne | CloseOut | ReplaceProtective)
        ]
        sents = [send.sent for send in sends if isinstance(send, CloseOut | ReplaceProtective)]
        notes = [output for output in outputs if isinstance(output, Noted)]
        closing.sents |= {sent.client_id: sent for sent in sents}
        if sents or notes:
            self._host.state(closing.name, closing.account, sents, notes)
        answers: list[Input] = []
        if sends:
            if not epoch.holds():
                self._epochs.pop(closing.account).release()
                raise TradedeckError(Code.CONFLICT, f"account {closing.account} is no longer ours")
            now = self._clock.now_ns()
            reports, unknown = await line.send(sends, named, closing.name, now)
            answers += reports
            answers += [Lost(name) for name in unknown]
        for output in outputs:
            if isinstance(output, AskLookup):
                answers += await _asked(line.lookup(output.client_id), [])
            elif isinstance(output, AskRead):
                asked_ns = self._clock.now_ns()
                answers.append(Read(output.n, await _asked(line.read(asked_ns), None)))
            elif isinstance(output, Flat | Done):
                closing.proof = output.proof
                for kill in closing.kills:
                    self._host.proved(kill.id, closing.account, output.proof)
            elif isinstance(output, Watching):
                log.info("watching", account=closing.account, until_ns=output.until_ns)
        return answers

    # -- checking ------------------------------------------------------------------------------

    def check(self, check: t.Check) -> None:
        """Three reads of a leg that the runner says is flat; see `ports.Closing`."""
        self._spawn(self._check(check), f"check-{check.account}")

    async def _check(self, check: t.Check) -> None:
        line = Line(self._socket, check.account)
        extent = Extent(check.instruments, check.kill.flatten)
        streak, tries = Streak(), 0
        try:
            while True:
                truth = await _asked(line.read(self._clock.now_ns()), None)
                if truth is None:
                    await _pause(tries)
                    tries += 1
                    continue
                shown = left(truth, extent)
                if not shown.nothing:
                    found = {"orders": len(shown.working), "positions": len(shown.held)}
                    self._host.doubted(check.kill.id, check.account, found)
                    return
                proof = streak.add(truth, shown)
                if proof is not None:
                    self._host.proved(check.kill.id, check.account, proof)
                    return
                await asyncio.sleep(CHECK_GAP_S)
        finally:
            await line.close()


async def _asked(question: Coroutine[Any, Any, Any], otherwise: Any) -> Any:
    """The venue's answer, or `otherwise` where it gave none: the protocol asks again."""
    try:
        return await question
    except TradedeckError as error:
        log.info("the venue did not answer", reason=error.detail)
        return otherwise


async def _pause(tries: int) -> None:
    await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])


def _intent(sent: Sent) -> OpenIntent:
    return OpenIntent(
        sent.client_id, sent.instrument, sent.side, sent.quantity, sent.at_ns, reduce_only=True
    )


def _holds(pid: int, path: str) -> bool:
    """Whether the process has that file open; False where the platform does not say."""
    folder = Path(f"/proc/{pid}/fd")
    try:
        return any(str(descriptor.readlink()) == path for descriptor in folder.iterdir())
    except OSError:
        return False
