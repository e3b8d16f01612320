"""The OpenAPI document: every refusal declared, and the page that shows it without a CDN."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from tradedeck.api.front import SAFE, is_public
from tradedeck.api.idempotency import DEMANDED, HEADER, ControlRoute
from tradedeck.api.problems import MEDIA_TYPE, TITLES, Problem

_ALWAYS = (400, 401, 403, 404, 429, 503)
_ON_CHANGE = (409, 412, 413, 428)
_REF = {"$ref": "#/components/schemas/Problem"}


def document(app: FastAPI) -> dict[str, Any]:
    """The document of `app`, computed once."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    made = get_openapi(
        title="Tradedeck",
        version="1",
        description="The control plane for live algorithmic trading. Money is text. Errors are "
        "problem details with a closed `code`.",
        routes=app.routes,
    )
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {})
    schemas["Problem"] = problem
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    components["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "tradedeck_session"},
        "token": {"type": "http", "scheme": "bearer"},
    }
    for found in iter_route_contexts(app.routes):
        if isinstance(found.original_route, ControlRoute) and found.path is not None:
            _keyed(found.original_route, found.path, made["paths"])
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _declare(path, method.upper(), operation)
    app.openapi_schema = made
    return made


def _keyed(route: ControlRoute, path: str, operations: dict[str, Any]) -> None:
    """The header of its acts."""
    for method in set(route.methods or ()) - SAFE:
        if is_public(method, path):
            continue
        key = {
            "name": HEADER,
            "in": "header",
            "required": method in DEMANDED and not route.stops,
            "description": "A new word with each act, the same one when it is repeated: the first "
            "answer is then replayed.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        }
        operations[path][method.lower()].setdefault("parameters", []).append(key)


def _declare(path: str, method: str, operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    takes_input = "422" in responses or "requestBody" in operation
    responses.pop("422", None)
    public = is_public(method, path)
    if public and not path.startswith("/api/"):  # the probe
        operation["security"] = []
        return
    statuses = [*_ALWAYS, *(_ON_CHANGE if method not in {"GET", "HEAD"} else ())]
    if takes_input or operation.get("parameters"):
        statuses.append(422)
    for status in sorted(statuses):
        responses.setdefault(
            str(status),
            {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": _REF}}},
        )
    operation["security"] = [] if public else [{"session": []}, {"token": []}]
    operation["responses"] = dict(sorted(responses.items()))


def page(made: dict[str, Any]) -> bytes:
    """A plain, readable page of the document: no script, nothing from elsewhere."""
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>Tradedeck API</title>",
        '<link rel=stylesheet href="/api/v1/docs.css"></head><body>',
        f"<h1>Tradedeck API</h1><p>{escape(made['info']['description'])} ",
        'Machine-readable: <a href="/api/v1/openapi.json">openapi.json</a>.</p>',
    ]
    for path, operations in sorted(made["paths"].items()):
        for method, operation in operations.items():
            parts.append(_operation(path, method, operation))
    parts.append("</body></html>")
    return "".join(parts).encode()


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(item['name'])}</code></td><td>{escape(item['in'])}</td>"
        f"<td>{'required' if item.get('required') else ''}</td></tr>"
        for item in operation.get("parameters", [])
    )
    answers = ", ".join(escape(status) for status in operation["responses"])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    named = escape(str(body.get("schema", {}).get("$ref", "")).rpartition("/")[2])
    return (
        f"<section><h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        + (f"<table>{rows}</table>" if rows else "")
        + (f"<p>Body: <code>{named}</code></p>" if named else "")
        + f"<p>Answers: {answers}</p></section>"
    )


STYLE = (
    b"body{font:14px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    b"section{border-top:1px solid #8884;padding:.5rem 0}h2{font-size:1rem}td{padding-right:1rem}"
    b"@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}"
)
