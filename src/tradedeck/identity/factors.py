"""Second factors: enrolling them, removing them, and judging what somebody shows.

A wrong proof is counted on the account, and the caller's transaction has to commit that; so
nothing here raises for a wrong code, it says no.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Result, Who
from tradedeck.identity import people, people_store, store, totp
from tradedeck.identity.sealing import Sealer
from tradedeck.identity.service import STEP_UP_ALPHABET, hashed
from tradedeck.identity.tables_people import recovery_codes
from tradedeck.identity.types import Actor, Via, Way
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.store.sessions import WriteSession

RECOVERY_CODES: Final = 10
RECOVERY_GROUPS: Final = 4  # of four letters: 30^16 ≈ 2^78
Row = Mapping[str, Any]


def prove(
    write: WriteSession, sealer: Sealer, row: Row, way: Way, code: str, *, now_ns: int
) -> bool:
    """Whether `code` is right now, and never was used; a wrong one is counted."""
    if people.locked(row, now_ns) or row["disabled_at_ns"] is not None:
        return False
    fits = False
    if way is Way.TOTP and row["totp"] is not None:
        secret = sealer.open(str(row["totp"]), str(row["id"]))
        step = totp.step_of(secret, code, last_step=row["totp_step"], now_ns=now_ns)
        fits = step is not None and people_store.use_totp_step(write, row["id"], step)
    elif way is Way.RECOVERY:
        digest = _recovery_hash(str(row["id"]), code)
        fits = people_store.use_recovery(write, row["id"], digest, now_ns)
    if not fits:
        people.count_failure(write, row, now_ns)
    return fits


def stepped_up(write: WriteSession, actor: Actor, way: Way, *, now_ns: int) -> None:
    """Note in the session that a factor was shown just now."""
    store.step_up_session(write, actor.credential, now_ns)
    act = Act(Action.STEP_UP_USE, actor.who(), way.value)
    audit.append(write, act, now_ns=now_ns)


def refused_step_up(write: WriteSession, actor: Actor, way: Way, *, now_ns: int) -> None:
    """Record that a proof was wrong."""
    act = Act(
        Action.STEP_UP_USE,
        actor.who(),
        way.value,
        Result.REFUSED,
        Code.STEP_UP_REQUIRED.value,
        "the code was not valid",
    )
    audit.append(write, act, now_ns=now_ns)


def enrol_totp(
    write: WriteSession, sealer: Sealer, row: Row, secret: str, code: str, *, actor: Actor,
    now_ns: int,
) -> list[str]:  # fmt: skip
    """Take a TOTP secret whose code was typed back; the first factor brings recovery codes.

    Raises:
        TradedeckError: INVALID when the code is not the secret's.
    """
    step = totp.step_of(secret, code, last_step=0, now_ns=now_ns)
    if step is None:
        raise TradedeckError(
            Code.INVALID,
            "The code is not the one of this moment.",
            hint="Set the clocks of this host and of your device, and type the code shown now.",
        )
    sealed = sealer.seal(secret, str(row["id"]))
    people_store.change_user(write, row["id"], totp=sealed, totp_step=step)
    return enrolled(write, row, Way.TOTP, "totp", actor=actor, now_ns=now_ns)


def enrolled(
    write: WriteSession, row: Row, way: Way, what: str, *, actor: Actor, now_ns: int
) -> list[str]:
    """After a factor was added: this session has shown it. Recovery codes where there are none."""
    if row["enrolled_at_ns"] is None:
        people_store.change_user(write, row["id"], enrolled_at_ns=now_ns)
    if actor.via is Via.SESSION:
        store.step_up_session(write, actor.credential, now_ns)
    act = Act(Action.FACTOR_ADD, actor.who(), f"user/{row['name']}/{way}", after={"factor": what})
    audit.append(write, act, now_ns=now_ns)
    if people_store.recovery_left(write, row["id"]):
        return []
    return new_recovery(write, row, who=actor.who(), now_ns=now_ns)


def remove_totp(write: WriteSession, row: Row, *, last_stays: bool, who: Who, now_ns: int) -> None:
    """Forget the TOTP secret. NOT_FOUND where there is none; `last_stays`: not the last factor."""
    if row["totp"] is None:
        raise TradedeckError(Code.NOT_FOUND, "There is no authenticator app to remove.")
    if last_stays and not people_store.passkeys(write, row["id"]):
        raise last_factor(row)
    people_store.change_user(write, row["id"], totp=None)
    act = Act(Action.FACTOR_REMOVE, who, f"user/{row['name']}/totp")
    audit.append(write, act, now_ns=now_ns)


def last_factor(row: Row) -> TradedeckError:
    """REFUSED, for the removal of the one that the role needs."""
    return TradedeckError(
        Code.REFUSED,
        f"The role {row['role']} needs a second factor, and this is the last one.",
        hint="Enrol another one first.",
    )


def reset(write: WriteSession, row: Row, *, who: Who, now_ns: int) -> None:
    """Forget every second factor, as if there had been none; sessions of the account end."""
    people_store.change_user(write, row["id"], totp=None, enrolled_at_ns=None)
    people_store.drop_passkeys(write, row["id"])
    people_store.drop_recovery(write, row["id"])
    store.end_sessions_of(write, row["id"], now_ns)
    audit.append(write, Act(Action.FACTORS_RESET, who, f"user/{row['name']}"), now_ns=now_ns)


def new_recovery(write: WriteSession, row: Row, *, who: Who, now_ns: int) -> list[str]:
    """Ten codes that work once each; those from before stop working. Shown once."""
    people_store.drop_recovery(write, row["id"])
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    for code in codes:
        people_store.add(
            write,
            recovery_codes,
            {
                "id": new_id("rcv", now_ns),
                "tenant": row["tenant"],
                "user": row["id"],
                "hash": _recovery_hash(str(row["id"]), code),
                "created_at_ns": now_ns,
                "used_at_ns": None,
            },
        )
    act = Act(Action.FACTOR_ADD, who, f"user/{row['name']}/recovery")
    audit.append(write, act, now_ns=now_ns)
    return codes


def _recovery_code() -> str:
    letters = [secrets.choice(STEP_UP_ALPHABET) for _ in range(4 * RECOVERY_GROUPS)]
    return "-".join("".join(letters[i : i + 4]) for i in range(0, len(letters), 4))


def _recovery_hash(user: str, code: str) -> str:
    plain = "".join(c for c in code.lower() if c in STEP_UP_ALPHABET)
    return hashed(f"{user}:{plain}")
