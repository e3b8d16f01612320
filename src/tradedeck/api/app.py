"""Puts the application together: routes, problems, pages, and `front` around all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp

from tradedeck.api import openapi, problems
from tradedeck.api.context import Context
from tradedeck.api.front import Front
from tradedeck.api.routes import (
    acts,
    alerts,
    approvals,
    audit,
    backtests,
    config,
    docs,
    events,
    guard,
    health,
    identity,
    insight,
    kills,
    logs,
    me,
    oidc,
    orders,
    pages,
    passkeys,
    people,
    sign_in,
    status,
    strategies,
    traders,
    traders_read,
)
from tradedeck.api.spa import Site

PREFIX = "/api/v1"
ROUTERS: tuple[APIRouter, ...] = (
    sign_in.router,
    identity.router,
    me.router,
    oidc.public,
    oidc.router,
    passkeys.public,
    passkeys.router,
    people.router,
    audit.router,
    config.router,
    config.looks,
    config.stopping,
    strategies.router,
    traders.router,
    traders.stopping,
    acts.router,
    acts.stopping,
    kills.router,
    guard.router,
    guard.stopping,
    approvals.router,
    approvals.stopping,
    docs.router,
    status.router,
    orders.router,
    alerts.router,
    events.router,
    insight.router,
    traders_read.router,
    logs.router,
    backtests.router,
)


def build() -> FastAPI:
    """The application without its parts: enough for its OpenAPI document."""
    app = FastAPI(
        title="Tradedeck", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    problems.install(app)
    app.include_router(health.router)
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    app.include_router(pages.router)

    def document() -> dict[str, Any]:
        return openapi.document(app)

    app.openapi = document  # what tools that know FastAPI ask
    return app


def _outside(context: Context) -> Callable[[HTTPConnection], Context]:
    """What somebody is given who has not signed in."""
    made = context.outside()
    return lambda _: made


def create_app(context: Context) -> ASGIApp:
    """The whole application around its parts."""
    app = build()
    site = Site()
    app.state.context = context
    app.state.outside = _outside(context)
    app.state.site = site
    return Front(
        app, context.authenticator, context.limits, sign_in_page=site.page, hot=context.hot
    )
