"""Ed25519 signatures over bytes. Owns key encoding; never reads or writes a file."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class SigningKey:
    """A private Ed25519 key (32 raw bytes)."""

    __slots__ = ("_key",)

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(raw)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    def raw(self) -> bytes:
        """The 32 private bytes, for a file of mode 0600."""
        return self._key.private_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """A 64-byte signature (RFC 8032)."""
        return self._key.sign(data)

    def verify_key(self) -> VerifyKey:
        """The public half."""
        return VerifyKey(self._key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return "SigningKey(hidden)"


class VerifyKey:
    """A public Ed25519 key (32 raw bytes)."""

    __slots__ = ("_key", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    def verify(self, signature: bytes, data: bytes) -> bool:
        """True only where `signature` is this key's over exactly `data`."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True
