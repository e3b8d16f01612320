"""Drills: the very kill, on a seeded account of its own at the paper exchange, measured.

Nothing of a drill is latched and no runner is asked: what is measured is the guard closing alone,
which is the harder half. One that is late, or does not end flat, is an alarm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.closing.types import Cancels, Kill, KillStep, Noted, Proof, Sent
from tradedeck.guard.core import MEASURED
from tradedeck.guard.records import Records
from tradedeck.guard.types import Take
from tradedeck.guard.venue import Venue
from tradedeck.kernel.clock import NS_PER_MS, NS_PER_S, Clock
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.trading.facts import Kind

DRILL_S = 30.0
SEED_S = 10.0
LATE_NS = 3_600 * NS_PER_S  # past its time (or once more its interval) a drill is missed
ROW = "drill"


class Keeper(Protocol):
    """Who journals what came of it (the guard)."""

    def note(self, kind: str, body: dict[str, Any], row: dict[str, Any] | None) -> None:
        """A fact, and the row `drill` that goes with it."""
        ...

    def begun(self, row: dict[str, Any]) -> None:
        """The first row `drill`, without a fact."""
        ...


@dataclass(slots=True)
class _Host:
    """Keeps in memory what a closing states; a drill that is cut short is simply void."""

    now_ns: Callable[[], int]
    begun_ns: int
    sents: list[Sent] = field(default_factory=list[Sent])
    ms: dict[str, float] = field(default_factory=dict[str, float])
    steps: int = 0
    proof: Proof | None = None
    flat: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def state(self, kill: str, account: str, sents: list[Sent], notes: list[Noted]) -> None:
        """See `venue.Host`."""
        self.sents += sents
        self.steps += len(notes)
        for note in notes:
            if note.words in MEASURED:
                self._measure(MEASURED[note.words])

    def _measure(self, name: str) -> None:
        self.ms[name] = round((self.now_ns() - self.begun_ns) / NS_PER_MS, 1)

    def sent(self, kill: str, account: str) -> list[Sent]:
        """See `venue.Host`."""
        return list(self.sents)

    def took(self, kill: str, account: str, epoch: int) -> None:
        """See `venue.Host`."""

    def proved(self, kill: str, account: str, proof: Proof) -> None:
        """See `venue.Host`."""
        if self.proof is None:
            self._measure("to_flat")
        self.proof = proof
        self.flat.set()

    def doubted(self, kill: str, account: str, found: dict[str, int]) -> None:
        """See `venue.Host`."""

    def ended(self, kill: str, account: str) -> None:
        """See `venue.Host`."""
        self.over.set()


class Drills:
    """Runs drills, when asked and when they are due.

    Args:
        home: of this host.
        clock: of this host.
        records: the runner's journal.
        keeper: journals what came of it.
        row: the kept row `drill`: when the last one was begun.
        every_h: hours between those that nobody asked for; 0: none.

    """

    def __init__(
        self,
        home: Path,
        clock: Clock,
        records: Records,
        keeper: Keeper,
        row: dict[str, Any] | None,
        every_h: float,
    ) -> None:
        self._home = home
        self._clock = clock
        self._records = records
        self._keeper = keeper
        self._every_ns = int(every_h * 3_600 * NS_PER_S)
        self._last_ns = clock.now_ns() if row is None else int(row["at_ns"])
        if row is None:  # counted from here, however often this guard is started meanwhile
            keeper.begun({"at_ns": self._last_ns, "passed": None})
        self._missed_ns = 0
        self._busy = asyncio.Lock()

    @property
    def due(self) -> bool:
        """Whether one should run by itself now."""
        return bool(self._every_ns) and self._clock.now_ns() - self._last_ns >= self._every_ns

    async def run(self, orders: int, positions: int, by: str) -> dict[str, Any]:
        """Seed, kill, prove, measure, remove; {passed, account, orders, positions, ms, detail}.

        Raises:
            TradedeckError: CONFLICT while one runs, UNAVAILABLE where there is no exchange.

        """
        if self._busy.locked():
            raise TradedeckError(Code.CONFLICT, "a drill runs already")
        async with self._busy:
            account = f"drill-{self._clock.now_ns() // NS_PER_MS}"
            client = ExchangeClient(
                self._home / "run" / "exchange.sock", "guard", lambda _: None, lambda: None
            )
            try:
                await client.connect()
                await client.request(
                    "drill_seed", SEED_S, account=account, orders=orders, positions=positions
                )
                told = await self._measured(account, orders, positions, by)
                await client.request("drill_end", SEED_S, account=account)
            finally:
                await client.close()
                (self._home / "run" / "closer" / f"{account}.json").unlink(missing_ok=True)
        return told

    async def _measured(self, account: str, orders: int, positions: int, by: str) -> dict[str, Any]:
        now = self._clock.now_ns()
        host = _Host(self._clock.now_ns, now)
        venue = Venue(self._home, self._clock, self._records, host)
        kill = Kill(
            new_id("kill", now), f"account/{account}", KillStep.FLATTEN, True, "drill", by, now
        )
        venue.take(Take(kill, account, None, Cancels.ALL))
        detail = ""
        try:
            await asyncio.wait_for(host.flat.wait(), DRILL_S)
            await asyncio.wait_for(host.over.wait(), DRILL_S)
        except TimeoutError:
            detail = f"not flat within {DRILL_S:g} s"
        finally:
            await venue.stop()
        body: dict[str, Any] = {
            "id": kill.id, "account": account, "orders": orders, "positions": positions, "by": by,
            "ms": host.ms, "steps": host.steps, "detail": detail,
            "proof": None if host.proof is None else host.proof.to_body(),
        }  # fmt: skip
        self._last_ns = now
        kind = Kind.DRILL_FAILED if detail else Kind.DRILL_DONE
        self._keeper.note(kind, body, {"at_ns": now, "passed": not detail})
        return {**body, "passed": not detail}

    async def scheduled(self) -> None:
        """One that is due; where it cannot run it is tried again, and an alarm when it is late."""
        try:
            await self.run(50, 50, "schedule")
        except TradedeckError as error:
            self.put_off(error.detail)

    def put_off(self, why: str) -> None:
        """One is due and does not run; once in an interval an alarm, when it is late."""
        now = self._clock.now_ns()
        late = now - self._last_ns - self._every_ns
        if late < min(LATE_NS, self._every_ns) or now - self._missed_ns < self._every_ns:
            return
        self._missed_ns = now
        detail = f"a drill is due and could not run: {why}"
        body = {"code": "DRILL_MISSED", "severity": "critical", "subject": "guard"}
        self._keeper.note(Kind.ALARM, body | {"detail": detail}, None)
