"""The shapes of what stops: latches, kills, their preview and evidence, lifts, guard, drills."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from tradedeck.api.wire import Instant, Reason, Wire
from tradedeck.api.wire_config import OptionalReason, Scope

Holder = Literal["guard", "runner", "store"]


class NewKill(Wire):
    """What to stop and how far. The Idempotency-Key is the kill's id."""

    scope: Scope
    step: Literal["pause", "reduce_only", "flatten"] = "flatten"
    flatten: bool = Field(default=True, description="With `flatten`: false leaves positions.")
    reason: OptionalReason = ""


class KillWish(Wire):
    """The same, only thought of."""

    scope: Scope
    step: Literal["pause", "reduce_only", "flatten"] = "flatten"
    flatten: bool = True


class NewLift(Wire):
    """Which latch to lift, why, and the code that `tradedeck guard code` prints on the host; or the
    approval, where it takes two people.
    """

    scope: Scope
    reason: Reason
    code: Annotated[str | None, Field(max_length=40)] = None
    approval: Annotated[str | None, Field(pattern="^apr_[0-9a-z]{26}$")] = None


class NewDrill(Wire):
    """How large a book to close."""

    orders: Annotated[int, Field(ge=1, le=2_000)] = 50
    positions: Annotated[int, Field(ge=1, le=500)] = 50


class HaltView(BaseModel):
    """A latch that is in force. `holders`: who has it; `store` alone means nobody took it yet."""

    id: str
    scope: str
    level: str
    reason: str
    by: str
    at: Instant
    kill: str | None
    holders: list[Holder]


class KillHeard(BaseModel):
    """What guard or runner said when it was asked to latch."""

    latched: bool
    code: str
    detail: str
    ms: float


class KillReceipt(BaseModel):
    """The kill was taken by those that say `latched`; it goes on under `/kills/{id}`."""

    id: str
    scope: str
    step: str
    flatten: bool
    at: Instant
    guard: KillHeard
    runner: KillHeard
    audit_id: str
    detail: str


class Latched(BaseModel):
    """Since when each has it; null where it has not."""

    guard: Instant | None
    runner: Instant | None
    store: Instant | None


class KillLeg(BaseModel):
    """One account of a kill. `instruments` null: the whole account. `proof`: the guard's reads."""

    account: str
    instruments: list[str] | None
    state: Literal["asked", "closing", "checking", "flat"]
    by: str | None
    epoch: int | None
    owned_at: Instant | None
    flat_at: Instant | None
    proof: dict[str, Any] | None
    steps: int


class KillView(BaseModel):
    """A kill; milliseconds are from the decision. `done` only on the guard's own reads."""

    id: str
    scope: str
    step: str
    flatten: bool
    reason: str
    by: str
    origin: str | None
    at: Instant
    state: Literal["unanswered", "latched", "closing", "done"]
    latched: Latched
    done_at: Instant | None
    legs: list[KillLeg]
    totals: dict[str, Any]
    to_last_cancel_sent_ms: float | None
    to_cancelled_ms: float | None
    to_flat_ms: float | None
    sha256: str | None


class KillStepView(BaseModel):
    """One step, with the broker's reference where there is one."""

    at: Instant
    account: str
    by: str
    step: str
    numbers: dict[str, Any]
    ref: str
    seq: int


class KillFull(KillView):
    """A kill with every step."""

    steps: list[KillStepView]


class KillPage(BaseModel):
    """Newest first."""

    items: list[KillView]
    next_cursor: str | None


class PreviewOrder(BaseModel):
    """A working order in scope. `foreign`: not ours; somebody placed it at the broker."""

    id: str | None
    venue_order: str | None
    instrument: str
    trader: str | None
    side: str
    type: str
    remaining: str
    purpose: str
    reduce_only: bool
    foreign: bool


class PreviewPosition(BaseModel):
    """A position in scope. `foreign`: no trader of ours made it, or not in this quantity."""

    instrument: str
    trader: str | None
    quantity: str
    ours: str
    foreign: bool
    notional: str | None


