"""A closer on the real paper matching, in one process and without a clock of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tests.cases.kit import ACCOUNT, T0, bar, send, venue
from tradedeck.closing.protocol import Closer, Phase
from tradedeck.closing.types import (
    AskLookup,
    AskRead,
    Begin,
    CancelAll,
    CancelOne,
    Cancels,
    CloseOut,
    Flat,
    Input,
    OpenIntent,
    Output,
    Owner,
    Read,
    ReplaceProtective,
    Sent,
    Tick,
    Truth,
    WaitUntil,
)
from tradedeck.trading.order import Order, OrderType, Purpose
from tradedeck.venue.capability import PAPER, Capability
from tradedeck.venue.matching import PaperVenue
from tradedeck.venue.read import VenueAccount
from tradedeck.venue.report import Report

S = 1_000_000_000


def closing_order(sent: Sent, stop: ReplaceProtective | None = None) -> Order:
    """The order of a close, or of a stop placed again, as a process makes it."""
    return Order(
        sent.client_id,
        sent.client_id,
        ACCOUNT,
        "t",
        "",
        sent.instrument,
        sent.side,
        OrderType.MARKET if stop is None else OrderType.STOP,
        sent.quantity,
        sent.at_ns,
        stop_price=None if stop is None else stop.stop.stop_price,
        reduce_only=True,
        purpose=Purpose.CLOSE if stop is None else Purpose.PROTECTIVE,
        by="kill",
    )


@dataclass
class Desk:
    """`symbols` have a price of 100; everything a closer asks is carried out at once."""

    symbols: Iterable[str] = ("AAPL",)
    venue: PaperVenue = field(default_factory=venue)
    now: int = T0
    asked: list[Output] = field(default_factory=list[Output])
    deaf: bool = False

    def __post_init__(self) -> None:
        for symbol in self.symbols:
            self.venue.bar(bar(100, symbol=symbol))
        self.closer = Closer(ACCOUNT, "kill_1", Owner.GUARD)
        self.due = 0

    def place(self, *orders: Order) -> None:
        for order in orders:
            send(self.venue, order)

    def begin(
        self,
        *symbols: str,
        flatten: bool = True,
        capability: Capability = PAPER,
        cancels: Cancels = Cancels.ALL,
        intents: tuple[OpenIntent, ...] = (),
    ) -> None:
        """Begin on these instruments, or on the whole account."""
        only = frozenset(symbols) or None
        self.give(Begin(only, flatten, capability, intents, self.now, cancels))

    def give(self, *inputs: Input) -> None:
        """Give inputs, and whatever follows from them at this instant."""
        queue: deque[Input] = deque(inputs)
        while queue:
            for output in self.closer.step(queue.popleft(), self.now):
                self.asked.append(output)
                if not self.deaf:
                    queue.extend(self._carry_out(output))
                if isinstance(output, WaitUntil):
                    self.due = output.at_ns

    def run(self, seconds: float = 30) -> Phase:
        """Let time pass until the closer is done, or for so long."""
        end = self.now + int(seconds * S)
        while self.closer.phase is not Phase.DONE and self.due <= end:
            self.now = max(self.now, self.due)
            self.give(Tick())
        return self.closer.phase

    def _carry_out(self, output: Output) -> Iterable[Input]:
        match output:
            case CancelAll(only):
                return self.venue.cancel_all(ACCOUNT, only, self.now)
            case CancelOne(order):
                return self.venue.withdraw(ACCOUNT, order, self.now)
            case CloseOut(sent):
                return self.venue.reduce(closing_order(sent))
            case ReplaceProtective(sent):
                return self.venue.reduce(closing_order(sent, output))
            case AskRead(n):
                return [Read(n, Truth.of(self.account(), self.now))]
            case AskLookup() | _:
                return []

    def account(self) -> VenueAccount:
        held = {
            symbol: position.quantity
            for (_, symbol), position in self.venue.positions.items()
            if position.quantity
        }
        working = tuple(entry.shown() for entry in self.venue.working_of(ACCOUNT))
        book = self.venue.accounts[ACCOUNT]
        return VenueAccount(ACCOUNT, book.currency, book.balance, held, working, self.venue.seq)

    def held(self, symbol: str = "AAPL") -> Decimal:
        return self.account().positions.get(symbol, Decimal(0))

    def working(self) -> list[str]:
        return sorted(order.client_id for order in self.account().working)

    def of(self, kind: type[Output]) -> list[Output]:
        return [output for output in self.asked if isinstance(output, kind)]

    def flat(self) -> bool:
        return bool(self.of(Flat))

    def report(self, report: Report) -> None:
        self.give(report)
