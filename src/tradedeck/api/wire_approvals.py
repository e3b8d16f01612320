"""The shapes of requests for a second person's word."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from tradedeck.api.wire import Instant, Reason, Wire
from tradedeck.api.wire_config import Scope
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Role

_HEX = r"^(?:[0-9a-f]{2}){0,4096}$"
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class WishLift(Wire):
    """Lift a latch of the guard."""

    kind: Literal["halt.lift"]
    scope: Scope
    reason: Reason


class WishGrant(Wire):
    """Give an account a role, and let it in again where it was disabled."""

    kind: Literal["role.grant"]
    user: Annotated[str, Field(pattern="^usr_[0-9a-z]{26}$")]
    role: Annotated[Role, Field(strict=False)]
    reason: Reason


class WishSolo(Wire):
    """Let one person suffice again for what a right covers."""

    kind: Literal["profile.solo"]
    right: Literal["halt.clear", "config.loosen", "people.manage"]
    reason: Reason


NewApproval = Annotated[WishLift | WishGrant | WishSolo, Field(discriminator="kind")]


class SignatureView(Wire):
    """A person's signature for the trading host, in hexadecimal; the last two are a passkey's."""

    person: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
    public: Annotated[str, Field(pattern=_HEX)]
    signature: Annotated[str, Field(pattern=_HEX)]
    authenticator: Annotated[str, Field(pattern=_HEX)] = ""
    client: Annotated[str, Field(pattern=_HEX)] = ""


class Approve(Wire):
    """A yes to the act of this digest, as it was read."""

    digest: Digest
    signature: SignatureView | None = None


class Refuse(Wire):
    """A no, and why."""

    reason: Reason


class Sign(Wire):
    """One's own signature."""

    signature: SignatureView


class ApprovalView(BaseModel):
    """A request. `digest` is the SHA-256 of `act`'s canonical form; `challenge` is what a passkey
    signs for it (hexadecimal), null where no host verifies it. `mine`: whoever reads this asked.
    """

    id: str
    kind: Literal["halt.lift", "config.loosen", "role.grant", "profile.solo", "live.switch"]
    status: Literal["open", "approved", "refused", "expired", "used", "revoked"]
    act: dict[str, Any]
    digest: str
    challenge: str | None
    requester: str
    approver: str | None
    reason: str
    detail: str
    signed_by: list[str]
    created_at: Instant
    expires_at: Instant
    decided_at: Instant | None
    used_at: Instant | None
    mine: bool
    may_approve: bool


class ApprovalList(BaseModel):
    """Newest first."""

    items: list[ApprovalView]


class RightView(BaseModel):
    """How many people a right takes, and how many hold it."""

    right: Permission
    profile: Literal["solo", "desk"]
    holders: int


class Governance(BaseModel):
    """The profile of the tenant, right by right."""

    rights: list[RightView]
