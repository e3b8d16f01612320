"""The composition root of the api: opens what it owns, closes it in the other order."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradedeck.adapters.bus.types import Bus
from tradedeck.api import desk, idempotency, joblist, kills, own, pull, snapshot, tenancy
from tradedeck.api.context import Context
from tradedeck.api.library import Library
from tradedeck.api.trail import Trail
from tradedeck.audit import cosigned
from tradedeck.audit.notes import Verifier
from tradedeck.desired import parse, rules, service
from tradedeck.desired.document import Document, default_document
from tradedeck.identity.authenticate import Authenticator
from tradedeck.identity.passwords import Passwords
from tradedeck.identity.sealing import KEY_BYTES, Sealer
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import NS_PER_S, Clock, SystemClock
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.signing import SigningKey
from tradedeck.ops.files import prepare_home, write_private
from tradedeck.settings import Settings
from tradedeck.store.database import open_store
from tradedeck.store.scope import MAIN, Door

if TYPE_CHECKING:
    from tradedeck.adapters.oidc.client import Provider

SEED = "seed.yaml"
Loop = Callable[[Context], Coroutine[Any, Any, None]]


async def audit_log(context: Context) -> None:
    """The tree follows the audit table; what it cannot follow is an alarm."""

    async def tell(error: TradedeckError) -> None:
        body = {
            "code": "AUDIT_BROKEN" if error.code is not Code.STORAGE else "AUDIT_STORAGE",
            "severity": "critical",
            "subject": "audit",
            "detail": error.detail,
        }
        await pull.publish_own(context, "alarm", body)

    await context.trail.keep(context.closing, tell)


# What runs beside the requests, by name. A loop that raises is logged and started again.
LOOPS: dict[str, Loop] = {
    "journals": pull.run,
    "countdowns": desk.countdowns,
    "kills": kills.again,
    "jobs": joblist.run,
    "strategies": own.follow,
    "audit": audit_log,
}


def load_key(folder: Path) -> SigningKey:
    """The api's signing key, made at the first start; the public half lies beside it in hex."""
    private, public = folder / "api.key", folder / "api.pub"
    if private.exists():
        try:
            key = SigningKey(bytes.fromhex(private.read_text("ascii").strip()))
        except ValueError:
            raise TradedeckError(
                Code.INVALID_DATA,
                f"{private.name} was not a key.",
                hint="Restore keys/api.key from the backup, or remove both api.key and api.pub.",
            ) from None
    else:
        key = SigningKey.generate()
        write_private(private, key.raw().hex().encode() + b"\n")
    write_private(public, key.verify_key().raw.hex().encode() + b"\n")
    return key


def load_sealer(folder: Path) -> Sealer:
    """The key that seals people's factors, made at the first start."""
    path = folder / "people.key"
    if not path.exists():
        write_private(path, os.urandom(KEY_BYTES).hex().encode() + b"\n")
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise TradedeckError(
            Code.INVALID_DATA,
            "keys/people.key was not a key.",
            hint="Restore it from the backup; without it people enrol their factors again.",
        )
    return Sealer(key)


def first_document(settings: Settings, library: Library) -> Document:
    """What an empty home starts with: `seed.yaml` where somebody left one, else the default."""
    seed = settings.home / SEED
    if not seed.is_file():
        return default_document()
    return rules.read(parse.parse(seed.read_bytes()), library)


def _witnesses(settings: Settings) -> Sequence[Verifier]:
    try:
        return cosigned.parse(settings.audit_witnesses)
    except TradedeckError as error:
        raise TradedeckError(
            Code.INVALID_SETTING,
            f"The environment variable TRADEDECK_AUDIT_WITNESSES was not valid: {error.detail}",
            hint=error.hint,
        ) from None


def _provider(settings: Settings) -> Provider | None:
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_client_id:
        raise TradedeckError(
            Code.INVALID_SETTING,
            "The environment variable TRADEDECK_OIDC_CLIENT_ID was not set, the issuer was.",
            hint="Register this program at the provider, and set what it is called there.",
        )
    from tradedeck.adapters.oidc.client import Provider

    return Provider(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)


@asynccontextmanager
async def open_context(
    settings: Settings,
    bus: Bus,
    *,
    clock: Clock | None = None,
    passwords: Passwords | None = None,
) -> AsyncGenerator[Context]:
    """The api's parts, open; the bus is the caller's to start and close."""
    prepare_home(settings.home)
    clock = clock or SystemClock()
    key = load_key(settings.keys_path)
    sealer = load_sealer(settings.keys_path)
    passwords = passwords or Passwords()
    witnesses = _witnesses(settings)
    store = open_store(settings.store_path, settings.store_url)
    trail = Trail(
        store.beyond(Door.AUDIT), settings.audit_path, settings.keys_path / "audit.key", witnesses
    )
    now = clock.now_ns()
    try:
        idle_ns = int(settings.session_idle_minutes * 60 * NS_PER_S)
        mfa_roles = frozenset(Role(name) for name in settings.mfa_roles.split())
        authenticator = Authenticator(
            store.beyond(Door.IDENTITY), clock, idle_ns=idle_ns, mfa_roles=mfa_roles
        )
        library, first = Library(), store.of(MAIN)
        desired = first.write_now(
            lambda w: service.ensure_first(w, lambda: first_document(settings, library), now_ns=now)
        )
        context = Context(
            settings, clock, store, first, authenticator, key, bus, library, desired, trail,
            passwords, sealer, _provider(settings),
        )  # fmt: skip
        snapshot.install(context)
        tenancy.open_all(context)
        idempotency.resolve(store)
        yield context
    finally:
        passwords.close()
        trail.close()
        store.close()