class PreviewAccount(BaseModel):
    """One account's part: what is in scope, and what closing it should cost and take."""

    account: str
    broker: str
    currency: str | None
    instruments: list[str] | None
    seen: Literal["venue", "ours"]
    detail: str
    orders: list[PreviewOrder]
    positions: list[PreviewPosition]
    notional: str | None
    cost: str | None
    seconds: float
    order_rate: float | None
    cancel_all: str
    close: str


class PreviewTotal(BaseModel):
    """Sums of one currency; null where a part is not known."""

    currency: str
    notional: str | None
    cost: str | None


class KillPreview(BaseModel):
    """What a kill would do now. `seen`: `venue` where every account's broker showed its book."""

    scope: str
    step: str
    flatten: bool
    seen: Literal["venue", "ours"]
    at: Instant | None
    accounts: list[PreviewAccount]
    traders: list[str]
    orders: int
    positions: int
    foreign: int
    totals: list[PreviewTotal]
    seconds: float


class ScopeList(BaseModel):
    """Every scope that has a name here, widest first."""

    items: list[str]


class LiftCause(BaseModel):
    """A limit or breaker that the lift arms again. `crossed` null: nobody reported its use."""

    account: str
    scope: str
    breaker: str
    used: float | None
    bound: float
    unit: str
    action: str
    crossed: bool | None


class LiftPreview(BaseModel):
    """What a lift would meet. `again`: something is still crossed and latches on the next price."""

    scope: str
    latched: bool
    again: bool
    causes: list[LiftCause]
    detail: str


class LiftView(BaseModel):
    """A lift: it waits until `until`, or how it ended."""

    id: str
    scope: str
    reason: str
    by: str
    at: Instant
    until: Instant | None
    state: Literal["waiting", "lifted", "cancelled", "refused"]
    ended_at: Instant | None
    detail: str


class LiftList(BaseModel):
    """Those that wait first."""

    items: list[LiftView]


class GuardRunner(BaseModel):
    """The runner as the guard sees it."""

    connected: bool | None
    pid: int | None
    silent_ms: int | None
    state: str | None
    detail: str | None
    since: Instant | None
    accounts: dict[str, Any]
    hears: Literal["True", "False", "Unknown"] = Field(
        description="Whether the runner hears the guard; without it entries wait."
    )
    hears_detail: str


class Timer(BaseModel):
    """A broker's own timer: not renewed for `seconds`, it cancels every working order."""

    seconds: float
    renewed_ms: int


class GuardView(BaseModel):
    """How the guard stands."""

    state: Literal["running", "silent", "stopped", "unknown"]
    seen_at: Instant | None
    age_ms: int | None
    pid: int | None
    build: str | None
    started_at: Instant | None
    detail: str
    runner: GuardRunner
    timers: dict[str, Timer] = Field(description="Dead-man timers that it keeps alive, by account.")
    latched: int | None


class DrillView(BaseModel):
    """One drill; milliseconds from the decision."""

    id: str
    at: Instant
    ok: bool
    by: str
    orders: int | None
    positions: int | None
    to_last_cancel_sent_ms: float | None
    to_cancelled_ms: float | None
    to_flat_ms: float | None
    detail: str


class DrillList(BaseModel):
    """Newest first."""

    items: list[DrillView]


class BreakerHalt(BaseModel):
    """A latch that a breaker or a running limit set, and that stands."""

    scope: str
    level: str
    by: str
    at: Instant


class BreakerView(BaseModel):
    """What stops trading by itself: the document's rule, how near it is, and how it stands.

    `window_s`: seconds in which events are counted, null where none are. `cooldown_s`: seconds
    without the cause until it closes by itself, null where a person lifts it. `lifted_by`: the
    least role that lifts what it latches, null where it latches nothing. `closes_at`: when an open
    one closes if its cause does not come back.
    """

    account: str
    scope: str
    breaker: str
    state: Literal["closed", "open"]
    used: float | None
    bound: float
    unit: str
    window_s: float | None
    action: Literal["alarm", "pause", "reduce_only", "flatten"]
    resume: Literal["auto", "person"]
    cooldown_s: float | None
    lifted_by: str | None
    reason: str
    numbers: dict[str, Any]
    open_since: Instant | None
    closes_at: Instant | None
    halts: list[BreakerHalt]
    last_tripped: Instant | None
    trips: int


class BreakerList(BaseModel):
    """Open ones first."""

    items: list[BreakerView]
