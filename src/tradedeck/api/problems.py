"""Errors as problem details (RFC 9457): the one place where a code becomes an HTTP status.

An unknown exception answers INTERNAL and shows nothing inside.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.kernel.redaction import redact_text

MEDIA_TYPE = "application/problem+json"
FAULTS_MAX = 50  # a page of reasons; more help nobody
log = structlog.get_logger(__name__)

STATUS: dict[Code, int] = {
    Code.INVALID: 422,
    Code.INVALID_CONFIG: 422,
    Code.INVALID_DATA: 422,
    Code.INVALID_SETTING: 500,
    Code.SECRET_REFUSED: 422,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.STALE_VERSION: 412,
    Code.VERSION_REQUIRED: 428,
    Code.KEY_REQUIRED: 400,
    Code.KEY_REUSED: 422,
    Code.REFUSED: 409,
    Code.APPROVAL_REQUIRED: 403,
    Code.STEP_UP_REQUIRED: 403,
    Code.TOO_LARGE: 413,
    Code.TOO_MANY: 429,
    Code.UNAVAILABLE: 503,
    Code.TIMEOUT: 503,
    Code.CEILING: 409,
    Code.BAD_SIGNATURE: 400,
    Code.EXPIRED: 409,
    Code.REPLAYED: 409,
    Code.MISADDRESSED: 400,
    Code.CHAIN_BROKEN: 503,
    Code.STORAGE: 503,
    Code.STRATEGY: 422,
    Code.MISSING_DEPENDENCY: 503,
    Code.INTERNAL: 500,
}
TITLES: dict[int, str] = {
    400: "The request could not be understood",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not a method of this resource",
    409: "In conflict with the present state",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Not a media type of this resource",
    422: "Not valid",
    428: "A version is needed",
    429: "Too many requests",
    500: "Something failed here",
    503: "Not available now",
}
_BY_STATUS = {
    400: Code.INVALID,
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    405: Code.INVALID,
    409: Code.CONFLICT,
    412: Code.STALE_VERSION,
    413: Code.TOO_LARGE,
    415: Code.INVALID,
    422: Code.INVALID,
    428: Code.VERSION_REQUIRED,
    429: Code.TOO_MANY,
    503: Code.UNAVAILABLE,
}  # fmt: skip  one line per row would be fourteen


class ProblemFault(BaseModel):
    """One place where the input was wrong."""

    path: str
    reason: str


class Problem(BaseModel):
    """What every refusal and failure is answered with."""

    type: str = Field(examples=["about:blank"])
    title: str
    status: int
    code: Code
    detail: str
    hint: str | None = None
    errors: list[ProblemFault] | None = None
    ways: list[str] | None = Field(
        None, description="With STEP_UP_REQUIRED: how this person may step up."
    )


def body(
    status: int,
    code: Code,
    detail: str,
    *,
    hint: str = "",
    faults: Iterable[Fault] = (),
    ways: Iterable[str] = (),
) -> bytes:
    """The JSON of a problem, without secrets."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(status, "Refused"),
        "status": status,
        "code": code.value,
        "detail": _clean(redact_text(detail)),
    }
    if hint:
        content["hint"] = hint
    listed = [
        {"path": _clean(fault.path)[:200], "reason": _clean(redact_text(fault.reason))[:300]}
        for fault in faults
    ][:FAULTS_MAX]
    if listed:
        content["errors"] = listed
    known = list(ways)
    if known or code is Code.STEP_UP_REQUIRED:
        content["ways"] = known
    return orjson.dumps(content)


def _clean(text: str) -> str:
    """Without lone surrogates, which a request may spell and a response cannot."""
    return text.encode("utf-8", "replace").decode()


def respond(error: TradedeckError) -> Response:
    """The response to one of our own errors."""
    status = STATUS[error.code]
    return _response(
        status,
        body(
            status,
            error.code,
            error.detail,
            hint=error.hint,
            faults=error.faults,
            ways=error.ways,
        ),
        {"Retry-After": str(error.retry_s)} if error.retry_s else None,
    )


def _response(status: int, content: bytes, headers: dict[str, str] | None = None) -> Response:
    given = dict(headers or {})
    if status == 401:
        given["WWW-Authenticate"] = "Bearer"
    if status in (429, 503):
        given.setdefault("Retry-After", "1")
    return Response(content, status, headers=given, media_type=MEDIA_TYPE)


def _faults(error: RequestValidationError) -> list[Fault]:
    """Pydantic's report with dotted paths; the values themselves are not repeated."""
    found: list[Fault] = []
    for item in error.errors():
        place = [str(part) for part in cast("tuple[object, ...]", item["loc"])]
        where = place[1:] if place[:1] == ["body"] and len(place) > 1 else place
        found.append(Fault(".".join(where), str(item["msg"]).removeprefix("Value error, ")))
    return found


async def _ours(_: Request, error: Exception) -> Response:
    return respond(cast("TradedeckError", error))


async def _validation(_: Request, error: Exception) -> Response:
    faults = _faults(cast("RequestValidationError", error))
    detail = f"{faults[0].path}: {faults[0].reason}" if faults else "The request was not valid."
    return _response(422, body(422, Code.INVALID, detail, faults=faults))


async def _http(_: Request, error: Exception) -> Response:
    raised = cast("HTTPException", error)
    code = _BY_STATUS.get(raised.status_code, Code.INTERNAL)
    detail = {404: "There is nothing at this address."}.get(raised.status_code, raised.detail)
    return _response(
        raised.status_code, body(raised.status_code, code, detail), dict(raised.headers or {})
    )


async def _unknown(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, exc_info=error)
    detail = "The request failed for a reason that is in the log of the api."
    return _response(500, body(500, Code.INTERNAL, detail))


def install(app: FastAPI) -> None:
    """Answer every failure of `app` as a problem."""
    app.add_exception_handler(TradedeckError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unknown)
