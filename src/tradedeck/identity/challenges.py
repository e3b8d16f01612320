"""Questions that somebody has to come back to: a second factor, an enrolment, a passkey.

The secret is random and kept as its hash; what belongs to the question is sealed. A question is
answered once and lives five minutes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tradedeck.identity import people_store
from tradedeck.identity.sealing import Sealer
from tradedeck.identity.service import hashed, new_secret
from tradedeck.identity.tables_people import challenges
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.store.sessions import ReadSession, WriteSession

PREFIX: Final = "tdc_"
TTL_NS: Final = 5 * 60 * NS_PER_S


class Purpose(StrEnum):
    """What a question is about; an answer to another one does not fit."""

    SECOND = "second"
    TOTP = "totp"
    PASSKEY_ADD = "passkey-add"
    PASSKEY_USE = "passkey-use"
    OIDC = "oidc"


@dataclass(frozen=True, slots=True)
class Question:
    """One that is open. `user` is empty where anybody may answer it."""

    id: str
    tenant: str
    user: str
    data: Mapping[str, Any]


def ask(
    write: WriteSession,
    sealer: Sealer,
    purpose: Purpose,
    *,
    tenant: str,
    user: str = "",
    data: Mapping[str, Any] | None = None,
    now_ns: int,
) -> str:
    """The secret by which the answer names the question."""
    people_store.forget_challenges(write, now_ns)
    identifier, secret = new_id("chl", now_ns), new_secret(PREFIX)
    people_store.add(
        write,
        challenges,
        {
            "id": identifier,
            "tenant": tenant,
            "user": user,
            "purpose": purpose.value,
            "hash": hashed(secret),
            "data": sealer.seal(json.dumps(data or {}), identifier),
            "created_at_ns": now_ns,
            "expires_at_ns": now_ns + TTL_NS,
            "used_at_ns": None,
        },
    )
    return secret


def find(
    read: ReadSession, sealer: Sealer, secret: str, purpose: Purpose, *, now_ns: int
) -> Question:
    """The open question of that secret. UNAUTHENTICATED where there is none."""
    row = people_store.open_challenge(read, hashed(secret), purpose.value, now_ns)
    if row is None:
        raise expired()
    data = json.loads(sealer.open(str(row["data"]), str(row["id"])))
    return Question(str(row["id"]), str(row["tenant"]), str(row["user"]), data)


def close(write: WriteSession, question: Question, *, now_ns: int) -> None:
    """Answered: nobody answers it again. UNAUTHENTICATED where somebody did meanwhile."""
    if not people_store.use_challenge(write, question.id, now_ns):
        raise expired()


def expired() -> TradedeckError:
    """What an answer gets whose question is not open."""
    return TradedeckError(
        Code.UNAUTHENTICATED,
        "This took longer than five minutes, or it was answered already.",
        hint="Begin again.",
    )
