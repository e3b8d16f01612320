"""Acts of two people, verified where they take effect: by the trading host, from public keys.

Nobody between the two and the host is believed: what they signed names act, scope, reason, host,
what it is about, until when, and a nonce that the host spends. Pure.

A passkey signs what the page shows it, and the page comes from the control plane: two passkeys
withstand a stolen signing key and database, not a control plane that serves another page. A key of
the command line signs what the command line itself has spelled out.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from tradedeck.authority.people import Key, KeyKind, People, Person
from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.signing import SigningKey, VerifyKey

VERSION: Final = 1
NEEDED: Final = 2
SIGNATURES_MAX: Final = 10
LIFE_NS_MAX: Final = 24 * 3600 * 1_000_000_000
SKEW_NS_MAX: Final = 5_000_000_000
LIFT: Final = "halt.lift"
MAY: Final[Mapping[str, frozenset[str]]] = {LIFT: frozenset({"risk", "admin"})}
_CONTEXT: Final = b"tradedeck approval v1\n"
_NONCE = re.compile(r"[0-9a-f]{32}")
_TEXT_MAX: Final = 500
_BLOB_MAX: Final = 4_096
_RP_BYTES: Final = 32
_PRESENT_AND_VERIFIED: Final = 0x05


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be done, in full.

    `host` is the target of the guard that will do it, `subject` tells what it is about apart from
    what comes later under the same scope (of a lift: when the halt was latched, ns).
    """

    act: str
    scope: str
    reason: str
    host: str
    subject: int
    nonce: str
    issued_at_ns: int
    expires_at_ns: int
    v: int = VERSION

    def body(self) -> dict[str, Any]:
        """As it is kept and sent; the inverse is `act_of`."""
        return asdict(self)

    def digest(self) -> str:
        """SHA-256 of its canonical form, hexadecimal."""
        return canonical.digest(canonical.encode(self.body()))


@dataclass(frozen=True, slots=True)
class Signature:
    """One person's word on an act. `authenticator` and `client` are a passkey's, else empty."""

    person: str
    public: bytes
    signature: bytes
    authenticator: bytes = b""
    client: bytes = b""

    def body(self) -> dict[str, str]:
        """As it is kept and sent; the inverse is `signature_of`."""
        return {
            "person": self.person,
            "public": self.public.hex(),
            "signature": self.signature.hex(),
            "authenticator": self.authenticator.hex(),
            "client": self.client.hex(),
        }


def act_of(body: object) -> Act:
    """Raises INVALID where it is no act in full."""
    given = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    texts = [given.get(name) for name in ("act", "scope", "reason", "host", "nonce")]
    numbers = [given.get(name) for name in ("subject", "issued_at_ns", "expires_at_ns", "v")]
    if (
        set(given) != set(Act.__slots__)
        or not all(isinstance(text, str) and 0 < len(text) <= _TEXT_MAX for text in texts)
        or not all(type(number) is int and number >= 0 for number in numbers)
        or given["v"] != VERSION
        or _NONCE.fullmatch(given["nonce"]) is None
    ):
        raise TradedeckError(Code.INVALID, "what was approved is not an act in full")
    return Act(**given)


