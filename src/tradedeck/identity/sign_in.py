"""Sign-in by password, with a second factor where one is enrolled.

Every failure is the same to whoever asks: unknown name, wrong password, waiting account. It is
recorded with its true reason; a name that is nobody's is not, because people type passwords there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Result, Who
from tradedeck.identity import challenges, factors, people, people_store
from tradedeck.identity.challenges import Purpose
from tradedeck.identity.sealing import Sealer
from tradedeck.identity.service import Visit, add_session
from tradedeck.identity.types import Issued, Kind, Method, Way
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import WriteSession

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """The password was right; one of these ways is needed too."""

    challenge: str
    ways: list[Way]


def refused() -> TradedeckError:
    """The one answer to every failed sign-in."""
    return TradedeckError(
        Code.UNAUTHENTICATED,
        "The name or the password was not valid.",
        hint="After five wrong ones in a row an account waits, up to 15 minutes; an admin, or "
        "`tradedeck user unlock` on the host, ends that.",
    )


def refused_code() -> TradedeckError:
    """The one answer to every second factor that was not right."""
    return TradedeckError(
        Code.FORBIDDEN,
        "The code was not valid: mistyped, used before, or the account waits.",
        hint="Take the next code of the app, or a recovery code.",
    )


def refused_passkey(*, at_sign_in: bool = False) -> TradedeckError:
    """The one answer to every passkey that did not fit."""
    return TradedeckError(
        Code.UNAUTHENTICATED if at_sign_in else Code.FORBIDDEN,
        "The passkey was not valid here.",
        hint="Begin again with a passkey that was added under this address.",
    )


def by_passkey(write: WriteSession, row: Row | None, *, visit: Visit, now_ns: int) -> Issued | None:
    """A session of the account whose passkey answered; None, recorded, where none did."""
    if row is None:
        record(write, None, "passkey not valid", visit, now_ns, how="passkey")
        return None
    write = write.of(str(row["tenant"]))
    people.proved(write, row, now_ns)
    return add_session(write, row, method=Method.PASSKEY, mfa=True, visit=visit, now_ns=now_ns)


def by_password(
    write: WriteSession,
    sealer: Sealer,
    *,
    tenant: str,
    name: str,
    verified: str | None,
    visit: Visit,
    now_ns: int,
) -> Issued | Asked | None:
    """Judge a password; None is a refusal, counted and recorded.

    Args:
        write: the caller commits it whatever the outcome.
        sealer: of the home.
        tenant: whose account it is.
        name: of the account.
        verified: the hash that the password was verified against, None where it did not fit.
        visit: of the session that may begin.
        now_ns: the time.
    """
    row = people_store.user_named(write, tenant, name)
    if row is None:
        record(write, None, "unknown name", visit, now_ns)
        return None
    write = write.of(tenant)
    why = _why_not(row, verified, now_ns)
    if why:
        if why == "wrong password":
            people.count_failure(write, row, now_ns)
        record(write, row, why, visit, now_ns)
        return None
    ways = people.enrolled(write, row)
    if ways:
        secret = challenges.ask(
            write, sealer, Purpose.SECOND, tenant=tenant, user=str(row["id"]), now_ns=now_ns
        )
        return Asked(secret, ways)
    people.proved(write, row, now_ns)
    return add_session(write, row, method=Method.PASSWORD, mfa=False, visit=visit, now_ns=now_ns)


def _why_not(row: Row, verified: str | None, now_ns: int) -> str:
    if row["disabled_at_ns"] is not None or row["kind"] != Kind.PERSON.value:
        return "disabled"
    if people.locked(row, now_ns):
        return "waiting after wrong ones"
    if verified is None or verified != row["password_hash"]:
        return "wrong password"
    return ""


def by_second(
    write: WriteSession,
    sealer: Sealer,
    *,
    challenge: str,
    way: Way,
    code: str,
    visit: Visit,
    now_ns: int,
) -> Issued | None:
    """Judge the second factor after a password; None is a refusal, counted and recorded.

    Raises:
        TradedeckError: UNAUTHENTICATED when the question is not open any more.
    """
    question = challenges.find(write, sealer, challenge, Purpose.SECOND, now_ns=now_ns)
    write = write.of(question.tenant)
    row = people_store.user(write, question.user)
    if row is None or not factors.prove(write, sealer, row, way, code, now_ns=now_ns):
        record(write, row, f"wrong {way}", visit, now_ns)
        return None
    challenges.close(write, question, now_ns=now_ns)
    people.proved(write, row, now_ns)
    return add_session(write, row, method=Method.PASSWORD, mfa=True, visit=visit, now_ns=now_ns)


def record(
    write: WriteSession,
    row: Row | None,
    why: str,
    visit: Visit,
    now_ns: int,
    *,
    how: str = "password",
) -> None:
    """Keep why somebody was not let in; None is a name that is nobody's."""
    name, role = ("anonymous", "") if row is None else (row["name"], row["role"])
    who = Who(str(name), str(role), "", visit.address)
    act = Act(Action.SIGN_IN, who, how, Result.REFUSED, Code.UNAUTHENTICATED.value, why)
    audit.append(write, act, now_ns=now_ns)
