"""Which account a provider's person is: linked by its owner, signed in by the provider's word.

No account is found by a name or an address of mail that a provider says: only by a link that its
owner made while signed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Who
from tradedeck.identity import people_store, sign_in
from tradedeck.identity.service import Visit, add_session
from tradedeck.identity.types import Issued, Kind, Method
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import WriteSession


def owner(row: Mapping[str, Any], visit: Visit) -> Who:
    """The person who began to link, in a session that the browser could not send along."""
    return Who(str(row["name"]), str(row["role"]), "", visit.address)


def link(
    write: WriteSession, row: Mapping[str, Any], subject: str, *, who: Who, now_ns: int
) -> None:
    """From now on the provider's word opens this account. CONFLICT where it opens another."""
    other = people_store.user_of_subject(write, str(row["tenant"]), subject)
    if other is not None and other["id"] != row["id"]:
        raise TradedeckError(Code.CONFLICT, "This sign-in belongs to another account.")
    people_store.change_user(write, row["id"], oidc_subject=subject)
    act = Act(Action.FACTOR_ADD, who, f"user/{row['name']}/oidc")
    audit.append(write, act, now_ns=now_ns)


def unlink(write: WriteSession, row: Mapping[str, Any], *, who: Who, now_ns: int) -> None:
    """The provider's word opens it no more. NOT_FOUND where it did not."""
    if row["oidc_subject"] is None:
        raise TradedeckError(Code.NOT_FOUND, "No provider's sign-in is linked.")
    people_store.change_user(write, row["id"], oidc_subject=None)
    act = Act(Action.FACTOR_REMOVE, who, f"user/{row['name']}/oidc")
    audit.append(write, act, now_ns=now_ns)


def open_session(
    write: WriteSession, tenant: str, subject: str, *, mfa: bool, visit: Visit, now_ns: int
) -> Issued | None:
    """A session of the account that is linked; None, recorded, where there is none to open."""
    row = people_store.user_of_subject(write, tenant, subject)
    if row is None or row["disabled_at_ns"] is not None or row["kind"] != Kind.PERSON.value:
        sign_in.record(write, row, "no account is linked", visit, now_ns, how="oidc")
        return None
    return add_session(write, row, method=Method.OIDC, mfa=mfa, visit=visit, now_ns=now_ns)
