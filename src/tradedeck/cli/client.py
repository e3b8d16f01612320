"""The api as the command line speaks to it: one request, one typed refusal.

A remote api takes TRADEDECK_URL and TRADEDECK_TOKEN. For the user of this host a token of the
role that the command needs, and no more, is asked for over the socket in the home and kept in
keys/cli.json (0600). Whoever signed in with `tradedeck login` acts in their own name; on the host
a session that ended does not keep anybody from acting as the host.
"""

from __future__ import annotations

import getpass
import os
import secrets
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, cast

import orjson

from tradedeck.cli import home, signedin
from tradedeck.cli.output import fields
from tradedeck.kernel.clock import NS_PER_S, parse_ns
from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.ops.files import read_json, write_json
from tradedeck.ops.hostact import call

if TYPE_CHECKING:
    import httpx

PREFIX = "/api/v1"
COOKIE = "tradedeck_session"
TIMEOUT_S = 15.0
TOKEN_DAYS = 1
TOKEN_SPARE_S = 60


def get(path: str, *, role: str = "viewer", **query: Any) -> Any:
    """GET; the JSON answer."""
    return ask("GET", path, role=role, query=query)[0]


def post(path: str, body: Any = None, *, role: str = "operator") -> Any:
    """POST; the JSON answer."""
    return ask("POST", path, role=role, body={} if body is None else body)[0]


