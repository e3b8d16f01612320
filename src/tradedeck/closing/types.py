"""The words of a kill: the decision, what is read of the venue, what goes in and out of a closer.

Times are epoch nanoseconds of the host's clock; quantities are units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.words import Word
from tradedeck.trading.order import Side
from tradedeck.venue.capability import Capability, Close
from tradedeck.venue.read import VenueAccount, WorkingOrder
from tradedeck.venue.report import Report

_REASON_MAX = 500


class KillStep(Word):
    """How far a kill goes; each latches its level of halt."""

    PAUSE = "pause"
    REDUCE_ONLY = "reduce_only"
    FLATTEN = "flatten"

    @property
    def level(self) -> str:
        """The word of the halt it latches."""
        return "halted" if self is KillStep.FLATTEN else self.value


class Owner(Word):
    """Who closes an account."""

    RUNNER = "runner"
    GUARD = "guard"


class Cancels(Word):
    """Which working orders a closer withdraws."""

    ALL = "all"
    OPENERS = "openers"


@dataclass(frozen=True, slots=True)
class Kill:
    """One decision to stop a scope. `flatten=False` latches and cancels but leaves positions."""

    id: str
    scope: str
    step: KillStep
    flatten: bool
    reason: str
    by: str
    at_ns: int

    def to_body(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "id": self.id,
            "scope": self.scope,
            "step": self.step.value,
            "flatten": self.flatten,
            "reason": self.reason,
            "by": self.by,
            "at_ns": self.at_ns,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Kill:
        """The inverse of `to_body`; the scope is judged by `scope.parse`.

        Raises:
            TradedeckError: INVALID, for a body that is no kill.
        """
        try:
            made = cls(
                body["id"],
                body["scope"],
                KillStep(body["step"]),
                body["flatten"],
                body["reason"],
                body["by"],
                body["at_ns"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise TradedeckError(Code.INVALID, f"a kill was malformed: {error!r}") from error
        texts = (made.id, made.scope, made.reason, made.by)
        if (
            not all(isinstance(text, str) and len(text) <= _REASON_MAX for text in texts)
            or not made.id.startswith("kill_")
            or type(made.flatten) is not bool
            or type(made.at_ns) is not int
        ):
            raise TradedeckError(Code.INVALID, "a kill had a field of the wrong kind")
        return made


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """An order that was journaled, and perhaps sent, whose outcome its sender never learned."""

    client_id: str
    instrument: str
    side: Side
    quantity: Decimal
    sent_at_ns: int
    reduce_only: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """What the venue showed of an account. `at_ns`: when it was asked; nothing in it is older."""

    positions: Mapping[str, Decimal]
    working: tuple[WorkingOrder, ...]
    seq: int
    at_ns: int

    @classmethod
    def of(cls, account: VenueAccount, asked_ns: int) -> Truth:
        """From the answer of the `Read` port to a question asked at `asked_ns`."""
        return cls(account.positions, account.working, account.seq, asked_ns)


@dataclass(frozen=True, slots=True)
class Sent:
    """A close or a stop that this owner decided to send; journaled before it is sent."""

    client_id: str
    instrument: str
    n: int
    side: Side
    quantity: Decimal
    at_ns: int
    protective: bool = False

    def to_body(self) -> dict[str, Any]:
        """JSON-able form; Decimals as text."""
        return {
            "client_id": self.client_id,
            "instrument": self.instrument,
            "n": self.n,
            "side": self.side.value,
            "quantity": decimal_text(self.quantity),
            "at_ns": self.at_ns,
            "protective": self.protective,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Sent:
        """The inverse of `to_body`."""
        return cls(
            body["client_id"],
            body["instrument"],
            body["n"],
            Side(body["side"]),
            Decimal(body["quantity"]),
            body["at_ns"],
            body["protective"],
        )


# -- what a closer is told ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """Close these instruments (None: the whole account, foreign orders and positions included).

    Args:
        instruments: the cells of the kill in this account.
        flatten: close what is held; else positions and the stops that protect them stay.
        capability: the venue's.
        open_intents: of every earlier owner's journal, without a known end.
        fenced_at_ns: nothing that increases was sent after it.
        cancels: `openers` leaves what can only reduce (with `flatten=False`).
    """

    instruments: frozenset[str] | None
    flatten: bool
    capability: Capability
    open_intents: tuple[OpenIntent, ...]
    fenced_at_ns: int
    cancels: Cancels = Cancels.ALL


@dataclass(frozen=True, slots=True)
class Resume:
    """What this owner journaled as sent for this kill before it was restarted. After `Begin`."""

    sent: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """The answer to `AskRead` number `n`; None where none came."""

    n: int
    truth: Truth | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue said no to a send: it had no effect and never will."""

    client_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came to a send: it may take effect up to `max_late_s` after it."""

    client_id: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


Input = Begin | Resume | Read | Report | Refused | Lost | Tick

# -- what it asks for, in order -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CancelAll:
    """The venue's bulk cancel: of the account (None), or of these instruments."""

    instruments: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class CancelOne:
    """Withdraw one working order."""

    order: WorkingOrder


@dataclass(frozen=True, slots=True)
class CloseOut:
    """Journal `sent`, check the epoch, then send a market order that reduces, once."""

    sent: Sent
    kind: Close


@dataclass(frozen=True, slots=True)
class ReplaceProtective:
    """Journal `sent`, then place this stop again at `sent.quantity`: the close failed."""

    sent: Sent
    stop: WorkingOrder


@dataclass(frozen=True, slots=True)
class AskRead:
    """Read the account now; answered by `Read(n, …)`."""

    n: int


@dataclass(frozen=True, slots=True)
class AskLookup:
    """Look a client id up; its reports, if any, are given as they are."""

    client_id: str


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Give a `Tick` at this time; replaces the one asked for before."""

    at_ns: int


@dataclass(frozen=True, slots=True)
class Noted:
    """A step for the evidence: words, numbers, and the venue's reference where there is one."""

    words: str
    numbers: dict[str, Any]
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """Three reads in a row that showed nothing held and nothing working in the cells.

    `held` and `kept` name what stays on purpose where the kill leaves positions.
    """

    reads: tuple[tuple[int, int], ...]
    held: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    kept: tuple[str, ...] = ()

    def to_body(self) -> dict[str, Any]:
        """JSON-able form; reads as [asked at ns, venue's sequence]."""
        return {
            "reads": [list(read) for read in self.reads],
            "held": {symbol: decimal_text(units) for symbol, units in self.held.items()},
            "kept": list(self.kept),
        }


@dataclass(frozen=True, slots=True)
class Flat:
    """The venue itself shows it."""

    proof: Proof


@dataclass(frozen=True, slots=True)
class Watching:
    """Flat, and watched for what may still be applied late."""

    until_ns: int


@dataclass(frozen=True, slots=True)
class Done:
    """Flat, and nothing can come any more; the last proof stands."""

    proof: Proof


Output = (
    CancelAll
    | CancelOne
    | CloseOut
    | ReplaceProtective
    | AskRead
    | AskLookup
    | WaitUntil
    | Noted
    | Flat
    | Watching
    | Done
)
