"""Everything the runner's parts share: one process, one loop, one writer; no locks needed.

Owns the registers (accounts, traders, feeds, halts) and the two ways of saying things: entries in
the journal and lines in the log. Decides nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from tradedeck.authority.ceiling import Ceiling
from tradedeck.closing.scope import Cells
from tradedeck.closing.types import Kill
from tradedeck.engine.account import AccountEngine
from tradedeck.engine.actions import Action
from tradedeck.engine.slot import Slot
from tradedeck.execution.arming import Mode, Verdict
from tradedeck.execution.halt import Halts, Level
from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import Clock
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.marketdata.ports import DataMode, Feed, FeedState
from tradedeck.risk.breakers import Breakers
from tradedeck.runner.bell import Bell
from tradedeck.runner.epochs import Epochs
from tradedeck.runner.hosts import Hosts
from tradedeck.runner.plan import AccountPlan, Plan, TraderPlan
from tradedeck.runner.sink import JournalSink
from tradedeck.trading.calendar import SessionTable
from tradedeck.trading.facts import Kind
from tradedeck.trading.fill import Fill
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.market import Bar
from tradedeck.venue.capability import Capability
from tradedeck.venue.read import VenueAccount, WorkingOrder
from tradedeck.venue.report import Report


class TraderState(StrEnum):
    """Where a trader is."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAULTED = "faulted"
    BLOCKED = "blocked"


class VenueLink(Protocol):
    """What the runner needs of a venue; `runner/venue.py` has it for the paper exchange."""

    @property
    def connected(self) -> bool: ...
    async def connect(self) -> None: ...
    async def close(self) -> None: ...
    async def instruments(self, instruments: list[Instrument]) -> None: ...
    async def open_account(self, plan: AccountPlan) -> VenueAccount: ...
    async def account(self, account: str) -> VenueAccount: ...
    async def since(self, seq: int) -> list[Report]: ...
    async def lookup(self, client_id: str) -> tuple[bool, list[Report]]: ...
    def post(self, action: Action) -> None: ...
    def post_bar(self, bar: Bar) -> None: ...
    def flush(self) -> None: ...
    def post_cancel_all(
        self, account: str, instruments: frozenset[str] | None, time_ns: int
    ) -> None: ...
    def post_withdraw(self, account: str, working: WorkingOrder, time_ns: int) -> None: ...
    def capability(self, plan: AccountPlan) -> Capability: ...
    async def settle(self) -> tuple[list[Report], list[str], list[str]]: ...


class Stops(Protocol):
    """What stops things in this runner, as its other parts see it (`runner/stops.py`)."""

    @property
    def busy(self) -> bool: ...
    @property
    def due_ns(self) -> int | None: ...
    @property
    def guarded(self) -> bool: ...
    async def pump(self) -> None: ...
    def kill(self, kill: Kill) -> list[str]: ...
    def close(self, what: str, found: Cells, by: str) -> tuple[str, list[str]]: ...
    def cells(self, scope: str) -> Cells: ...
    def heard(self, report: Report) -> None: ...
    def lost(self, client_id: str) -> None: ...
    def sends(self, client_id: str) -> bool: ...


@dataclass(slots=True)
class Trader:
    """A trader at run time.

    `held_back` is a pause or stop by a person that outlives restarts, whatever is desired.
    """

    plan: TraderPlan
    state: TraderState = TraderState.STOPPED
    reason: str = ""
    slot: Slot | None = None
    generation: int = 0
    loaded: bool = False
    hears_fills: bool = True
    held_back: TraderState | None = None
    held_reason: str = ""
    faults: deque[int] = field(default_factory=lambda: deque(maxlen=20))
    restart_at_ns: int | None = None
    inputs: Mapping[str, float] = field(default_factory=dict[str, float])
    last_bar: Bar | None = None
    last_seen_ns: int | None = None

    @property
    def live(self) -> bool:
        """Whether bars are given to its strategy."""
        return self.loaded and self.state in (TraderState.RUNNING, TraderState.PAUSED)


STALE = "stale"


