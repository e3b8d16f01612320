"""Coming to terms with the venue: at start, after every lost line, and now and then.

The venue's log from the last report we committed is applied; orders in flight are looked up by
their client id; then both books are compared. Until they agree, nothing increases.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from tradedeck.execution.book import Book
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import TradedeckError
from tradedeck.runner.plan import AccountPlan, Plan
from tradedeck.runner.step import Stepper
from tradedeck.runner.world import Account, World
from tradedeck.trading.order import Status
from tradedeck.venue.read import VenueAccount

RETRY_NS = NS_PER_S // 2
COMPARE_EVERY_NS = 15 * NS_PER_S
CASH_TOLERANCE = Decimal("0.01")  # DEFINITIONS: drift tolerance of cash; quantities have none


class Recovery:
    """Keeps the venue line standing and the books compared."""

    def __init__(self, world: World, stepper: Stepper) -> None:
        self._world = world
        self._stepper = stepper
        self._retry_ns = 0
        self._claim_ns = 0
        self._compare_ns = 0
        self._opened: dict[str, AccountPlan] = {}
        self._announced: Plan | None = None
        self.checked_at_ns: int | None = None

    async def keep(self, now_ns: int) -> None:
        """Called at every safe point: reconnect when it is time, compare when it is time."""
        world = self._world
        link = world.link
        if link is None:
            return
        self._claim(now_ns)
        if not link.connected and now_ns >= self._retry_ns:
            self._retry_ns = now_ns + RETRY_NS
            await self._connect()
        elif link.connected and (world.plan is not self._announced or self._unopened()):
            await self._standing(self._announce)  # accounts, frictions and instruments changed
        elif link.connected and now_ns >= self._compare_ns:
            self._compare_ns = now_ns + COMPARE_EVERY_NS
            await self._standing(self._compare_all)
        elif link.connected and now_ns >= self._retry_ns and self._doubtful():
            self._retry_ns = now_ns + RETRY_NS
            await self._standing(self._settle)
        if world.pushed:
            await self._stepper.carry_out(self._stepper.apply([]))

    def _ours(self) -> list[Account]:
        """Accounts that execute and are ours to send for."""
        accounts = self._world.accounts.values()
        return [a for a in accounts if a.executes and not a.engine.locked]

    def _doubtful(self) -> bool:
        """Whether an account that executes waits for the venue's word."""
        return any(not account.reconciled for account in self._ours())

    def _claim(self, now_ns: int) -> None:
        """Accounts that another process holds: asked for again, and then told to the venue anew."""
        if now_ns < self._claim_ns:
            return
        self._claim_ns = now_ns + RETRY_NS
        for account in self._world.accounts.values():
            if account.executes and account.engine.locked and self._world.claim(account):
                self._opened.pop(account.plan.id, None)

    async def _standing(self, act: Callable[[], Awaitable[None]]) -> None:
        """Ask on the standing line; a venue that does not answer is asked again later."""
        try:
            await act()
        except TradedeckError as error:
            for account in self._world.accounts.values():
                if account.executes:
                    self._world.doubt(
                        account, "NO_ANSWER", f"the venue did not answer: {error.detail}"
                    )

    async def _settle(self) -> None:
        """The venue's log, then what it knows of every order in doubt, then both books."""
        await self._catch_up()
        await self._resolve()
        await self._compare_all()

    async def _catch_up(self) -> None:
        """Apply what the venue's log has above the last report we committed."""
        world = self._world
        assert world.link is not None
        reports = await world.link.since(world.venue_seq)
        await self._stepper.carry_out(self._stepper.apply(reports))

    async def _announce(self) -> None:
        """Tell the venue what is traded and by whom."""
        world = self._world
        link, plan = world.link, world.plan
        assert link is not None
        world.provisional -= plan.instruments.keys()
        known = [s for name, s in world.instruments.items() if name not in world.provisional]
        await link.instruments(known)
        for account in self._unopened():
            await self._open(account)
        self._announced = plan
        await self._settle()

    def lost(self) -> None:
        """The line broke: nothing increases until both books agree again."""
        world = self._world
        for account in world.accounts.values():
            account.reconciled = False
            if account.executes:
                world.doubt(account, "LINE_BROKEN", "the venue's line broke")
        world.condition("runner", "VenueConnected", "False", "LINE_BROKEN")
        world.sink.alarm("VENUE_DISCONNECTED", "the line to the paper exchange broke")
        world.wake.set()

    async def _connect(self) -> None:
        world = self._world
        link = world.link
        assert link is not None
        try:
            await link.connect()
            self._opened.clear()
            await self._announce()
        except TradedeckError as error:
            await link.close()  # half a greeting is none: the next try does all of it
            world.condition("runner", "VenueConnected", "False", error.code.value, error.detail)
            return
        world.condition("runner", "VenueConnected", "True", "CONNECTED")
        world.log.info("venue connected", venue_seq=world.venue_seq)
        world.commit()

    def _unopened(self) -> list[Account]:
        """Executing accounts that this session has not opened, or opened under other terms."""
        return [
            account for account in self._ours() if self._opened.get(account.plan.id) != account.plan
        ]

    async def _open(self, account: Account) -> None:
        link = self._world.link
        assert link is not None
        await link.open_account(account.plan)
        self._opened[account.plan.id] = account.plan

    async def _resolve(self) -> None:
        """Orders that were in flight: the venue's own record says what became of each."""
        world = self._world
        link = world.link
        assert link is not None
        for account in self._ours():
            book = account.engine.book
            for order in list(book.orders.values()):
                if order.status not in (Status.INTENT, Status.SENT, Status.UNKNOWN):
                    continue
                if world.stops is not None and world.stops.sends(order.client_id):
                    continue  # its closer finds out, and may send it again
                world.alive()
                known, _ = await link.lookup(order.client_id)
                if known:
                    continue  # its reports came with the log; the order follows them
                book.discard(order, Status.REJECTED)
                world.sink.never_reached(order)

    async def _compare_all(self) -> None:
        world = self._world
        link = world.link
        assert link is not None
        for account in self._ours():
            world.alive()
            try:
                theirs = await link.account(account.plan.id)
            except TradedeckError as error:
                world.doubt(account, "NO_ANSWER", f"the venue did not answer: {error.detail}")
                continue
            if theirs.seq != world.venue_seq:
                await self._catch_up()
                theirs = await link.account(account.plan.id)
            self._verdict(account, drift(account.engine.book, theirs))
        self.checked_at_ns = world.clock.now_ns()

    def _verdict(self, account: Account, found: list[str]) -> None:
        world = self._world
        account.reconciled = not found
        account.reconcile_detail = "; ".join(found) or "balance, positions and orders are equal"
        subject = f"account/{account.plan.id}"
        before = world.conditions.get((subject, "Reconciled"))
        world.condition(
            subject,
            "Reconciled",
            "False" if found else "True",
            "DRIFT" if found else "EQUAL",
            account.reconcile_detail,
        )
        if found and world.conditions.get((subject, "Reconciled")) != before:
            world.sink.alarm("DRIFT", f"{account.plan.id}: {account.reconcile_detail}", "critical")


def drift(book: Book, theirs: VenueAccount) -> list[str]:
    """Every line on which our book and the venue's differ, in words; empty when equal."""
    found: list[str] = []
    if abs(book.balance - theirs.balance) > CASH_TOLERANCE:
        found.append(f"balance: ours {book.balance}, theirs {theirs.balance}")
    ours = {symbol: p.quantity for symbol, p in book.positions.items() if p.quantity}
    for symbol in sorted({*ours, *theirs.positions}):
        mine, other = ours.get(symbol, Decimal(0)), theirs.positions.get(symbol, Decimal(0))
        if mine != other:
            found.append(f"{symbol}: ours {mine}, theirs {other}")
    working = {
        client
        for client, order in book.orders.items()
        if order.status in (Status.ACCEPTED, Status.PARTIALLY_FILLED)
    }
    shown = {order.client_id for order in theirs.working}
    for client in sorted(working ^ shown):
        side = "ours" if client in working else "theirs"
        found.append(f"order {client}: only {side}")
    return found
