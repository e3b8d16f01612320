"""The shapes of configuration, strategies, traders and acts on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from tradedeck.api.wire import ConfigChange, Instant, Name, Reason, Wire
from tradedeck.desired.diff import Effect
from tradedeck.desired.document import Document
from tradedeck.desired.types import Kind, PendingKind, PendingStatus

StepUp = Annotated[str | None, Field(max_length=40)]
OptionalReason = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x08\x0e-\x1f\x7f]*$")]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9._/-]{0,31}$")]
Scope = Annotated[
    str,
    Field(
        pattern=r"^(all|(tenant|account|trader|strategy)/[a-z0-9][a-z0-9._-]{0,62}"
        r"|instrument/[A-Z0-9][A-Z0-9._/-]{0,31})$",
        examples=["all", "account/paper", "trader/apple-ema", "instrument/AAPL"],
    ),
]
OrderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,80}$")]
Tree = dict[str, Any]


class Condition(BaseModel):
    """How one thing stands, as the runner reported it."""

    subject: str
    type: str
    status: str
    reason: str
    detail: str
    at: Instant


class PendingView(BaseModel):
    """An act that waits, or waited in vain (then `ended_by` and `ended_why` are set); `until` is
    null where it waits for a person's approval.
    """

    id: str
    kind: PendingKind
    status: PendingStatus
    base_generation: int
    changes: list[ConfigChange]
    target: str
    reason: str
    by: str
    created_at: Instant
    until: Instant | None
    ended_by: str
    ended_why: str


class PendingList(BaseModel):
    """What waits, oldest first."""

    items: list[PendingView]


class ConfigState(BaseModel):
    """The document in force, and how far the runner is."""

    generation: int
    observed_generation: int
    document: Document
    digest: str
    by: str
    reason: str
    created_at: Instant
    conditions: list[Condition]
    pending: list[PendingView]
    superseded: list[PendingView]


class Candidate(Wire):
    """A document to be looked at: as a tree, or as YAML text."""

    document: Tree | None = None
    yaml: Annotated[str | None, Field(max_length=262_144)] = None


class DiffRequest(Candidate):
    """What to compare with the version in force, or with `against`; or an earlier version."""

    generation: Annotated[int | None, Field(ge=1, le=2**53)] = None
    against: Annotated[int | None, Field(ge=1, le=2**53)] = None


class FaultView(BaseModel):
    """One place where a document is wrong."""

    path: str
    reason: str


class ConfigDiff(BaseModel):
    """Whether a document is valid, and what it would change."""

    valid: bool
    code: str | None = None
    errors: list[FaultView] = []
    changes: list[ConfigChange] = []
    effect: Effect = Effect.NEUTRAL
    needs_step_up: bool = False
    wait_s: float = 0


class NewConfig(Candidate):
    """A document to be put in force. `step_up` is needed where it loosens a limit."""

    reason: OptionalReason = ""
    step_up: StepUp = None


class PatchConfig(Wire):
    """A merge patch (RFC 7396); feeds, accounts, traders may be patched as objects by id."""

    patch: Tree
    reason: OptionalReason = ""
    step_up: StepUp = None


class Rollback(Wire):
    """An earlier version to be put in force again, as a new one."""

    generation: int = Field(ge=1, le=2**53)
    reason: Reason
    step_up: StepUp = None


class Approval(Wire):
    """A second word: a reason and, of a session that did not step up lately, a code of the host."""

    reason: Reason
    step_up: Annotated[str, Field(min_length=1, max_length=40)] | None = None


class ConfigVersion(BaseModel):
    """One version in the list."""

    generation: int
    base_generation: int
    kind: Kind
    by: str
    role: str
    reason: str
    created_at: Instant
    digest: str
    changes: list[ConfigChange]


class ConfigVersionFull(ConfigVersion):
    """One version with its document."""

    document: Document


class ConfigHistory(BaseModel):
    """Newest first."""

    items: list[ConfigVersion]
    next_cursor: int | None


class Preset(BaseModel):
    """A named set of parameters; its performance report lies under `…/report`."""

    id: str
    params: Tree
    report: str | None


class StrategyView(BaseModel):
    """A strategy as people choose it; `schema` is the JSON Schema of its parameters."""

    id: str
    name: str
    description: str
    origin: str
    intervals: list[str]
    instruments: list[str]
    presets: list[Preset]
    params_schema: Tree = Field(serialization_alias="schema")


class StrategyList(BaseModel):
    """All strategies by id."""

    items: list[StrategyView]


class NewTrader(Wire):
    """A trader to be deployed; the rules of the document apply to every field."""

    id: Name
    account: Name
    feed: Name
    instrument: Symbol
    strategy: Name
    params: Tree = Field(default_factory=dict, max_length=64)
    sizing: Tree | None = None
    limits: Tree = Field(default_factory=dict, max_length=32)
    state: Literal["running", "paused", "stopped"] = "running"
    session_gate: bool = True
    reason: OptionalReason = ""
    step_up: StepUp = None


class DraftTrader(Wire):
    """A trader that is only thought of."""

    id: Name = "draft"
    account: Name
    feed: Name
    instrument: Symbol
    strategy: Name
    params: Tree = Field(default_factory=dict, max_length=64)
    sizing: Tree | None = None
    limits: Tree = Field(default_factory=dict, max_length=32)
    state: Literal["running", "paused", "stopped"] = "running"
    session_gate: bool = True


class TraderPreview(BaseModel):
    """What a draft would do and change. `errors` are at its own fields: `params.fast`.

    Where it is valid but has no signal, `code`, `detail` and `hint` say why.
    """

    trader: str
    valid: bool
    code: str | None = None
    detail: str = ""
    hint: str = ""
    errors: list[FaultView] = []
    params: Tree = {}
    changes: list[ConfigChange] = []
    effect: Effect = Effect.NEUTRAL
    needs_step_up: bool = False
    wait_s: float = 0
    time: Instant | None = None
    price: str | None = None
    inputs: Tree = {}
    signal: Tree | None = None
    wishes: list[Tree] = []
    orders: list[Tree] = []
    checks: list[Tree] = []


class TraderPatch(Wire):
    """What to change of a trader; a field that is absent stays."""

    strategy: Name | None = None
    params: Tree | None = None
    feed: Name | None = None
    sizing: Tree | None = None
    limits: Tree | None = None
    state: Literal["running", "paused", "stopped"] | None = None
    session_gate: bool | None = None
    reason: OptionalReason = ""
    step_up: StepUp = None


class TraderAct(Wire):
    """How to stop: with `close` the position is closed too."""

    close: bool = False
    reason: OptionalReason = ""


class Activation(Wire):
    """Another strategy for one trader, or for all."""

    strategy: Name
    preset: Name | None = None
    params: Tree | None = None
    trader: Name = "all"
    reason: OptionalReason = ""


class CancelScope(Wire):
    """Which working orders; without a field: all."""

    account: Name | None = None
    trader: Name | None = None
    instrument: Symbol | None = None


class ClosePosition(Wire):
    """A position by its account and instrument."""

    account: Name
    instrument: Symbol


class FlattenScope(Wire):
    """Pause entries, cancel, close: in this scope."""

    scope: Scope
    reason: OptionalReason = ""


class NewHalt(Wire):
    """How far to stop, and why."""

    scope: Scope
    level: Literal["pause", "reduce_only", "halted"]
    reason: Reason


class HaltLift(Wire):
    """Which halt to lift, why, and the code of the host."""

    scope: Scope
    reason: Reason
    step_up: StepUp = None


class ReplayChange(Wire):
    """What to change of a replay; at least one."""

    speed: Annotated[float | None, Field(ge=0, le=1_000_000, allow_inf_nan=False)] = None
    paused: bool | None = None
    step: Annotated[int | None, Field(ge=1, le=100_000)] = None
    seek: Annotated[str | None, Field(max_length=40)] = None
