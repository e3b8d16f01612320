"""Whether a right takes one person or two: `solo` until a second person holds it, then `desk`.

Once desk, it stays so, also when the second person is disabled by the first; back to solo takes
both.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import select

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Who
from tradedeck.identity import people_store
from tradedeck.identity.permissions import GRANTS, Permission
from tradedeck.identity.tables_control import governance as table
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import ReadSession, WriteSession

RIGHTS: Final = (Permission.HALT_CLEAR, Permission.CONFIG_LOOSEN, Permission.PEOPLE_MANAGE)
NEEDED: Final = 2
WHO: Final = Who("tradedeck", "host", "governance")


class Profile(StrEnum):
    """How many it takes."""

    SOLO = "solo"
    DESK = "desk"


def profile(read: ReadSession, tenant: str, right: Permission) -> Profile:
    """As it was last set; `follow` sets it."""
    found = read.scalar(
        select(table.c.profile).where(table.c.tenant == tenant, table.c.right == right.value)
    )
    return Profile.SOLO if found is None else Profile(found)


def holders(read: ReadSession, tenant: str, right: Permission) -> int:
    """How many people could say the word."""
    roles = [role.value for role, grants in GRANTS.items() if right in grants]
    return people_store.enabled_with_role(read, tenant, roles)


def follow(write: WriteSession, tenant: str, *, now_ns: int) -> None:
    """Make it desk where a second person holds a right now, and one more than when it went solo."""
    for right in RIGHTS:
        found = holders(write, tenant, right)
        known = write.first(
            select(table).where(table.c.tenant == tenant, table.c.right == right.value)
        )
        before = 0 if known is None else known["holders"]
        is_desk = known is not None and known["profile"] == Profile.DESK
        if not is_desk and found >= NEEDED and found > before:
            _set(write, tenant, right, Profile.DESK, found, WHO, now_ns)


def is_desk(write: WriteSession, tenant: str, right: Permission, *, now_ns: int) -> bool:
    """Whether it takes two, people of this very moment counted."""
    follow(write, tenant, now_ns=now_ns)
    return profile(write, tenant, right) is Profile.DESK


def go_solo(write: WriteSession, tenant: str, right: Permission, *, who: Who, now_ns: int) -> None:
    """One person suffices again, until one more holds it. CONFLICT where it is so."""
    if profile(write, tenant, right) is Profile.SOLO:
        raise TradedeckError(Code.CONFLICT, f"{right} takes one person already.")
    _set(write, tenant, right, Profile.SOLO, holders(write, tenant, right), who, now_ns)


def _set(
    write: WriteSession,
    tenant: str,
    right: Permission,
    to: Profile,
    found: int,
    who: Who,
    now_ns: int,
) -> None:
    here = (table.c.tenant == tenant, table.c.right == right.value)
    write.execute(table.delete().where(*here))
    row = {"tenant": tenant, "right": right.value, "profile": to.value, "holders": found}
    write.execute(table.insert().values(row | {"since_ns": now_ns}))
    after = {"right": right.value, "profile": to.value, "holders": found}
    act = Act(Action.PROFILE_CHANGE, who, f"tenant/{tenant}", after=after)
    audit.append(write, act, now_ns=now_ns)