def signature_of(body: object) -> Signature:
    """Raises INVALID where it is none."""
    given = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    try:
        person = given["person"]
        blobs = [
            bytes.fromhex(given.get(name, ""))
            for name in ("public", "signature", "authenticator", "client")
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise TradedeckError(Code.INVALID, "a signature was malformed") from error
    if not isinstance(person, str) or any(len(blob) > _BLOB_MAX for blob in blobs):
        raise TradedeckError(Code.INVALID, "a signature was malformed")
    return Signature(person, *blobs)


def signatures_of(body: object) -> tuple[Signature, ...]:
    """Raises INVALID."""
    listed = cast("list[Any]", body) if isinstance(body, list) else None
    if listed is None or len(listed) > SIGNATURES_MAX:
        raise TradedeckError(Code.INVALID, "the signatures were no list, or too many")
    return tuple(signature_of(item) for item in listed)


def message(digest: str) -> bytes:
    """The bytes that a key of the command line signs for an act of that digest."""
    return _CONTEXT + bytes.fromhex(digest)


def challenge(digest: str) -> bytes:
    """The challenge that a passkey signs for it: 32 bytes."""
    return hashlib.sha256(message(digest)).digest()


def sign(key: SigningKey, person: str, act: Act) -> Signature:
    """A person's word, by a key of the command line."""
    return Signature(person, key.verify_key().raw, key.sign(message(act.digest())))


def lifters(people: People, act: str = LIFT) -> tuple[str, ...]:
    """Who may: those of a role that may, with a key."""
    return tuple(p.name for p in people.values() if p.role in MAY[act] and p.keys)


def demands_two(people: People, act: str = LIFT) -> bool:
    """Whether this host does it on the word of two people alone."""
    return len(lifters(people, act)) >= NEEDED


def verify(
    act: Act, signatures: Sequence[Signature], people: People, *, host: str, now_ns: int
) -> tuple[str, ...]:
    """Names of the people whose word this is, two at least.

    The caller compares what the act is about with what stands, and spends its nonce.

    Raises:
        TradedeckError: MISADDRESSED, EXPIRED, BAD_SIGNATURE, APPROVAL_REQUIRED.
    """
    if act.host != host or act.act not in MAY:
        raise TradedeckError(Code.MISADDRESSED, f"the approval was of {act.act} for {act.host}")
    if (
        not act.issued_at_ns - SKEW_NS_MAX <= now_ns <= act.expires_at_ns
        or act.expires_at_ns - act.issued_at_ns > LIFE_NS_MAX
    ):
        raise TradedeckError(Code.EXPIRED, "the approval was outside its time")
    digest = act.digest()
    names = {_signer(each, digest, people, MAY[act.act]) for each in signatures}
    if len(names) < NEEDED:
        raise TradedeckError(
            Code.APPROVAL_REQUIRED,
            f"this host does that on the word of two people whom it trusts; it has {len(names)}",
            hint="`tradedeck approvals` asks for the second; `tradedeck people list` names them.",
        )
    return tuple(sorted(names))


def _signer(given: Signature, digest: str, people: People, roles: frozenset[str]) -> str:
    person = people.get(given.person)
    key = None if person is None else _key(person, given.public)
    if person is None or key is None:
        raise TradedeckError(
            Code.BAD_SIGNATURE,
            f"this host does not trust that key of {given.person[:40]}",
            hint="On the trading host: `tradedeck people trust`.",
        )
    if person.role not in roles:
        raise TradedeckError(Code.FORBIDDEN, f"{person.name} may not do that on this host")
    if not _holds(key, given, digest):
        raise TradedeckError(Code.BAD_SIGNATURE, f"the signature of {person.name} was not valid")
    return person.name


def _key(person: Person, public: bytes) -> Key | None:
    return next((key for key in person.keys if key.public == public), None)


def _holds(key: Key, given: Signature, digest: str) -> bool:
    if key.kind is KeyKind.ED25519:
        return VerifyKey(key.public).verify(given.signature, message(digest))
    return _is_ceremony(key, given, digest) and _is_signed(
        key, given.signature, given.authenticator + hashlib.sha256(given.client).digest()
    )


def _is_ceremony(key: Key, given: Signature, digest: str) -> bool:
    """That the passkey was asked for exactly this, by a page of ours, and saw its person."""
    try:
        client = canonical.decode(given.client)
    except ValueError:
        return False
    said = cast("dict[str, Any]", client) if isinstance(client, dict) else {}
    expected = urlsafe_b64encode(challenge(digest)).rstrip(b"=").decode()
    data = given.authenticator
    return (
        said.get("type") == "webauthn.get"
        and said.get("challenge") == expected
        and said.get("origin") in key.origins
        and said.get("crossOrigin") in (None, False)
        and len(data) > _RP_BYTES
        and data[:_RP_BYTES] == hashlib.sha256(key.rp.encode()).digest()
        and data[_RP_BYTES] & _PRESENT_AND_VERIFIED == _PRESENT_AND_VERIFIED
    )


def _is_signed(key: Key, signature: bytes, data: bytes) -> bool:
    if key.kind is KeyKind.PASSKEY_EDDSA:
        return VerifyKey(key.public).verify(signature, data)
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.public)
        public.verify(signature, data, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def spent(nonces: Mapping[str, int], act: Act, now_ns: int) -> dict[str, int]:
    """The nonces to keep once `act` is done: those that still live, and its own.

    Raises:
        TradedeckError: REPLAYED.
    """
    if act.nonce in nonces:
        raise TradedeckError(Code.REPLAYED, "the approval was used before")
    kept: Iterable[tuple[str, int]] = (
        (nonce, until) for nonce, until in nonces.items() if until >= now_ns - SKEW_NS_MAX
    )
    return dict(kept) | {act.nonce: act.expires_at_ns}
