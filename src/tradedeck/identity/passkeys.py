"""Passkeys (WebAuthn): adding one, and proving to have one, with the person verified by it.

Bound to a site: the browser signs the origin, so a page elsewhere gets nothing of use here. A
passkey with user verification is two factors in one. The library is imported late: it takes a third
of a second, which `load` spends on a thread.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Who
from tradedeck.identity import challenges, factors, people, people_store
from tradedeck.identity.challenges import Purpose, Question
from tradedeck.identity.sealing import Sealer
from tradedeck.identity.tables_people import credentials
from tradedeck.identity.types import Actor, Way
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.store.sessions import WriteSession

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

PASSKEYS_MAX: Final = 20  # of one account; the browser is told of each
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """Where the page is: `rp_id` is what a passkey is bound to, `origin` what the browser signs."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What the browser is asked: `options` as `navigator.credentials` takes them in JSON."""

    challenge: str
    options: dict[str, Any]


def load() -> None:
    """Import what verifies, ahead of the first transaction that needs it."""
    importlib.import_module("webauthn")


def start_add(write: WriteSession, sealer: Sealer, row: Row, site: Site, *, now_ns: int) -> Offer:
    """Ask for a new passkey. REFUSED where the account has too many."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    known = people_store.passkeys(write, row["id"])
    if len(known) >= PASSKEYS_MAX:
        raise TradedeckError(
            Code.REFUSED, f"An account has at most {PASSKEYS_MAX} passkeys; remove one first."
        )
    options = generate_registration_options(
        rp_id=site.rp_id,
        rp_name="Tradedeck",
        user_id=str(row["id"]).encode(),
        user_name=str(row["name"]),
        user_display_name=str(row["display_name"]),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_described(known),
    )
    return _asked(
        write, sealer, Purpose.PASSKEY_ADD, row, site, options.challenge,
        json.loads(options_to_json(options)), now_ns,
    )  # fmt: skip


def finish_add(
    write: WriteSession,
    sealer: Sealer,
    row: Row,
    *,
    challenge: str,
    credential: Mapping[str, Any],
    name: str,
    actor: Actor,
    now_ns: int,
) -> tuple[str, list[str]]:
    """Keep the passkey; its id, and recovery codes where it is the first factor.

    Raises:
        TradedeckError: UNAUTHENTICATED for a question that is not open, INVALID for an answer
            that is not one to it, CONFLICT for a passkey that is known.
    """
    from webauthn import verify_registration_response

    asked = challenges.find(write, sealer, challenge, Purpose.PASSKEY_ADD, now_ns=now_ns)
    if asked.user != row["id"]:
        raise challenges.expired()
    try:
        made = verify_registration_response(
            credential=dict(credential),
            expected_challenge=bytes.fromhex(asked.data["challenge"]),
            expected_rp_id=asked.data["rp_id"],
            expected_origin=asked.data["origin"],
            require_user_verification=True,
        )
    except Exception as error:  # hostile input: whatever its parser raises is a no
        raise TradedeckError(
            Code.INVALID, "The passkey was not made for this question, this page and this person."
        ) from error
    challenges.close(write, asked, now_ns=now_ns)
    named = made.credential_id.hex()
    if people_store.passkey_known(write, named):
        raise TradedeckError(Code.CONFLICT, "This passkey is known already.")
    identifier = new_id("key", now_ns)
    people_store.add(
        write,
        credentials,
        {
            "id": identifier,
            "tenant": row["tenant"],
            "user": row["id"],
            "credential_id": named,
            "public_key": made.credential_public_key,
            "sign_count": made.sign_count,
            "name": name,
            "rp_id": asked.data["rp_id"],
            "transports": "",
            "created_at_ns": now_ns,
            "used_at_ns": None,
        },
    )
    codes = factors.enrolled(write, row, Way.PASSKEY, name, actor=actor, now_ns=now_ns)
    return identifier, codes


def start_use(
    write: WriteSession, sealer: Sealer, row: Row | None, site: Site, *, tenant: str, now_ns: int
) -> Offer:
    """Ask for a passkey: of an account, or, where none is named, of whoever has one here."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    known = [] if row is None else people_store.passkeys(write, row["id"])
    options = generate_authentication_options(
        rp_id=site.rp_id,
        allow_credentials=_described(known) or None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    owner = row or {"id": "", "tenant": tenant}
    return _asked(
        write, sealer, Purpose.PASSKEY_USE, owner, site, options.challenge,
        json.loads(options_to_json(options)), now_ns,
    )  # fmt: skip


def prove(
    write: WriteSession,
    sealer: Sealer,
    *,
    challenge: str,
    credential: Mapping[str, Any],
    user: str,
    now_ns: int,
) -> Row | None:
    """The account whose passkey answered; None where the answer is wrong.

    `user` is the one who was asked for; empty where anybody was.

    Raises:
        TradedeckError: UNAUTHENTICATED for a question that is not open, or another's.
    """
    asked = challenges.find(write, sealer, challenge, Purpose.PASSKEY_USE, now_ns=now_ns)
    if asked.user != user:
        raise challenges.expired()
    challenges.close(write, asked, now_ns=now_ns)  # one try: a passkey is not mistyped
    key = people_store.passkey(write, _named(credential))
    if key is None or key["tenant"] != asked.tenant or user not in ("", key["user"]):
        return None
    row = people_store.user(write, str(key["user"]))
    count = _verified(asked, key, credential)
    if row is None or row["disabled_at_ns"] is not None or count is None:
        return None
    people_store.passkey_used(write, key["id"], count, now_ns)
    return row


def _verified(asked: Question, key: Row, credential: Mapping[str, Any]) -> int | None:
    """The new count of a good answer, None of a bad one."""
    from webauthn import verify_authentication_response

    try:
        return verify_authentication_response(
            credential=dict(credential),
            expected_challenge=bytes.fromhex(asked.data["challenge"]),
            expected_rp_id=asked.data["rp_id"],
            expected_origin=asked.data["origin"],
            credential_public_key=bytes(key["public_key"]),
            credential_current_sign_count=int(key["sign_count"]),
            require_user_verification=True,
        ).new_sign_count
    except Exception:  # noqa: BLE001 - hostile input: whatever its parser raises is a no
        return None


def rename(
    write: WriteSession, row: Row, identifier: str, name: str, *, who: Who, now_ns: int
) -> None:
    """Call a passkey otherwise. NOT_FOUND."""
    key = _own(write, row, identifier)
    people_store.change_passkey(write, identifier, name=name)
    act = Act(
        Action.USER_CHANGE, who, f"user/{row['name']}/passkey/{identifier}",
        before={"name": key["name"]}, after={"name": name},
    )  # fmt: skip
    audit.append(write, act, now_ns=now_ns)


def remove(
    write: WriteSession, row: Row, identifier: str, *, last_stays: bool, who: Who, now_ns: int
) -> None:
    """Forget a passkey. NOT_FOUND; REFUSED for the last factor where `last_stays`."""
    key = _own(write, row, identifier)
    others = [way for way in people.enrolled(write, row) if way is not Way.RECOVERY]
    is_last = others == [Way.PASSKEY] and len(people_store.passkeys(write, row["id"])) == 1
    if last_stays and is_last:
        raise factors.last_factor(row)
    people_store.drop_passkey(write, identifier)
    act = Act(
        Action.FACTOR_REMOVE, who, f"user/{row['name']}/passkey", before={"name": key["name"]}
    )
    audit.append(write, act, now_ns=now_ns)


def _own(write: WriteSession, row: Row, identifier: str) -> Row:
    for key in people_store.passkeys(write, row["id"]):
        if key["id"] == identifier:
            return key
    raise TradedeckError(Code.NOT_FOUND, f"There is no passkey {identifier}.")


def _asked(
    write: WriteSession,
    sealer: Sealer,
    purpose: Purpose,
    row: Row,
    site: Site,
    challenge: bytes,
    options: dict[str, Any],
    now_ns: int,
) -> Offer:
    data = {"challenge": challenge.hex(), "rp_id": site.rp_id, "origin": site.origin}
    secret = challenges.ask(
        write, sealer, purpose, tenant=str(row["tenant"]), user=str(row["id"]), data=data,
        now_ns=now_ns,
    )  # fmt: skip
    return Offer(secret, options)


def _described(keys: list[Row]) -> list[PublicKeyCredentialDescriptor]:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    return [PublicKeyCredentialDescriptor(bytes.fromhex(key["credential_id"])) for key in keys]


def _named(credential: Mapping[str, Any]) -> str:
    """The credential's id, in hexadecimal; empty where it has none."""
    from webauthn import base64url_to_bytes

    try:
        return base64url_to_bytes(str(credential.get("id", ""))).hex()
    except ValueError:
        return ""
