"""A small OpenID Connect provider, run as a process: python provider.py NOW_S. It prints its port.

It signs in whoever asks, as `sub`, and checks what a provider checks: client, redirect address,
PKCE, a code once. `GET /lie?what=…&sub=…&amr=…` sets what the next ID tokens say wrongly.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT, SECRET = "desk", "provider's secret for desk"
NOW = 0
KEY, OTHER = (RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}) for _ in range(2))
ISSUER = ""
CODES: dict[str, dict[str, str]] = {}
SAYS: dict[str, str] = {"what": "", "sub": "248289761001", "amr": ""}


def token(asked: dict[str, str]) -> str:
    """An ID token, true but for what it was told to lie about."""
    what = SAYS["what"]
    claims: dict[str, Any] = {
        "iss": "https://other.test" if what == "iss" else ISSUER,
        "aud": "other" if what == "aud" else CLIENT,
        "sub": SAYS["sub"],
        "iat": NOW,
        "exp": NOW - 3600 if what == "exp" else NOW + 300,
        "nonce": "other" if what == "nonce" else asked["nonce"],
    }
    if what == "azp":
        claims["aud"] = [CLIENT, "other"]
    if SAYS["amr"]:
        claims["amr"] = SAYS["amr"].split()
    if what == "none":
        parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
        return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts) + "."
    if what == "hs256":  # signed with the public key as if it were a shared secret
        pem = OctKey.import_key(KEY.as_pem(private=False))
        return jwt.encode({"alg": "HS256", "kid": "1"}, claims, pem)
    key = OTHER if what == "key" else KEY
    return jwt.encode({"alg": "RS256", "kid": "1"}, claims, key)


class Handler(BaseHTTPRequestHandler):
    def say(self, status: int, value: Any, **headers: str) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json", **headers}.items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        if path == "/.well-known/openid-configuration":
            named = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            self.say(200, {"issuer": ISSUER} | {name: f"{ISSUER}/{name}" for name in named})
        elif path == "/jwks_uri":
            self.say(200, KeySet([KEY]).as_dict(private=False))
        elif path == "/lie":
            SAYS.update({"what": "", "amr": ""} | query)
            self.say(200, SAYS)
        elif path == "/authorization_endpoint":
            good = query["client_id"] == CLIENT and query["code_challenge_method"] == "S256"
            code = secrets.token_urlsafe(16)
            CODES[code] = query
            back = urlencode({"code": code, "state": query["state"]})
            self.say(302 if good else 400, {}, location=f"{query['redirect_uri']}?{back}")
        else:
            self.say(404, {})

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        form = dict(parse_qsl(self.rfile.read(length).decode()))
        asked = CODES.pop(form.get("code", ""), {})
        shown = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        given = base64.b64decode(self.headers.get("authorization", "").removeprefix("Basic "))
        good = (
            asked.get("code_challenge") == base64.urlsafe_b64encode(shown).rstrip(b"=").decode()
            and asked.get("redirect_uri") == form.get("redirect_uri")
            and given.decode() == f"{CLIENT}:{SECRET}"
        )
        self.say(
            *((200, {"id_token": token(asked)}) if good else (400, {"error": "invalid_grant"}))
        )

    def log_message(self, *_: Any) -> None:
        return


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ISSUER = f"http://127.0.0.1:{server.server_port}"
    NOW = int(sys.argv[1])
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
