"""The words of the audit record: actions (closed), results, who, and a record as it was kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tradedeck.store.scope import MAIN


class Action(StrEnum):
    """Every act that leaves a record, as `subject:noun:verb`. Closed: add here, nowhere else."""

    SESSION_OPEN = "identity:session:open"
    SESSION_CLOSE = "identity:session:close"
    LINK_CREATE = "identity:link:create"
    TOKEN_CREATE = "identity:token:create"  # noqa: S105 - the name of an act
    TOKEN_REVOKE = "identity:token:revoke"  # noqa: S105 - the name of an act
    STEP_UP_CREATE = "identity:step-up:create"
    STEP_UP_USE = "identity:step-up:use"
    SIGN_IN = "identity:sign-in:try"
    USER_CREATE = "identity:user:create"
    USER_CHANGE = "identity:user:change"
    USER_ROLE = "identity:user:role"
    USER_DISABLE = "identity:user:disable"
    USER_ENABLE = "identity:user:enable"
    USER_LOCK = "identity:user:lock"
    USER_UNLOCK = "identity:user:unlock"
    FACTOR_ADD = "identity:factor:add"
    FACTOR_REMOVE = "identity:factor:remove"
    FACTORS_RESET = "identity:factors:reset"
    PASSWORD_SET = "identity:password:set"  # noqa: S105 - the name of an act
    INVITATION_CREATE = "identity:invitation:create"
    INVITATION_REVOKE = "identity:invitation:revoke"
    INVITATION_ACCEPT = "identity:invitation:accept"
    CONFIG_CREATE = "desired:config:create"
    CONFIG_APPLY = "desired:config:apply"
    CONFIG_ROLLBACK = "desired:config:rollback"
    CONFIG_PROPOSE = "desired:config:propose"
    CONFIG_WAIT = "desired:config:wait"
    PENDING_APPROVE = "desired:pending:approve"
    PENDING_CANCEL = "desired:pending:cancel"
    PENDING_EXPIRE = "desired:pending:supersede"
    TRADER_CREATE = "desired:trader:create"
    TRADER_CHANGE = "desired:trader:change"
    TRADER_DELETE = "desired:trader:delete"
    TRADER_START = "runner:trader:start"
    TRADER_PAUSE = "runner:trader:pause"
    TRADER_RESUME = "runner:trader:resume"
    TRADER_STOP = "runner:trader:stop"
    TRADER_RESTART = "runner:trader:restart"
    STRATEGY_ACTIVATE = "desired:strategy:activate"
    ORDER_CANCEL = "runner:order:cancel"
    ORDERS_CANCEL = "runner:orders:cancel"
    POSITION_CLOSE = "runner:position:close"
    FLATTEN = "runner:book:flatten"
    HALT_SET = "runner:halt:set"
    HALT_CLEAR = "runner:halt:clear"
    KILL_SEND = "stop:kill:send"
    LIFT_CANCEL = "stop:lift:cancel"
    DRILL_RUN = "stop:drill:run"
    REPLAY_SET = "runner:replay:set"
    COMMAND_SEND = "runner:command:send"
    ALERT_ACKNOWLEDGE = "incidents:alert:acknowledge"
    JOB_CREATE = "jobs:job:create"
    JOB_CANCEL = "jobs:job:cancel"
    DATA_EXPORT = "readmodels:data:export"
    HOST_ACT = "host:act:report"
    APPROVAL_REQUEST = "identity:approval:request"
    APPROVAL_APPROVE = "identity:approval:approve"
    APPROVAL_REFUSE = "identity:approval:refuse"
    APPROVAL_REVOKE = "identity:approval:revoke"
    APPROVAL_USE = "identity:approval:use"
    PROFILE_CHANGE = "identity:profile:change"
    TENANT_CREATE = "identity:tenant:create"
    TENANT_CHANGE = "identity:tenant:change"
    ACCESS_REFUSED = "identity:access:refuse"


class Result(StrEnum):
    """How an act ended. STARTED precedes an act on another process; its end follows."""

    STARTED = "started"
    DONE = "done"
    WAITING = "waiting"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Who:
    """The one who acts, in words that stay true after the account is gone."""

    actor: str
    role: str
    session: str = ""
    address: str = ""
    tenant: str = MAIN


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be recorded; `before` and `after` are redacted by the writer."""

    action: Action
    who: Who
    target: str = ""
    result: Result = Result.DONE
    code: str = ""
    reason: str = ""
    before: Any = None
    after: Any = None
    correlation: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A kept record: its place in the chain and its correlation id."""

    seq: int
    hash: str
    correlation: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found. `head` is the last record's hash, for comparison elsewhere."""

    ok: bool
    records: int
    head: str
    broken_at: int | None = None
    detail: str = ""
    tree: int | None = None
    root: str = ""
