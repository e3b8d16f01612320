"""Carries out kills: latch first, then the closing protocol per account, through the engine's book.

The latch needs no venue and is durable before a kill is acknowledged. The closing runs in turns of
the loop (`pump`), between bars and while strategies are waited for; every cancel and close is
journaled before it is sent and its reports are booked like any other's. Kills of one account whose
cells overlap are one closer, widened; a position is never closed by two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradedeck.closing.proof import Extent
from tradedeck.closing.protocol import Closer
from tradedeck.closing.scope import Cells, Holding, Holdings, cells, parse
from tradedeck.closing.types import (
    AskLookup,
    AskRead,
    Begin,
    CancelAll,
    CancelOne,
    CloseOut,
    Done,
    Flat,
    Kill,
    KillStep,
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
    Truth,
    WaitUntil,
)
from tradedeck.engine.actions import Action
from tradedeck.execution.halt import level
from tradedeck.kernel.clock import NS_PER_MS
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.runner.epochs import Epochs
from tradedeck.runner.legs import Driver, Leg, Running
from tradedeck.runner.step import Stepper
from tradedeck.runner.world import World
from tradedeck.trading.facts import Kind
from tradedeck.trading.order import Status
from tradedeck.venue.report import Report

TURNS_MAX = 200  # of one pump; then bars and commands have their turn
KILLS_KEPT_MAX = 200  # done ones, so that a copy that comes late is known
_UNDECIDED = frozenset({Status.INTENT, Status.SENT, Status.UNKNOWN})
_SENDS = (CancelAll, CancelOne, CloseOut, ReplaceProtective)


class Closing:
    """The kills of one runner.

    Args:
        world: what is traded.
        stepper: sends and books.
        epochs: which accounts are ours.
        say: frames for the guard, where one is there.
    """

    def __init__(
        self,
        world: World,
        stepper: Stepper,
        epochs: Epochs,
        say: Callable[[dict[str, Any]], bool],
    ) -> None:
        self._world = world
        self._stepper = stepper
        self._epochs = epochs
        self._say = say
        self._kills: dict[str, Running] = {}
        self._drivers: list[Driver] = []
        self._pumping = False

    @property
    def busy(self) -> bool:
        """Whether anything is being closed or watched."""
        return bool(self._drivers)

    @property
    def due_ns(self) -> int | None:
        """When `pump` has something to do, wall clock; None where there is nothing."""
        if not self._drivers:
            return None
        return min(0 if d.inputs or d.widened else d.wake_ns for d in self._drivers)

    @property
    def ids(self) -> list[str]:
        """Kills that are being carried out."""
        return [name for name, running in self._kills.items() if running.open]

    # -- begin ---------------------------------------------------------------------------------

    def kill(self, kill: Kill) -> list[str]:
        """Latch and begin; the accounts closed here. The same id again changes nothing.

        Durable when it returns. Waits for nothing: it may be called while the loop waits for a
        venue that is frozen.

        Raises:
            TradedeckError: INVALID for a scope that is none.
        """
        running = self._kills.get(kill.id)
        if running is None:
            running = self._begin(kill)
        return sorted(running.legs)

    def close(self, what: str, found: Cells, reason: str, by: str) -> tuple[str, list[str]]:
        """Close these cells by the same protocol, and latch nothing: its id, the accounts closed
        here. One closer closes a cell, whoever asked; so it meets no other on the way.

        Durable when it returns.
        """
        now = self._world.clock.now_ns()
        kill = Kill(new_id("kill", now), what, KillStep.FLATTEN, True, reason, by, now)
        running = self._run(kill, found, quiet=True)
        return kill.id, sorted(running.legs)

    def cells(self, scope: str) -> Cells:
        """What a scope is of what this host trades and holds. Raises INVALID."""
        return cells(parse(scope), self._holdings())

    def _begin(self, kill: Kill) -> Running:
        found = self.cells(kill.scope)
        return self._run(kill, found if kill.step is KillStep.FLATTEN else {}, quiet=False)

    def _run(self, kill: Kill, found: Cells, *, quiet: bool) -> Running:
        world = self._world
        mine: Cells = {
            account: symbols
            for account, symbols in found.items()
            if world.accounts[account].executes and self._epochs.ours(account)
        }
        legs = {account: Leg(symbols) for account, symbols in mine.items()}
        self._kills[kill.id] = running = Running(kill, legs, quiet)
        self._state_begin(running, _plain(mine))
        for account, symbols in mine.items():
            epoch = self._epochs.carry(account, kill.id)
            if not quiet:
                owned = {"id": kill.id, "account": account, "by": "runner", "epoch": epoch}
                world.fact(Kind.KILL_OWNED, owned)
            self._drive(account, kill, Extent(symbols, kill.flatten))
        if not mine:
            self._finished(running)
        self._keep(running)
        self._forget()
        self._stepper.save()
        world.commit(reducing=True)
        world.wake.set()
        return running

    def _state_begin(self, running: Running, accounts: dict[str, list[str] | None]) -> None:
        world, kill = self._world, running.kill
        if running.quiet:
            fact = {"id": kill.id, "scope": kill.scope, "reason": kill.reason, "by": kill.by}
            world.fact(Kind.CLOSE_REQUESTED, fact | {"accounts": accounts})
            return
        fact = {**kill.to_body(), "origin": "runner", "accounts": accounts}
        world.fact(Kind.KILL_REQUESTED, fact)
        world.latch(
            kill.scope,
            level(kill.step.level),
            reason=kill.reason,
            by=kill.by,
            kill=kill.id,
            at_ns=kill.at_ns,
        )

    def _holdings(self) -> Holdings:
        """What this host trades and holds, each tied to its names."""
        world, found = self._world, list[Holding]()
        strategies: dict[str, str] = {}
        for trader in world.traders.values():
            plan = trader.plan
            strategies[plan.id] = plan.strategy
            found.append(Holding(plan.account, plan.instrument, plan.id, plan.strategy))
        for name, account in world.accounts.items():
            book = account.engine.book
            for symbol, position in book.positions.items():
                if position.quantity:
                    owner = position.trader
                    found.append(Holding(name, symbol, owner, strategies.get(owner, "")))
            for order in book.orders.values():
                found.append(Holding(name, order.instrument, order.trader, order.strategy))
        return Holdings.of(world.accounts, found)

    def _drive(self, account: str, kill: Kill, extent: Extent) -> None:
        """One closer per cell: what overlaps is widened, what does not runs beside."""
        hits = [d for d in self._drivers if d.account == account and d.overlaps(extent)]
        if not hits:
            closer = Closer(account, kill.id, Owner.RUNNER)
            self._drivers.append(Driver(account, [kill.id], extent, closer))
        else:
            first, *rest = hits
            first.kills.append(kill.id)
            first.extent, first.widened = first.extent.wider(extent), True
            for other in rest:  # what it sent and has no end is an open intent of the book
                self._drivers.remove(other)
                self._world.journal.drop(other.row)
                first.kills += other.kills
                first.extent = first.extent.wider(other.extent)
        self._mark(account)

    def _mark(self, account: str) -> None:
        """Tell the engine which instruments are not its to send in."""
        mine = [d.extent.instruments for d in self._drivers if d.account == account]
        whole = any(symbols is None for symbols in mine)
        named = frozenset[str]().union(*(symbols for symbols in mine if symbols is not None))
        engine = self._world.accounts[account].engine
        engine.closer.take(None if whole else named)

    def resume(self) -> None:
        """After a restart: what was not done goes on, where the account is ours."""
        world = self._world
        for name in world.journal.names("kill/"):
            row = world.journal.get(name)
            kill = Kill.from_body(row["kill"])
            legs = {account: Leg.of(body) for account, body in row["legs"].items()}
            quiet = bool(row.get("quiet"))
            self._kills[kill.id] = running = Running(kill, legs, quiet)
            for account, leg in legs.items():
                if leg.state == "done":
                    continue
                known = world.accounts.get(account)
                if known is None or not self._epochs.ours(account):
                    leg.state = "done"  # closed by who holds it, with its proof there
                    continue
                leg.state = "closing"
                self._drive(account, kill, Extent(leg.instruments, kill.flatten))
            self._keep(running)
        for driver in self._drivers:
            kept: list[dict[str, Any]] = world.journal.get(driver.row) or []
            driver.resumed = tuple(Sent.from_body(body) for body in kept)
            driver.sents = {sent.client_id: sent for sent in driver.resumed}

    # -- what is heard -------------------------------------------------------------------------

    def heard(self, report: Report) -> None:
        """A report that was booked."""
        for driver in self._drivers:
            if driver.account == report.account and driver.extent.has(report.instrument):
                driver.inputs.append(report)

    def lost(self, client_id: str) -> None:
        """A send that was not answered."""
        for driver in self._drivers:
            if client_id in driver.sents:
                driver.inputs.append(Lost(client_id))

    def sends(self, client_id: str) -> bool:
        """Whether the fate of this order is a closer's to find out."""
        return any(client_id in driver.sents for driver in self._drivers)

    # -- turns ---------------------------------------------------------------------------------

    async def pump(self) -> None:
        """Do what is due of every kill; returns when there is nothing to do now."""
        if not self._drivers or self._pumping:
            return
        self._pumping = True
        try:
            for _ in range(TURNS_MAX):
                self._world.alive()
                outputs = self._due()
                if not outputs:
                    return
                await self._carry_out(outputs)
        finally:
            self._pumping = False

    def _due(self) -> list[tuple[Driver, Output]]:
        now = self._world.clock.now_ns()
        outputs: list[tuple[Driver, Output]] = []
        for driver in list(self._drivers):
            if driver.widened:
                driver.widened = False
                driver.inputs.append(self._order(driver, now))
                if driver.resumed:
                    driver.inputs.append(Resume(driver.resumed))
                    driver.resumed = ()
            if not driver.inputs and now >= driver.wake_ns:
                driver.inputs.append(Tick())
            while driver.inputs:
                found = driver.closer.step(driver.inputs.popleft(), now)
                outputs += [(driver, output) for output in found]
        return outputs

    def _order(self, driver: Driver, now: int) -> Begin:
        account = self._world.accounts[driver.account]
        link = self._world.link
        assert link is not None
        resumed = {sent.client_id for sent in driver.resumed}
        intents = tuple(
            OpenIntent(
                order.client_id,
                order.instrument,
                order.side,
                order.remaining,
                order.sent_at_ns or order.created_ns,
                order.reduce_only,
            )
            for order in account.engine.book.orders.values()
            if order.status in _UNDECIDED
            and driver.extent.has(order.instrument)
            and order.client_id not in resumed
            and order.client_id not in driver.sents
        )
        extent = driver.extent
        capability = link.capability(account.plan)
        return Begin(extent.instruments, extent.flatten, capability, intents, now, extent.cancels)

    async def _carry_out(self, outputs: list[tuple[Driver, Output]]) -> None:
        """State, make durable, send, book, ask; in the order of the protocol."""
        world, link = self._world, self._world.link
        sends: list[tuple[Driver, Output, Action | None]] = []
        for driver, output in outputs:
            if isinstance(output, _SENDS):
                sends.append((driver, output, self._state(driver, output)))
            elif isinstance(output, Noted):
                self._note(driver, output)
            elif isinstance(output, WaitUntil):
                driver.wake_ns = output.at_ns
        for driver in {id(d): d for d, _, _ in sends}.values():
            world.journal.put(driver.row, [sent.to_body() for sent in driver.sents.values()])
        self._stepper.save()
        world.commit(reducing=True)
        if sends:
            await self._send(sends)
        for driver, output in outputs:
            if isinstance(output, AskRead):
                truth = None if link is None or not link.connected else await self._read(driver)
                driver.inputs.append(Read(output.n, truth))
            elif isinstance(output, AskLookup):
                await self._look_up(driver, output.client_id)
            elif isinstance(output, Flat):
                self._flat(driver, output.proof)
            elif isinstance(output, Done):
                self._done(driver, output.proof)

    # -- sending -------------------------------------------------------------------------------

    def _state(self, driver: Driver, output: Output) -> Action | None:
        """The entries of a send, and the engine's action for it where it has one."""
        engine = self._world.accounts[driver.account].engine
        by = driver.kills[0]
        if isinstance(output, CancelAll):
            for order in list(engine.book.orders.values()):
                if output.instruments is None or order.instrument in output.instruments:
                    engine.closer.withdraw(order, by)
        elif isinstance(output, CancelOne):
            order = engine.book.orders.get(output.order.client_id)
            if order is not None:
                return engine.closer.withdraw(order, by)
            self._note(driver, Noted("cancel of a foreign order", output.order.to_body()))
        elif isinstance(output, CloseOut | ReplaceProtective):
            sent = output.sent
            driver.sents[sent.client_id] = sent
            stop = output.stop.stop_price if isinstance(output, ReplaceProtective) else None
            return engine.closer.send(sent, by, stop, engine.now_ns)
        return None

    async def _send(self, sends: list[tuple[Driver, Output, Action | None]]) -> None:
        world, link = self._world, self._world.link
        posted: list[str] = []
        for driver, output, action in sends:
            account = driver.account
            now = world.accounts[account].engine.now_ns  # the venue's reports are of that clock
            if link is None or not link.connected or not self._epochs.ours(account):
                if isinstance(output, CloseOut | ReplaceProtective):
                    self._stepper.unknown(account, output.sent.client_id, "not connected")
                    driver.inputs.append(Lost(output.sent.client_id))
                continue
            if isinstance(output, CancelAll):
                link.post_cancel_all(account, output.instruments, now)
            elif isinstance(output, CancelOne) and action is None:
                link.post_withdraw(account, output.order, now)
            elif action is not None:
                link.post(action)
            posted.append(account)
        if posted:
            await self._stepper.carry_out(await self._stepper.settle())

    async def _read(self, driver: Driver) -> Truth | None:
        """The venue's own word, our book brought up to it first; None where it gives none."""
        link = self._world.link
        assert link is not None
        asked_ns = self._world.clock.now_ns()
        try:
            theirs = await link.account(driver.account)
            if theirs.seq != self._world.venue_seq:
                reports = await link.since(self._world.venue_seq)
                await self._stepper.carry_out(self._stepper.apply(reports))
        except TradedeckError as error:
            self._world.log.info("the venue did not answer a kill", detail=error.detail)
            return None
        return Truth.of(theirs, asked_ns)

    async def _look_up(self, driver: Driver, client_id: str) -> None:
        link = self._world.link
        if link is None or not link.connected:
            return
        try:
            known, reports = await link.lookup(client_id)
        except TradedeckError as error:
            self._world.log.info("the venue did not answer a look-up", detail=error.detail)
            return
        if known:
            driver.inputs.extend(reports)

    # -- saying --------------------------------------------------------------------------------

    def _note(self, driver: Driver, noted: Noted) -> None:
        for kill in driver.kills:
            if self._kills[kill].quiet:
                continue
            said = {
                "id": kill,
                "account": driver.account,
                "words": noted.words,
                "numbers": noted.numbers,
                "ref": noted.ref,
            }
            self._world.fact(Kind.KILL_STEP, said | {"by": "runner"})
            self._say({"op": "step", **said})

    def _flat(self, driver: Driver, proof: Proof) -> None:
        """The venue shows it: journaled with its reads, and the guard looks for itself."""
        body = proof.to_body()
        engine = self._world.accounts[driver.account].engine
        if driver.extent.flatten:
            engine.closer.closed(driver.extent.instruments)
        for kill in driver.kills:
            running = self._kills[kill]
            leg = running.legs[driver.account]
            if leg.state != "closing":
                continue
            leg.state, leg.proof = "flat", body
            kind = Kind.CLOSE_FLAT if running.quiet else Kind.KILL_ACCOUNT_FLAT
            self._world.fact(kind, {"id": kill, "account": driver.account, "proof": body})
            self._keep(running)
            if all(leg.state != "closing" for leg in running.legs.values()):
                self._finished(running)
        self._stepper.save()
        self._world.commit(reducing=True)
        for kill in (name for name in driver.kills if not self._kills[name].quiet):
            self._say({"op": "closed", "id": kill, "account": driver.account, "proof": body})

    def _finished(self, running: Running) -> None:
        """Every leg is flat: stated with what it took."""
        if running.quiet:
            return
        kill = running.kill
        ms = (self._world.clock.now_ns() - kill.at_ns) // NS_PER_MS
        totals = {"accounts": len(running.legs)}
        fact = {"id": kill.id, "scope": kill.scope, "totals": totals, "ms": {"to_flat": ms}}
        self._world.fact(Kind.KILL_DONE, fact)

    def _done(self, driver: Driver, proof: Proof) -> None:
        """Nothing can be applied late any more."""
        self._flat(driver, proof)
        self._drivers.remove(driver)
        world = self._world
        world.journal.drop(driver.row)
        for kill in driver.kills:
            running = self._kills[kill]
            running.legs[driver.account].state = "done"
            self._keep(running)
        self._mark(driver.account)
        if all(other.account != driver.account for other in self._drivers):
            self._epochs.carry(driver.account, None)
        world.commit(reducing=True)

    def _keep(self, running: Running) -> None:
        self._world.journal.put(f"kill/{running.kill.id}", running.row())

    def _forget(self) -> None:
        done = [name for name, running in self._kills.items() if not running.open]
        for name in done[: max(0, len(done) - KILLS_KEPT_MAX)]:
            del self._kills[name]
            self._world.journal.drop(f"kill/{name}")


def _plain(found: Cells) -> dict[str, list[str] | None]:
    return {a: None if symbols is None else sorted(symbols) for a, symbols in found.items()}