@dataclass(slots=True)
class FeedRun:
    """A feed at run time. `state` is what was journaled last, `down_ns` since when it gives nothing
    usable, `tripped` whether its stale checks have opened their breaker.
    """

    feed: Feed
    spec: Mapping[str, Any]
    state: FeedState | None = None
    stale_checks: int = 0
    tripped: bool = False
    down_ns: int | None = None
    checked_ns: int = 0
    lap: int = 0
    fresh: bool = True

    def usable(self, now_ns: int) -> bool:
        """Whether its prices may be traded on at this moment: a live feed is asked anew, because a
        bar grows old while an answer to it is on its way.
        """
        if not self.fresh or self.feed.data_mode is DataMode.REPLAY:
            return self.fresh
        return self.feed.status(now_ns).state in (FeedState.RUNNING, FeedState.PAUSED)


@dataclass(slots=True)
class Account:
    """An account at run time."""

    plan: AccountPlan
    engine: AccountEngine
    verdict: Verdict
    reconciled: bool = False
    reconcile_detail: str = "not checked yet"
    equity_at_ns: int = 0

    @property
    def executes(self) -> bool:
        """Whether orders can leave this account."""
        return self.verdict.mode in (Mode.PAPER, Mode.LIVE)


@dataclass(slots=True)
class Tuning:
    """Figures of the host's administrator, with their defaults."""

    callback_deadline_s: float = 1.0
    restarts_max: int = 3
    restart_window_s: float = 600.0
    restart_backoff_s: float = 1.0
    equity_every_s: float = 0.25
    telemetry_every_s: float = 0.25
    desired_every_s: float = 5.0
    cycles_max: int | None = None


