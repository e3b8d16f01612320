"""Accounts: made, changed, disabled; and how wrong proofs lock them.

Each act is audited in its own transaction. What an account can do is its role's, and its open
sessions follow at once (`authenticate` reads the role with the session).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Who
from tradedeck.identity import governance, people_store, store
from tradedeck.identity.tables_people import users
from tradedeck.identity.types import Kind, Role, Way
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.store.sessions import ReadSession, WriteSession

NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,39}$")
FREE_FAILURES: Final = 4  # typing errors cost no waiting
LOCKED_AT: Final = 100  # 800-63B-4: no more wrong proofs in a row than this
DELAY_MAX_S: Final = 15 * 60
FOR_EVER_NS: Final = 2**62
Row = Mapping[str, Any]


def delay_ns(failed: int) -> int:
    """How long an account waits after `failed` wrong proofs in a row, in ns."""
    if failed <= FREE_FAILURES:
        return 0
    if failed >= LOCKED_AT:
        return FOR_EVER_NS
    return min(2 ** (failed - FREE_FAILURES), DELAY_MAX_S) * NS_PER_S


def create(
    write: WriteSession,
    *,
    tenant: str,
    name: str,
    role: Role,
    who: Who,
    now_ns: int,
    kind: Kind = Kind.PERSON,
    display_name: str = "",
    password_hash: str | None = None,
) -> Row:
    """A new account.

    Raises:
        TradedeckError: INVALID for a name that is none; CONFLICT where it is taken.
    """
    if NAME.fullmatch(name) is None:
        raise bad_name(name)
    if people_store.user_named(write, tenant, name) is not None:
        raise TradedeckError(Code.CONFLICT, f"There is an account {name} already.")
    row = {
        "id": new_id("usr", now_ns),
        "tenant": tenant,
        "kind": kind.value,
        "name": name,
        "display_name": display_name or name,
        "role": role.value,
        "password_hash": password_hash,
        "totp": None,
        "totp_step": 0,
        "failed": 0,
        "locked_until_ns": 0,
        "disabled_at_ns": None,
        "enrolled_at_ns": None,
        "seen_at_ns": None,
        "oidc_subject": None,
        "created_at_ns": now_ns,
        "created_by": who.actor,
    }
    people_store.add(write, users, row)
    after = {"name": name, "role": role.value, "kind": kind.value}
    audit.append(write, Act(Action.USER_CREATE, who, f"user/{name}", after=after), now_ns=now_ns)
    governance.follow(write, tenant, now_ns=now_ns)
    return row


def bad_name(name: str) -> TradedeckError:
    """INVALID, for what cannot name an account."""
    return TradedeckError(
        Code.INVALID,
        f"{name[:60]!r} is not a name: lower case letters, digits, dot, dash, at most 40.",
    )


def wanted(read: ReadSession, identifier: str, tenant: str) -> Row:
    """The account of that id in `tenant`. NOT_FOUND also where it is another's."""
    row = people_store.user(read, identifier)
    if row is None or row["tenant"] != tenant:
        raise TradedeckError(Code.NOT_FOUND, f"There is no account {identifier}.")
    return row


def wanted_named(read: ReadSession, name: str, tenant: str) -> Row:
    """The account of that name in `tenant`. NOT_FOUND."""
    row = people_store.user_named(read, tenant, name)
    if row is None:
        raise TradedeckError(
            Code.NOT_FOUND,
            f"There is no account {name}.",
            hint="`tradedeck user list` shows them all.",
        )
    return row


def set_role(write: WriteSession, row: Row, role: Role, *, who: Who, now_ns: int) -> None:
    """Give an account another role; its sessions have it at once."""
    if row["role"] == role.value:
        return
    if role is not Role.ADMIN:
        _keep_one_admin(write, row)
    people_store.change_user(write, row["id"], role=role.value)
    act = Act(
        Action.USER_ROLE, who, f"user/{row['name']}",
        before={"role": row["role"]}, after={"role": role.value},
    )  # fmt: skip
    audit.append(write, act, now_ns=now_ns)
    governance.follow(write, row["tenant"], now_ns=now_ns)


