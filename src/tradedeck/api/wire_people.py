"""The shapes that routes of people, sessions and tokens take and give."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from tradedeck.api.wire import Instant, Label, Wire
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Kind, Method, Role, Way

PersonName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$", max_length=40)]
# Bounded for the hasher's sake; what is allowed is `identity.passwords.check`'s.
Password = Annotated[str, Field(min_length=1, max_length=1024)]
Secret = Annotated[str, Field(min_length=1, max_length=200)]
GivenCode = Annotated[str, Field(min_length=1, max_length=40)]
AnyRole = Annotated[Role, Field(strict=False)]
AnyWay = Annotated[Way, Field(strict=False)]


class SignIn(Wire):
    """The secret of a one-time link."""

    token: Secret


class PasswordSignIn(Wire):
    """A name and a password."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    password: Password
    tenant: PersonName = "main"


class SecondFactor(Wire):
    """What was asked for after the password."""

    challenge: Secret
    way: AnyWay
    code: GivenCode


class StepUp(Wire):
    """A second factor, shown again before a dangerous act."""

    way: AnyWay
    code: GivenCode


class SessionView(BaseModel):
    """Who is signed in, until when, and what they may do now.

    `stepped_up_until` is null where no second factor was shown lately. `needs_mfa`: the role
    demands a second factor that this session has not seen; `permissions` are those that go on.
    """

    id: str
    actor: str
    role: Role
    kind: str
    expires_at: Instant
    permissions: list[str]
    tenant: str
    user: str
    mfa: bool
    needs_mfa: bool
    stepped_up_until: Instant | None


class SecondNeeded(BaseModel):
    """The password was right; answer `challenge` under `POST /sessions/second`.

    The way `passkey` is answered by signing in with the passkey instead.
    """

    challenge: str
    ways: list[Way]


class NewToken(Wire):
    """A token to be made; `permissions` narrows the role, `account` names a service account."""

    name: Label
    role: AnyRole
    days: float = Field(default=30, gt=0, le=366, allow_inf_nan=False)
    permissions: (
        Annotated[
            list[Annotated[Permission, Field(strict=False)]], Field(min_length=1, max_length=40)
        ]
        | None
    ) = None
    account: PersonName | None = None


class IssuedToken(BaseModel):
    """A new token; `token` is shown this once."""

    id: str
    token: str
    name: str
    role: Role
    expires_at: Instant


class TokenView(BaseModel):
    """A token without its secret; `account` is whose it is, null where it was made on the host."""

    id: str
    name: str
    role: Role
    permissions: list[str] | None
    account: str | None
    created_by: str
    created_at: Instant
    expires_at: Instant
    seen_at: Instant | None
    revoked_at: Instant | None


class TokenList(BaseModel):
    """All tokens, newest first."""

    items: list[TokenView]


class PasskeyView(BaseModel):
    """A passkey, without its key."""

    id: str
    name: str
    site: str
    created_at: Instant
    used_at: Instant | None


class Profile(BaseModel):
    """One's own account, and how one may prove who one is."""

    id: str
    name: str
    display_name: str
    role: Role
    tenant: str
    has_password: bool
    has_totp: bool
    has_oidc: bool
    passkeys: list[PasskeyView]
    recovery_codes_left: int
    needs_mfa: bool
    step_up_ways: list[Way]


class TotpOffer(BaseModel):
    """A secret for an authenticator app, shown this once; `uri` is what a QR code holds."""

    challenge: str
    secret: str
    uri: str


class TotpAnswer(Wire):
    """The code that the app shows."""

    challenge: Secret
    code: GivenCode


class RecoveryCodes(BaseModel):
    """Codes that work once each, shown this once; empty where there were some already."""

    recovery_codes: list[str]


class NewPassword(Wire):
    """A new password; `old` where there is one."""

    old: Password | None = None
    new: Password


class ProfileChange(Wire):
    """What one may change about oneself."""

    display_name: Label


class OwnSession(BaseModel):
    """An open session; `current` is the one that asks."""

    id: str
    user: str
    actor: str
    role: Role
    method: Method
    mfa: bool
    address: str
    agent: str
    created_at: Instant
    seen_at: Instant
    expires_at: Instant
    current: bool


class SessionList(BaseModel):
    """Open sessions, newest first."""

    items: list[OwnSession]


class PersonView(BaseModel):
    """An account, as an admin sees it. `waiting_until`: wrong proofs keep it waiting."""

    id: str
    name: str
    display_name: str
    kind: Kind
    role: Role
    disabled: bool
    has_password: bool
    has_totp: bool
    passkeys: int
    enrolled: bool
    failed: int
    locked: bool
    waiting_until: Instant | None
    seen_at: Instant | None
    created_at: Instant
    created_by: str


class PersonList(BaseModel):
    """All accounts of the tenant, by name."""

    items: list[PersonView]


class NewService(Wire):
    """A service account to be made: for a runner, CI, a program."""

    name: PersonName
    role: AnyRole
    display_name: Label | None = None


class NewRole(Wire):
    """The role that an account is to have."""

    role: AnyRole


class NewInvitation(Wire):
    """Somebody to be invited; the name is what audit records will say."""

    name: PersonName
    role: AnyRole
    days: float = Field(default=3, gt=0, le=30, allow_inf_nan=False)


class IssuedInvitation(BaseModel):
    """An invitation; `path` goes behind the address of the cockpit and is shown this once."""

    id: str
    name: str
    role: Role
    token: str
    path: str
    expires_at: Instant


class InvitationView(BaseModel):
    """An invitation without its secret: open, accepted, revoked or expired."""

    id: str
    name: str
    role: Role
    state: str
    created_at: Instant
    created_by: str
    expires_at: Instant


class InvitationList(BaseModel):
    """All invitations, newest first."""

    items: list[InvitationView]


class InvitationAnswer(Wire):
    """What an invited person says."""

    token: Secret
    display_name: Label
    password: Password


class SignInWays(BaseModel):
    """How people sign in here; `oidc` names the provider, null where there is none."""

    password: bool
    passkey: bool
    oidc: str | None


class RoleTable(BaseModel):
    """Who may do what: each role with its permissions, and those that never wait for a factor."""

    roles: dict[str, list[str]]
    without_mfa: list[str]
    mfa_roles: list[str]


class PasskeyStart(Wire):
    """Where somebody wants to sign in."""

    tenant: PersonName = "main"


class PasskeyOffer(BaseModel):
    """`options` for `PublicKeyCredential.parse…OptionsFromJSON`; `challenge` goes back too."""

    challenge: str
    options: dict[str, Any]


class PasskeyAnswer(Wire):
    """What the browser made of the options: `PublicKeyCredential.toJSON()`."""

    challenge: Secret
    credential: dict[str, Any]


class PasskeyNew(PasskeyAnswer):
    """A new passkey, and what its owner calls it."""

    name: Label


class PasskeyName(Wire):
    """What its owner calls a passkey."""

    name: Label


class PasskeyAdded(BaseModel):
    """The new passkey; recovery codes where it is the first factor, shown this once."""

    passkey: PasskeyView
    recovery_codes: list[str]


class OidcStart(BaseModel):
    """Where the browser goes now."""

    url: str