@dataclass(slots=True)
class World:
    """One runner's state. See the module's words."""

    runner: str
    clock: Clock
    journal: Journal
    sink: JournalSink
    halts: Halts
    hosts: Hosts
    env: Mapping[str, str]
    ceiling: Ceiling
    link: VenueLink | None
    calendar: Callable[[str], SessionTable]
    make_feed: Callable[[Mapping[str, Any], Mapping[str, Instrument]], Feed]
    day_end: Callable[[str, int], Callable[[int], int]]
    log: Any
    tuning: Tuning
    instruments: dict[str, Instrument]
    epochs: Epochs
    stops: Stops | None = None
    unwritten: bool = False
    provisional: set[str] = field(default_factory=set[str])
    breakers: Breakers = field(default_factory=Breakers)
    plan: Plan = field(default_factory=lambda: Plan(30.0))
    document: dict[str, Any] = field(default_factory=dict)
    generation: int = 0
    accounts: dict[str, Account] = field(default_factory=dict)
    traders: dict[str, Trader] = field(default_factory=dict)
    feeds: dict[str, FeedRun] = field(default_factory=dict)
    venue_seq: int = 0
    pushed: list[Report] = field(default_factory=list)
    fills: deque[tuple[str, Fill]] = field(default_factory=deque[tuple[str, Fill]])
    bars: dict[str, Bar] = field(default_factory=dict)
    wake: Bell = field(default_factory=Bell)
    safe_point: deque[Callable[[], Any]] = field(default_factory=deque[Callable[[], Any]])
    urgent: deque[Callable[[], Any]] = field(default_factory=deque[Callable[[], Any]])
    on_commit: Callable[[int], None] = lambda _head: None
    alive: Callable[[], None] = lambda: None  # said by the working loop, and by nothing else
    conditions: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    cycles: int = 0
    signals_seen: int = 0
    orders_sent: int = 0
    saved_slots: set[str] = field(default_factory=set[str])
    stopping: bool = False

    def new_order_id(self) -> str:
        """A fresh order id."""
        return new_id("ord", self.clock.now_ns())

    def keep_stale(self) -> None:
        """Keep over a restart which feeds' stale checks have opened their breaker."""
        self.journal.put(STALE, [name for name, run in self.feeds.items() if run.tripped])

    def fact(self, kind: Kind, body: dict[str, Any]) -> None:
        """State a fact in this turn."""
        self.journal.append(kind, body)

    def commit(self, *, reducing: bool = False) -> None:
        """Make this turn durable and wake whoever pulls.

        Raises:
            TradedeckError: STORAGE on a disk that takes no write, reserve and all; except while a
                kill closes (`reducing`, or one is under way): then what was stated stays staged,
                `unwritten` says so, and only the kill's own reductions may be sent (INV-3).
        """
        if not self.journal.dirty:
            return
        try:
            head = self.journal.commit()
        except TradedeckError as error:
            if not reducing and (self.stops is None or not self.stops.busy):
                raise
            if not self.unwritten:
                self.log.warning("the journal takes no write; a kill goes on", detail=str(error))
            self.unwritten = True
            return
        self.unwritten = False
        self.on_commit(head)

    def provide(self, symbol: str, currency: str) -> None:
        """Something was traded at the venue that nobody here described (by hand, or long ago).

        It is booked in units of one, so that it can be seen and closed; where its real terms are
        others the books differ, and nothing increases.
        """
        fine = "0.00000001"
        body = {"symbol": symbol, "asset_class": "equity", "currency": currency, "tick": fine,
                "step": fine, "multiplier": "1", "calendar": "24x7", "margin_rate": "1",
        }  # fmt: skip
        self.instruments[symbol] = Instrument.from_body(body)
        self.provisional.add(symbol)
        detail = f"{symbol} is traded at the venue but not described in the configuration"
        self.sink.alarm("INSTRUMENT_UNKNOWN", detail)

    def claim(self, account: Account) -> bool:
        """Make an account ours to send for; False (and locked) while another process holds it."""
        refused = self.epochs.hold(account.plan.id)
        account.engine.locked = bool(refused)
        subject = f"account/{account.plan.id}"
        if refused:
            account.reconciled, account.reconcile_detail = False, refused
            self.condition(subject, "Owned", "False", "HELD", refused)
        else:
            self.condition(subject, "Owned", "True", "HELD_HERE")
        return not refused

    def latch(
        self,
        scope: str,
        at: Level,
        *,
        reason: str,
        by: str,
        kill: str | None = None,
        at_ns: int = 0,
    ) -> bool:
        """Raise a halt and state it; False where one as strict stands. The caller commits."""
        if not self.halts.set(scope, at, reason=reason, by=by, kill=kill, at_ns=at_ns):
            return False
        self.sink.halted(self.halts.active[scope])
        return True

    def condition(
        self, subject: str, kind: str, status: str, reason: str, detail: str = ""
    ) -> None:
        """State a condition when it changes."""
        if self.conditions.get((subject, kind)) == (status, reason):
            return
        self.conditions[subject, kind] = (status, reason)
        self.fact(
            Kind.CONDITION,
            {
                "subject": subject,
                "type": kind,
                "status": status,
                "reason": reason,
                "detail": detail[:500],
            },
        )

    def doubt(self, account: Account, reason: str, detail: str) -> None:
        """Nobody knows whether the books agree: nothing increases until the venue said more."""
        account.reconciled = False
        account.reconcile_detail = detail
        self.condition(f"account/{account.plan.id}", "Reconciled", "Unknown", reason, detail)

    def set_state(self, trader: Trader, state: TraderState, reason: str) -> None:
        """Move a trader to a state, and say so."""
        if trader.state is state and trader.reason == reason:
            return
        self.fact(
            Kind.TRADER_STATE,
            {
                "trader": trader.plan.id,
                "old": trader.state.value,
                "new": state.value,
                "reason": reason[:500],
            },
        )
        self.log.info(
            "trader state",
            trader=trader.plan.id,
            old=trader.state.value,
            new=state.value,
            reason=reason[:200],
        )
        trader.state, trader.reason = state, reason
        self.journal.put(f"trader/{trader.plan.id}", {"state": state.value, "reason": reason})
        if trader.slot is not None:
            trader.slot.conditions.running = state is TraderState.RUNNING

    def engine_of(self, trader: Trader) -> AccountEngine:
        """The engine of the trader's account."""
        return self.accounts[trader.plan.account].engine

    @property
    def executing_accounts(self) -> int:
        """Accounts that can send orders now."""
        return sum(account.executes for account in self.accounts.values())

    @property
    def data_mode(self) -> str:
        """Of all feeds together: replay, live_file, mixed or none."""
        modes = {run.feed.data_mode.value for run in self.feeds.values()}
        return "none" if not modes else modes.pop() if len(modes) == 1 else "mixed"

    def feed_mode(self, trader: TraderPlan) -> str:
        """Where the trader's prices come from."""
        run = self.feeds.get(trader.feed)
        return DataMode.REPLAY.value if run is None else run.feed.data_mode.value

    @property
    def mode(self) -> tuple[Mode, tuple[str, ...]]:
        """The runner's mode: the highest verdict of its accounts, with what is unmet."""
        verdicts = [account.verdict for account in self.accounts.values()]
        for mode in (Mode.LIVE, Mode.PAPER, Mode.BLOCKED):
            found = [verdict for verdict in verdicts if verdict.mode is mode]
            if found:
                return mode, tuple(sorted({r.value for v in found for r in v.reasons}))
        return Mode.SIGNALS, ()
