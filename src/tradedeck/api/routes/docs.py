"""The API's own documents."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from tradedeck.api import openapi
from tradedeck.api.access import requires
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, requires(Permission.READ)]


@router.get("/openapi.json")
async def openapi_document(request: Request, actor: Reader) -> Response:
    """The OpenAPI document."""
    return Response(orjson.dumps(openapi.document(request.app)), media_type="application/json")


@router.get("/docs")
async def docs(request: Request, actor: Reader) -> Response:
    """The same for people."""
    return Response(
        openapi.page(openapi.document(request.app)), media_type="text/html; charset=utf-8"
    )


@router.get("/docs.css")
async def docs_style(actor: Reader) -> Response:
    """Its style, because the policy forbids inline ones."""
    return Response(openapi.STYLE, media_type="text/css")
