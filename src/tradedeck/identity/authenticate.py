"""From a credential to an actor, from memory where it was checked a moment ago.

Owns the cache of verified credentials: bounded, seconds old at most, and forgotten at once when
this process (the only one that can) ends a session or revokes a token.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import Table

from tradedeck.identity import store
from tradedeck.identity.service import SESSION_PREFIX, TOKEN_PREFIX, hashed
from tradedeck.identity.tables import sessions, tokens
from tradedeck.identity.types import Actor, Kind, Method, Role, Via, lower
from tradedeck.kernel.clock import NS_PER_S, Clock
from tradedeck.kernel.errors import TradedeckError
from tradedeck.store.database import ScopedStore

CACHE_MAX = 10_000
CACHE_TTL_NS = 5 * NS_PER_S  # streams and cached credentials end within 5 s, whatever happens
TOUCH_EVERY_NS = 60 * NS_PER_S  # finer use is kept in memory: a write per request buys nothing
SECRET_CHARS = 47  # prefix of 4 and 43 of base64: anything else is refused unread

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Entry:
    actor: Actor
    table: Table
    checked_ns: int
    seen_ns: int


class Authenticator:
    """Verifies session cookies and bearer tokens against the store."""

    def __init__(
        self, database: ScopedStore, clock: Clock, *, idle_ns: int, mfa_roles: frozenset[Role]
    ) -> None:
        self._store = database
        self._clock = clock
        self._idle_ns = idle_ns
        self._mfa_roles = mfa_roles
        self._cache: OrderedDict[str, _Entry] = OrderedDict()

    def cached(self, secret: str, address: str) -> Actor | None:
        """The actor, when memory knows; None says nothing about validity."""
        entry = self._cache.get(secret)
        if entry is None:
            return None
        now = self._clock.now_ns()
        if not self._fresh(entry, now):
            return None
        entry.seen_ns = now
        if entry.actor.address != address:
            entry.actor = replace(entry.actor, address=address)
        return entry.actor

    def _fresh(self, entry: _Entry, now: int) -> bool:
        if now - entry.checked_ns > CACHE_TTL_NS or now >= entry.actor.expires_at_ns:
            return False
        return entry.actor.via is not Via.SESSION or now - entry.seen_ns <= self._idle_ns

    async def verify(self, secret: str, via: Via, address: str) -> Actor | None:
        """The actor of a credential, or None when it is not valid (any more)."""
        prefix = SESSION_PREFIX if via is Via.SESSION else TOKEN_PREFIX
        if len(secret) != SECRET_CHARS or not secret.startswith(prefix):
            return None
        known = self.cached(secret, address)
        if known is not None:
            return known
        digest = hashed(secret)
        table = sessions if via is Via.SESSION else tokens
        query = store.session_by_hash if via is Via.SESSION else store.token_by_hash
        row = await self._store.read(lambda read: query(read, digest))
        old = self._cache.pop(secret, None)
        now = self._clock.now_ns()
        seen = 0 if row is None else max(row["seen_at_ns"] or 0, old.seen_ns if old else 0)
        if row is None or not self._valid(row, via, seen, now):
            return None
        actor = self._actor(row, via, address)
        self._cache[secret] = _Entry(actor, table, now, now)
        while len(self._cache) > CACHE_MAX:
            self._cache.popitem(last=False)
        if now - (row["seen_at_ns"] or 0) > TOUCH_EVERY_NS:
            await self._touch(table, actor.credential, now)
        return actor

    async def _touch(self, table: Table, identifier: str, now: int) -> None:
        try:
            await self._store.write(lambda write: store.touch(write, table, identifier, now))
        except TradedeckError as error:  # a full disk must not keep people from looking
            log.warning("credential use was not recorded", code=error.code, detail=error.detail)

    def _valid(self, row: Mapping[str, Any], via: Via, seen: int, now: int) -> bool:
        ended = row["ended_at_ns"] if via is Via.SESSION else row["revoked_at_ns"]
        if ended is not None or now >= row["expires_at_ns"]:
            return False
        if row["user"] and (row["user_name"] is None or row["user_disabled_at_ns"] is not None):
            return False
        return via is not Via.SESSION or now - seen <= self._idle_ns

    async def alive(self, actor: Actor) -> bool:
        """Whether the credential behind an open stream is still valid; asks the store."""
        if actor.via is Via.HOST:
            return True
        table = sessions if actor.via is Via.SESSION else tokens
        row = await self._store.read(lambda read: store.by_id(read, table, actor.credential))
        now = self._clock.now_ns()
        # An open stream is use: the page that shows it is in front of somebody.
        return row is not None and self._valid(row, actor.via, now, now)

    async def again(self, actor: Actor) -> Actor | None:
        """The same credential as the store has it now, or None when it ended."""
        table = sessions if actor.via is Via.SESSION else tokens
        row = await self._store.read(lambda read: store.by_id(read, table, actor.credential))
        now = self._clock.now_ns()
        if row is None or not self._valid(row, actor.via, now, now):
            return None
        return self._actor(row, actor.via, actor.address)

    def forget(self, credential: str) -> None:
        """Drop what memory knows of a session or token, by its public id."""
        for secret in [s for s, e in self._cache.items() if e.actor.credential == credential]:
            del self._cache[secret]

    def forget_user(self, user: str) -> None:
        """Drop what memory knows of every session and token of an account."""
        for secret in [s for s, e in self._cache.items() if e.actor.user == user]:
            del self._cache[secret]

    def _actor(self, row: Mapping[str, Any], via: Via, address: str) -> Actor:
        role, name = Role(row["role"]), row["actor"] if via is Via.SESSION else row["name"]
        if row["user"]:
            own = Role(row["user_role"])
            # A session is its account now; a token never has more than it was made with.
            role = own if via is Via.SESSION else lower(role, own)
            if via is Via.SESSION or row["user_kind"] == Kind.SERVICE.value:
                name = row["user_name"]
        is_session = via is Via.SESSION
        scope = None if is_session else row["permissions"]
        return Actor(
            str(name),
            role,
            via,
            str(row["id"]),
            address,
            int(row["expires_at_ns"]),
            tenant=str(row["tenant"]),
            user=str(row["user"]),
            mfa=is_session and bool(row["mfa"]),
            step_up_at_ns=int(row["step_up_at_ns"]) if is_session else 0,
            scope=None if scope is None else frozenset(json.loads(scope)),
            limited=is_session and self._lacks_mfa(row, role),
        )

    def _lacks_mfa(self, row: Mapping[str, Any], role: Role) -> bool:
        """A link of the host is enough until its account has a second factor."""
        if row["mfa"] or role not in self._mfa_roles:
            return False
        return row["method"] != Method.LINK.value or row["user_enrolled_at_ns"] is not None
