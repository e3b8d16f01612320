"""What the guard's core is told and what it asks for. No I/O.

Times are nanoseconds: `wall_ns` dates facts, `mono_ns` (it counts suspend) measures durations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tradedeck.authority.approval import Act, Signature
from tradedeck.authority.people import Trusted
from tradedeck.closing.types import Cancels, Kill


class Now(NamedTuple):
    """Both clocks at one moment."""

    wall_ns: int
    mono_ns: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens to one account when its runner is silent; seconds."""

    on_silence: str = "cancel_and_flatten"
    cancel_after_s: float = 10.0
    flatten_after_s: float = 60.0
    dead_man: bool = False  # its broker has a timer that cancels by itself


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told apart from another of the same number by when it started (clock ticks)."""

    pid: int
    started: int | None


# -- what happened ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """A runner opened its session; the peer's process was checked by the caller."""

    process: Process
    runner: str
    accounts: dict[str, Policy]
    halts: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Accounts:
    """The runner's plan changed."""

    accounts: dict[str, Policy]


@dataclass(frozen=True, slots=True)
class Beat:
    """The runner's working loop came round for the `n`-th time; `closing`: kills it works on."""

    closing: tuple[str, ...] = ()
    n: int = 0


@dataclass(frozen=True, slots=True)
class Owned:
    """The runner has the latch committed and closes these accounts itself."""

    kill: str
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Took:
    """The guard holds the account's epoch for a leg."""

    kill: str
    account: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step of a leg, by the runner or by our own closer."""

    kill: str
    account: str
    by: str
    words: str
    numbers: dict[str, Any]
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """The runner says that its account is flat; the guard looks for itself."""

    kill: str
    account: str


@dataclass(frozen=True, slots=True)
class Proved:
    """The guard's own reads of the broker showed the leg flat, or not."""

    kill: str
    account: str
    flat: bool
    proof: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """Our closer of a leg is done: nothing can come late any more."""

    kill: str
    account: str


@dataclass(frozen=True, slots=True)
class RunnerHalted:
    """The runner latched something by itself."""

    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lifted:
    """The runner cleared what the guard lifted."""

    scope: str


@dataclass(frozen=True, slots=True)
class Bye:
    """The runner stops in order; `whole`: so does everything else."""

    whole: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """The runner's session ended."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The runner's process ended."""

    process: Process


@dataclass(frozen=True, slots=True)
class Fenced:
    """What came of a fence: the process has ended, or could not be ended."""

    ended: bool
    detail: str


@dataclass(frozen=True, slots=True)
class KillAsked:
    """A kill that was verified, or came from this host; `cells` are its accounts and instruments
    (None: the whole account), resolved by the caller from the records.
    """

    kill: Kill
    cells: dict[str, frozenset[str] | None]
    origin: str


@dataclass(frozen=True, slots=True)
class Word:
    """Whom this host trusts, and what came signed with a question."""

    trusted: Trusted
    act: Act | None = None
    signatures: tuple[Signature, ...] = ()


@dataclass(frozen=True, slots=True)
class LiftAsked:
    """Somebody wants a halt lifted. From elsewhere than this host's socket: on the word of two
    people where this host names two who may, else with a code of it.
    """

    id: str
    scope: str
    reason: str
    by: str
    local: bool
    code: str = ""
    word: Word | None = None


@dataclass(frozen=True, slots=True)
class LiftCancelled:
    """A waiting lift was taken back."""

    id: str
    by: str


@dataclass(frozen=True, slots=True)
class CodeAsked:
    """A person on this host asks for a one-time code; the caller made it up at random."""

    code: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something on the wire was not authentic, or not for us."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """The guard itself is asked to stop."""


Input = (
    Hello | Accounts | Beat | Owned | Took | Stepped | Closed | Proved | Ended | RunnerHalted
    | Lifted | Bye | Gone | Exited | Fenced | KillAsked | LiftAsked | LiftCancelled | CodeAsked
    | Ignored | Tick | Stopping
)  # fmt: skip


# -- what is to be done -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact for the journal; durable before anything that follows it in time is done."""

    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """State to keep over a restart; None removes it."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Tell:
    """A frame for the runner's session."""

    frame: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fence:
    """End the runner's process and wait for its exit; answer with `Fenced`."""

    process: Process | None
    reason: str


@dataclass(frozen=True, slots=True)
class Take:
    """Close a leg ourselves: epoch, records, protocol; answer with `Took`, `Stepped`, `Proved`."""

    kill: Kill
    account: str
    instruments: frozenset[str] | None
    cancels: Cancels


@dataclass(frozen=True, slots=True)
class Check:
    """Read the broker three times for a leg that the runner closed; answer with `Proved`."""

    kill: Kill
    account: str
    instruments: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Notify:
    """Words for the guard's own channel to a person."""

    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Words for those who follow a kill."""

    kill: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the asker of this very input is told."""

    body: dict[str, Any] = field(default_factory=dict[str, Any])


Output = Entry | Row | Tell | Fence | Take | Check | Notify | Progress | Answer
