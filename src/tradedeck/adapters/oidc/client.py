"""Speaks with an OpenID Connect provider: discovery, authorization code with PKCE, the ID token.

Owns what is verified of the provider's word (OpenID Connect Core 3.1.3.7, RFC 7636, RFC 9700):
issuer, audience, times, nonce, signature by a key of the provider. Never knows an account.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from tradedeck.adapters.oidc.types import Asked
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError

TIMEOUT_S: Final = 10.0
KEPT_NS: Final = 600 * NS_PER_S
LEEWAY_S: Final = 60
ANSWER_BYTES_MAX: Final = 256 * 1024
ALGORITHMS: Final = ["RS256", "PS256", "ES256", "EdDSA"]  # never a shared secret, never none
SCOPE: Final = "openid profile"
STRONG: Final = "mfa"  # of `amr` (RFC 8176): more than one factor was shown there


@dataclass(frozen=True, slots=True)
class Person:
    """Who the provider says it is: `subject` is stable for ever, within its issuer."""

    subject: str
    mfa: bool


class Provider:
    """One provider, by its issuer."""

    def __init__(self, issuer: str, client_id: str, client_secret: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._secret = client_secret
        self._known: tuple[int, dict[str, Any], KeySet] | None = None

    async def address(self, asked: Asked, state: str, *, now_ns: int) -> str:
        """Where the browser is sent; the answer is held against `asked`. UNAVAILABLE."""
        told, _ = await self._discovered(now_ns)
        hashed = hashlib.sha256(asked.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": asked.redirect_uri,
            "scope": SCOPE,
            "state": state,
            "nonce": asked.nonce,
            "code_challenge": base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{told['authorization_endpoint']}?{urlencode(query)}"

    async def finish(self, code: str, asked: Asked, *, now_ns: int) -> Person:
        """Exchange the code and verify the ID token.

        Raises:
            TradedeckError: UNAUTHENTICATED with what was wrong; UNAVAILABLE without an answer.
        """
        told, keys = await self._discovered(now_ns)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asked.redirect_uri,
            "client_id": self._client_id,
            "code_verifier": asked.verifier,
        }
        answer = await self._ask(told["token_endpoint"], form)
        claims = self._claims(str(answer.get("id_token", "")), keys, now_ns)
        if not secrets.compare_digest(str(claims.get("nonce", "")), asked.nonce):
            raise _wrong("its answer was to another sign-in")
        amr = claims.get("amr")
        is_strong = isinstance(amr, list) and STRONG in cast("list[Any]", amr)
        return Person(f"{self._issuer}|{claims['sub']}", is_strong)

    def _claims(self, token: str, keys: KeySet, now_ns: int) -> dict[str, Any]:
        registry = JWTClaimsRegistry(
            now=now_ns // NS_PER_S,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError) as error:
            raise _wrong(f"its word does not hold ({type(error).__name__})") from error
        audience = claims["aud"]
        if isinstance(audience, list) and claims.get("azp") != self._client_id:
            raise _wrong("its word is for several, and not for this program")
        return claims

    async def _discovered(self, now_ns: int) -> tuple[dict[str, Any], KeySet]:
        if self._known is not None and now_ns - self._known[0] < KEPT_NS:
            return self._known[1], self._known[2]
        told = await self._ask(f"{self._issuer}/.well-known/openid-configuration")
        if str(told.get("issuer", "")).rstrip("/") != self._issuer:
            raise _wrong("it calls itself otherwise than TRADEDECK_OIDC_ISSUER")
        try:
            keys = KeySet.import_key_set(cast("Any", await self._ask(str(told["jwks_uri"]))))
            found = {key: str(told[key]) for key in ("authorization_endpoint", "token_endpoint")}
        except (KeyError, JoseError, ValueError) as error:
            raise _wrong("what it says about itself is not complete") from error
        self._known = (now_ns, found, keys)
        return found, keys

    async def _ask(self, address: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        """One request to the provider; a form is posted with our own credentials."""
        auth = httpx.BasicAuth(self._client_id, self._secret) if form and self._secret else None
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
                method = "GET" if form is None else "POST"
                async with client.stream(method, address, data=form, auth=auth) as response:
                    data = await _bounded(response)
                    value: Any = httpx.Response(200, content=data).json()
        except httpx.HTTPError as error:
            raise TradedeckError(
                Code.UNAVAILABLE, "The provider of the sign-in does not answer."
            ) from error
        except ValueError as error:
            raise _wrong("its answer was no JSON") from error
        if response.status_code != 200 or not isinstance(value, dict):
            raise _wrong(f"it answered {response.status_code}")
        return cast("dict[str, Any]", value)


async def _bounded(response: httpx.Response) -> bytes:
    data = b""
    async for piece in response.aiter_bytes():
        data += piece
        if len(data) > ANSWER_BYTES_MAX:
            raise _wrong("its answer was too large")
    return data


def _wrong(what: str) -> TradedeckError:
    return TradedeckError(
        Code.UNAUTHENTICATED, f"The provider's sign-in was refused: {what}.", hint="Begin again."
    )
