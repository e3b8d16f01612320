"""People with keys, and what they sign: for every test of two-person acts."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tradedeck.authority.approval import Act, Signature, challenge
from tradedeck.authority.people import Key, KeyKind, Person
from tradedeck.kernel.signing import SigningKey

RP, ORIGIN = "deck.example", "https://deck.example"
NOW = 1_800_000_000 * 1_000_000_000
HOUR = 3600 * 1_000_000_000


def person(name: str, key: SigningKey, role: str = "risk") -> Person:
    return Person(name, role, (Key(KeyKind.ED25519, key.verify_key().raw),))


def act(**change: Any) -> Act:
    fields: dict[str, Any] = {
        "act": "halt.lift", "scope": "all", "reason": "the feed is back", "host": "guard.local",
        "subject": 7, "nonce": "0" * 32, "issued_at_ns": NOW, "expires_at_ns": NOW + HOUR,
    }  # fmt: skip
    return Act(**fields | change)


class Passkey:
    """An authenticator of P-256 with one person behind it."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.key = Key(KeyKind.PASSKEY_ES256, point, RP, (ORIGIN,))

    def sign(self, name: str, what: Act, **change: Any) -> Signature:
        """A ceremony; `flags`, `rp` and what the client says can be changed."""
        rp, flags = change.pop("rp", RP), change.pop("flags", 0x05)
        said = urlsafe_b64encode(challenge(what.digest())).rstrip(b"=").decode()
        client = {"type": "webauthn.get", "challenge": said, "origin": ORIGIN} | change
        data = hashlib.sha256(rp.encode()).digest() + bytes([flags]) + b"\0\0\0\1"
        text = json.dumps(client).encode()
        signed = self._key.sign(data + hashlib.sha256(text).digest(), ec.ECDSA(SHA256()))
        return Signature(name, self.key.public, signed, data, text)
