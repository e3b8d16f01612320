"""Acts of the host: a second application, served on a unix socket of mode 0600 alone.

Who can open the socket is the user that runs Tradedeck; that is the authentication.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from tradedeck.api import hostpeople, hosttenants, problems
from tradedeck.api.context import Context, Ctx
from tradedeck.api.routes.identity import issued_view, new_token
from tradedeck.api.wire import Instant, Wire
from tradedeck.api.wire_people import IssuedToken, NewToken, PersonName
from tradedeck.identity import service
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import format_ns
from tradedeck.store.scope import MAIN


class NewLink(Wire):
    """A sign-in link to be made. Without a name it is for the account called like the role."""

    name: PersonName | None = None
    role: Annotated[Role, Field(strict=False)] | None = None


class IssuedLink(BaseModel):
    """A link; `path` goes behind the address under which the cockpit is opened."""

    id: str
    token: str
    path: str
    expires_at: Instant


class IssuedCode(BaseModel):
    """A step-up code, to be typed where a dangerous act asks for it."""

    code: str
    expires_at: Instant


def create_host_app(context: Context) -> FastAPI:
    """The application behind `run/api.sock`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    problems.install(app)
    app.state.context = context

    def wanted(asked: HTTPConnection) -> Context:
        """The host acts for every tenant, for the first where it names none."""
        return context.of(asked.query_params.get("tenant", MAIN))

    app.state.outside = wanted

    @app.post("/host/sign-in-link", status_code=201)
    async def sign_in_link(body: NewLink, ctx: Ctx) -> IssuedLink:
        """A one-time link, valid for 15 minutes."""
        now = ctx.clock.now_ns()
        name = body.name or (body.role or Role.ADMIN).value
        issued = await ctx.store.write(
            lambda w: service.create_link(
                w, name=name, role=body.role, who=service.HOST, now_ns=now, tenant=ctx.tenant
            )
        )
        return IssuedLink(
            id=issued.id,
            token=issued.secret,
            path=f"/sign-in?token={issued.secret}",
            expires_at=format_ns(issued.expires_at_ns),
        )

    @app.post("/host/tokens", status_code=201)
    async def token(body: NewToken, ctx: Ctx) -> IssuedToken:
        """The first bearer token, and any other."""
        return issued_view(await new_token(ctx, body, None))

    hostpeople.install(app)
    hosttenants.install(app)

    @app.post("/host/step-up", status_code=201)
    async def step_up(ctx: Ctx) -> IssuedCode:
        """A one-time code that stands for presence on the host, valid for 10 minutes."""
        now = ctx.clock.now_ns()
        issued = await ctx.store.write(
            lambda w: service.create_step_up(w, who=service.HOST, now_ns=now)
        )
        return IssuedCode(code=issued.secret, expires_at=format_ns(issued.expires_at_ns))

    return app
