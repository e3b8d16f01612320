"""What a closer remembers of one instrument, of its own sends, and of the venue's rate. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from tradedeck.closing.types import Owner, Sent
from tradedeck.kernel import canonical
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.trading.money import ZERO
from tradedeck.venue.read import WorkingOrder

_ID_LENGTH = 22  # brokers take 32 or more


@dataclass(frozen=True, slots=True)
class Timing:
    """How a closer waits; nanoseconds. Waits between tries double from first to most."""

    read_timeout: int = 2 * NS_PER_S
    poll_first: int = NS_PER_S // 200
    poll_most: int = NS_PER_S
    proof_gap: int = NS_PER_S // 200
    retry_first: int = NS_PER_S // 2
    retry_most: int = 10 * NS_PER_S

    def retry(self, tries: int) -> int:
        """The wait after this many tries, from 1."""
        return min(self.retry_most, self.retry_first << min(tries - 1, 16))


@dataclass(slots=True)
class Flight:
    """A send of ours whose end is not known.

    `since_ns`: the last instant at which it may have been written, as far as is known. `stamp`: the
    closer's count of events when it left; reads asked before show nothing of it.
    """

    sent: Sent
    since_ns: int
    stamp: int
    lost: bool = False
    arrived: bool = False
    filled: Decimal = ZERO
    tries: int = 1


@dataclass(slots=True)
class Leg:
    """One instrument. `n`: of the last close; `moved`: stamp of the last event that touched it."""

    instrument: str
    n: int = 0
    stop_n: int = 0
    flight: Flight | None = None
    stop_flights: dict[str, Flight] = field(default_factory=dict[str, Flight])
    stops: dict[str, WorkingOrder] = field(default_factory=dict[str, WorkingOrder])
    unprotected: bool = False
    fails: int = 0
    not_before: int = 0
    moved: int = 0

    @property
    def unresolved(self) -> bool:
        """Whether anything of ours may still take effect here."""
        return self.flight is not None or bool(self.stop_flights)


def client_id(
    kill: str, account: str, instrument: str, owner: Owner, n: int, *, stop: bool = False
) -> str:
    """The same for the same send, so that a restart sends the same one, never a second."""
    parts = [kill, account, instrument, owner.value, "stop" if stop else "close", n]
    return f"kc{canonical.digest(canonical.encode(parts))[:_ID_LENGTH]}"


def key(order: WorkingOrder) -> str:
    """What names a working order at the venue."""
    return order.venue_order or order.client_id


@dataclass(slots=True)
class Tries:
    """Requests that may be repeated, with growing waits: when each was made last, how often."""

    timing: Timing
    made: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])

    def first(self, name: str) -> bool:
        """Whether it was never tried."""
        return name not in self.made

    def due(self, name: str, now_ns: int) -> bool:
        """Whether it may be tried (again) now."""
        last = self.made.get(name)
        return last is None or now_ns >= last[0] + self.timing.retry(last[1])

    def count(self, name: str) -> int:
        """How often it was tried."""
        return self.made.get(name, (0, 0))[1]

    def note(self, name: str, now_ns: int) -> None:
        """It is tried now."""
        self.made[name] = (now_ns, self.count(name) + 1)

    def keep(self, names: set[str]) -> None:
        """Forget what is no longer asked for."""
        for name in self.made.keys() - names:
            del self.made[name]


class Budget:
    """The venue's declared rate: at most that many sends in any second.

    A tenth may go in one burst; the rest follows evenly.
    """

    __slots__ = ("_at_ns", "_burst", "_per_ns", "_tokens")

    def __init__(self, per_second: float | None, now_ns: int) -> None:
        rate = per_second or 0.0
        self._burst = max(1.0, rate / 10)
        steady = rate if self._burst == 1.0 else rate - self._burst  # one at a time exceeds nothing
        self._per_ns = None if per_second is None else steady / NS_PER_S
        self._tokens = self._burst
        self._at_ns = now_ns

    def take(self, now_ns: int) -> bool:
        """Whether one more may go now."""
        if self._per_ns is None:
            return True
        earned = max(0, now_ns - self._at_ns) * self._per_ns
        self._tokens = min(self._burst, self._tokens + earned)
        self._at_ns = now_ns
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def ready_ns(self, now_ns: int) -> int:
        """When the next may go."""
        if self._per_ns is None or self._tokens >= 1.0:
            return now_ns
        return now_ns + int((1.0 - self._tokens) / self._per_ns) + 1


def flights(legs: dict[str, Leg]) -> Iterator[tuple[Leg, Flight]]:
    """Every send of ours without an end."""
    for leg in legs.values():
        if leg.flight is not None:
            yield leg, leg.flight
        for flight in leg.stop_flights.values():
            yield leg, flight