def ask(
    method: str,
    path: str,
    *,
    role: str,
    query: dict[str, Any] | None = None,
    body: Any = None,
    headers: dict[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[Any, dict[str, str]]:
    """One request; the JSON answer and the headers. Raises `TradedeckError`."""
    if isinstance(body, dict):  # what was not said is left out
        body = {name: value for name, value in fields(body).items() if value is not None}
    with _send(
        method, path, role=role, query=query, body=body, headers=headers, timeout_s=timeout_s
    ) as response:
        data = response.read()
        value = orjson.loads(data) if data and "json" in _media(response) else None
        return value, dict(response.headers)


def download(
    path: str, *, role: str = "viewer", timeout_s: float = TIMEOUT_S, **query: Any
) -> bytes:
    """GET of a file."""
    with _send("GET", path, role=role, query=query, timeout_s=timeout_s) as response:
        return response.read()


def events(path: str, *, role: str = "viewer", **query: Any) -> Iterator[Any]:
    """A server-sent stream, event by event, until it ends."""
    with _send("GET", path, role=role, query=query, stream=True) as response:
        for line in response.iter_lines():
            if line.startswith("data:"):
                yield orjson.loads(line[5:])


def url() -> str:
    """Where the api of this home, or the one named in the environment, answers."""
    named = os.environ.get("TRADEDECK_URL", "")
    if named:
        return named.rstrip("/")
    where = read_json(home.find() / "run" / "api.json")
    if where is None:
        raise _unreachable(f"Tradedeck is not running on the home {home.find()}.")
    return str(where["url"])


@contextmanager
def _send(
    method: str,
    path: str,
    *,
    role: str,
    query: dict[str, Any] | None = None,
    body: Any = None,
    headers: dict[str, str] | None = None,
    stream: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> Generator[httpx.Response]:
    import httpx

    known = {name: value for name, value in (query or {}).items() if value is not None}
    base = url()
    timeout = httpx.Timeout(TIMEOUT_S, read=None if stream else timeout_s)
    try:
        # Without TLS there is nothing to verify, and loading the certificates takes 0.1 s.
        secure = base.startswith("https:")
        with httpx.Client(base_url=base, timeout=timeout, trust_env=False, verify=secure) as client:
            for fresh in (False, True):
                request = client.build_request(
                    method,
                    PREFIX + path,
                    params=known,
                    content=None if body is None else orjson.dumps(body),
                    headers={
                        "authorization": f"Bearer {_token(role, fresh=fresh)}",
                        "x-tradedeck-request": "1",
                        **_of_body(method, body),
                        **(headers or {}),
                    },
                )
                response = client.send(request, stream=True)
                if response.status_code == 401 and not fresh and not _remote():
                    response.close()
                    signedin.forget(base)
                    continue
                if response.status_code >= 400:
                    response.read()
                    raise _problem(response)
                try:
                    yield response
                finally:
                    response.close()
                return
    except httpx.TimeoutException as error:
        raise TradedeckError(
            Code.TIMEOUT, f"The api at {base} did not answer within {timeout_s:g} s."
        ) from error
    except httpx.TransportError as error:
        raise _unreachable(f"The api at {base} cannot be reached.") from error


def _of_body(method: str, body: Any) -> dict[str, str]:
    """One key per act: when the answer is lost on the way, the act is not done twice."""
    named = {} if body is None else {"content-type": "application/json"}
    return named | ({} if method == "GET" else {"idempotency-key": secrets.token_hex(16)})


def sign_in(path: str, body: dict[str, str]) -> tuple[dict[str, Any], str]:
    """POST without a credential; the JSON answer, and the session of its cookie (or nothing)."""
    import httpx

    base = url()
    try:
        with httpx.Client(base_url=base, timeout=TIMEOUT_S, trust_env=False) as client:
            response = client.post(PREFIX + path, json=body)
    except httpx.TransportError as error:
        raise _unreachable(f"The api at {base} cannot be reached.") from error
    if response.status_code >= 400:
        raise _problem(response)
    found = SimpleCookie(response.headers.get("set-cookie", ""))
    secret = found[COOKIE].value if COOKIE in found else ""
    return fields(orjson.loads(response.content)), secret


def _remote() -> bool:
    return bool(os.environ.get("TRADEDECK_TOKEN") or os.environ.get("TRADEDECK_URL"))


def _token(role: str, *, fresh: bool) -> str:
    given = os.environ.get("TRADEDECK_TOKEN", "")
    if given:
        return given
    session = None if fresh else signedin.secret(url())
    if session is not None:
        return session
    if os.environ.get("TRADEDECK_URL"):
        raise TradedeckError(
            Code.UNAUTHENTICATED,
            "TRADEDECK_URL is set, TRADEDECK_TOKEN is not, and nobody is signed in.",
            hint="Sign in with `tradedeck login`, or make a token on that host with "
            "`tradedeck token create --role viewer`.",
        )
    path = home.find() / "keys" / "cli.json"
    kept = cast("dict[str, Any]", read_json(path) or {})
    known = kept.get(role)
    if known and not fresh and parse_ns(known["expires_at"]) > _soon_ns():
        return str(known["token"])
    body = {"name": f"command line of {getpass.getuser()}", "role": role, "days": TOKEN_DAYS}
    issued = call(home.find(), "/host/tokens", body)
    write_json(path, kept | {role: {k: issued[k] for k in ("id", "token", "expires_at")}})
    return str(issued["token"])


def _soon_ns() -> int:
    return time.time_ns() + TOKEN_SPARE_S * NS_PER_S


def _media(response: httpx.Response) -> str:
    return response.headers.get("content-type", "")


def _problem(response: httpx.Response) -> TradedeckError:
    try:
        problem = cast("dict[str, Any]", orjson.loads(response.content))
        code = Code(problem["code"])
        detail = str(problem["detail"])
    except (orjson.JSONDecodeError, KeyError, ValueError, TypeError):
        return TradedeckError(
            Code.NOT_FOUND if response.status_code == 404 else Code.INTERNAL,
            f"The api answered {response.status_code} without saying why.",
            hint="Compare the versions of command and server: `tradedeck --version`.",
        )
    faults = tuple(Fault(str(e["path"]), str(e["reason"])) for e in problem.get("errors") or ())
    return TradedeckError(code, detail, hint=str(problem.get("hint") or ""), faults=faults)


def _unreachable(detail: str) -> TradedeckError:
    return TradedeckError(
        Code.UNAVAILABLE, detail, hint="Start it with `tradedeck up`, or set TRADEDECK_URL."
    )
