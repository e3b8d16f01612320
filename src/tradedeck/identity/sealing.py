"""Small secrets that have to be read again (TOTP), sealed with a key of the home.

AES-256-GCM; what a secret belongs to is authenticated with it, so that one that was moved to
another row does not open.
"""

from __future__ import annotations

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tradedeck.kernel.errors import Code, TradedeckError

KEY_BYTES = 32
_NONCE_BYTES = 12


class Sealer:
    """Seals and opens with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str, belongs_to: str) -> str:
        """As it may be kept."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), belongs_to.encode())
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, sealed: str, belongs_to: str) -> str:
        """The secret. INVALID_DATA where it does not open."""
        try:
            data = base64.urlsafe_b64decode(sealed)
            return self._cipher.decrypt(
                data[:_NONCE_BYTES], data[_NONCE_BYTES:], belongs_to.encode()
            ).decode()
        except (InvalidTag, ValueError):
            raise TradedeckError(
                Code.INVALID_DATA,
                "A sealed secret in the store does not open with keys/people.key.",
                hint="Restore keys/people.key of the same backup as the store.",
            ) from None