def disable(write: WriteSession, row: Row, *, who: Who, now_ns: int) -> None:
    """Nobody signs in as it any more; its sessions and tokens end."""
    if row["disabled_at_ns"] is not None:
        return
    _keep_one_admin(write, row)
    people_store.change_user(write, row["id"], disabled_at_ns=now_ns)
    store.end_sessions_of(write, row["id"], now_ns)
    store.revoke_tokens_of(write, row["id"], now_ns)
    act = Act(Action.USER_DISABLE, who, f"user/{row['name']}")
    audit.append(write, act, now_ns=now_ns)


def enable(write: WriteSession, row: Row, *, who: Who, now_ns: int) -> None:
    """It may sign in again."""
    if row["disabled_at_ns"] is None:
        return
    people_store.change_user(write, row["id"], disabled_at_ns=None)
    audit.append(write, Act(Action.USER_ENABLE, who, f"user/{row['name']}"), now_ns=now_ns)
    governance.follow(write, row["tenant"], now_ns=now_ns)


def rename(write: WriteSession, row: Row, display_name: str, *, who: Who, now_ns: int) -> None:
    """Change how an account is called on pages; its name in records stays."""
    people_store.change_user(write, row["id"], display_name=display_name)
    act = Act(
        Action.USER_CHANGE, who, f"user/{row['name']}",
        before={"display_name": row["display_name"]}, after={"display_name": display_name},
    )  # fmt: skip
    audit.append(write, act, now_ns=now_ns)


def set_password(
    write: WriteSession, row: Row, password_hash: str, *, keep: str, who: Who, now_ns: int
) -> None:
    """A new password; every session of the account but `keep` ends."""
    people_store.change_user(
        write, row["id"], password_hash=password_hash, failed=0, locked_until_ns=0
    )
    store.end_sessions_of(write, row["id"], now_ns, but=keep)
    audit.append(write, Act(Action.PASSWORD_SET, who, f"user/{row['name']}"), now_ns=now_ns)


def unlock(write: WriteSession, row: Row, *, who: Who, now_ns: int) -> None:
    """Forget its wrong proofs."""
    people_store.change_user(write, row["id"], failed=0, locked_until_ns=0)
    before = {"failed": row["failed"]}
    act = Act(Action.USER_UNLOCK, who, f"user/{row['name']}", before=before)
    audit.append(write, act, now_ns=now_ns)


def _keep_one_admin(write: WriteSession, row: Row) -> None:
    is_admin = row["role"] == Role.ADMIN.value and row["kind"] == Kind.PERSON.value
    counts = is_admin and row["disabled_at_ns"] is None
    if counts and people_store.enabled_with_role(write, row["tenant"], [Role.ADMIN.value]) < 2:
        raise TradedeckError(
            Code.REFUSED,
            f"{row['name']} is the last admin.",
            hint="Make somebody else admin first.",
        )


def locked(row: Row, now_ns: int) -> bool:
    """Whether wrong proofs keep the account waiting."""
    return now_ns < row["locked_until_ns"]


def count_failure(write: WriteSession, row: Row, now_ns: int) -> None:
    """One more wrong proof; from the fifth on each makes the account wait longer."""
    failed = row["failed"] + 1
    until = min(now_ns + delay_ns(failed), FOR_EVER_NS)
    people_store.change_user(write, row["id"], failed=failed, locked_until_ns=until)
    if failed == LOCKED_AT:
        who = Who(row["name"], row["role"])
        audit.append(write, Act(Action.USER_LOCK, who, f"user/{row['name']}"), now_ns=now_ns)


def proved(write: WriteSession, row: Row, now_ns: int) -> None:
    """A whole sign-in or step-up succeeded: wrong proofs before it are forgotten."""
    people_store.change_user(write, row["id"], failed=0, locked_until_ns=0, seen_at_ns=now_ns)


def enrolled(read: ReadSession, row: Row) -> list[Way]:
    """The second factors of an account that can be used now."""
    found: list[Way] = []
    if people_store.passkeys(read, row["id"]):
        found.append(Way.PASSKEY)
    if row["totp"] is not None:
        found.append(Way.TOTP)
    if found and people_store.recovery_left(read, row["id"]):
        found.append(Way.RECOVERY)
    return found
