"""The cockpit's document for every page path, and its files. Not part of the API."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from tradedeck.api.access import requires
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.errors import Code, TradedeckError

router = APIRouter(include_in_schema=False)
NOT_PAGES = ("api/", "ws/", "assets/")  # a miss there is an error, not a page


@router.get("/sign-in")
async def sign_in_page(request: Request) -> Response:
    """The document, to anybody."""
    return _site(request).page_response()


@router.get("/assets/{name:path}")
async def asset(name: str, request: Request) -> Response:
    """Scripts, styles and fonts, to anybody: the sign-in page needs them."""
    return _file(request, f"assets/{name}")


@router.get("/boot.js")
@router.get("/favicon.ico")
@router.get("/icon.svg")
@router.get("/icon-192.png")
@router.get("/icon-512.png")
@router.get("/manifest.webmanifest")
async def sign_in_asset(request: Request) -> Response:
    """What the document itself names, to anybody: theme before paint, icons, manifest."""
    return _file(request, request.url.path[1:])


@router.get("/{path:path}")
async def page(
    path: str, request: Request, actor: Annotated[Actor, requires(Permission.READ)]
) -> Response:
    """A file at the root where there is one, else the document."""
    if path.startswith(NOT_PAGES):
        raise TradedeckError(Code.NOT_FOUND, "There is nothing at this address.")
    found = _site(request).file(path)
    if found is not None:
        return found
    if "." in path.rpartition("/")[2]:
        raise TradedeckError(Code.NOT_FOUND, "There is no such file.")
    return _site(request).page_response()


def _site(request: Request) -> Any:
    return request.app.state.site


def _file(request: Request, name: str) -> Response:
    found = _site(request).file(name)
    if found is None:
        raise TradedeckError(Code.NOT_FOUND, "There is no such file.")
    return found
