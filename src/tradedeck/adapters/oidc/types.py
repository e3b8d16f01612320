"""What one sign-in at a provider has to be answered with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """Kept, sealed, until the browser comes back; `verifier` is PKCE's."""

    nonce: str
    verifier: str
    redirect_uri: str
