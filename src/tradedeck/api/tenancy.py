"""The tenants of this api: a context for each, made at the start and when one is added."""

from __future__ import annotations

import asyncio

from tradedeck.api import snapshot
from tradedeck.api.context import Context
from tradedeck.api.library import Library
from tradedeck.desired import service as desired
from tradedeck.desired.document import Document, default_document
from tradedeck.identity import tenants
from tradedeck.identity.tenants import Tenant
from tradedeck.store.scope import MAIN, Door


def open_all(context: Context) -> None:
    """Make the first tenant where there is none, and a context for every other."""
    now = context.clock.now_ns()
    every = context.whole.beyond(Door.TENANTS)
    every.write_now(lambda w: tenants.ensure_first(w, now_ns=now))
    for tenant in every.read_now(tenants.every):
        if tenant.name == MAIN:
            context.membership = tenant
        else:
            open_one(context, tenant)


def open_one(context: Context, tenant: Tenant) -> Context:
    """The context of a tenant, with a document of its own; its strategies are those built in."""
    now = context.clock.now_ns()
    version = context.whole.of(tenant.name).write_now(
        lambda w: desired.ensure_first(w, _empty, now_ns=now)
    )
    made = context.beside(tenant.name, Library(), version)
    made.membership = tenant
    snapshot.install(made)
    return made


def _empty() -> Document:
    """What a tenant without a runner begins with."""
    return default_document().model_copy(update={"traders": [], "accounts": []})


async def open_late(context: Context, tenant: Tenant) -> None:
    """The same while the api serves."""
    await asyncio.to_thread(open_one, context, tenant)
