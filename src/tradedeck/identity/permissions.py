"""Who may do what: the one table. A route names a `Permission`; nothing else decides access."""

from __future__ import annotations

from enum import StrEnum

from tradedeck.identity.types import Actor, Role


class Permission(StrEnum):
    """What a route can ask for."""

    READ = "read"
    EXPORT = "export"
    ALERT_ACKNOWLEDGE = "alert.acknowledge"
    TRADER_CONTROL = "trader.control"
    ORDER_CONTROL = "order.control"
    HALT_SET = "halt.set"
    KILL = "kill"
    FEED_CONTROL = "feed.control"
    JOB_RUN = "job.run"
    CONFIG_WRITE = "config.write"
    CONFIG_LOOSEN = "config.loosen"
    HALT_CLEAR = "halt.clear"
    AUDIT_READ = "audit.read"
    AUDIT_WITNESS = "audit.witness"  # hashes and signatures of the audit log, none of its records
    TOKEN_MANAGE = "token.manage"  # noqa: S105 - the name of a permission
    PEOPLE_READ = "people.read"
    PEOPLE_MANAGE = "people.manage"
    APPROVAL_DECIDE = "approval.decide"
    SELF = "self"  # one's own profile, factors and sessions


_VIEWER = frozenset({Permission.READ, Permission.EXPORT, Permission.AUDIT_WITNESS, Permission.SELF})
_OPERATOR = _VIEWER | {
    Permission.ALERT_ACKNOWLEDGE,
    Permission.TRADER_CONTROL,
    Permission.ORDER_CONTROL,
    Permission.HALT_SET,
    Permission.KILL,
    Permission.FEED_CONTROL,
    Permission.JOB_RUN,
    Permission.CONFIG_WRITE,
}
_RISK = _OPERATOR | {
    Permission.CONFIG_LOOSEN,
    Permission.HALT_CLEAR,
    Permission.AUDIT_READ,
    Permission.PEOPLE_READ,
    Permission.APPROVAL_DECIDE,
}
_ADMIN = _RISK | {Permission.TOKEN_MANAGE, Permission.PEOPLE_MANAGE}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.RISK: _RISK,
    Role.ADMIN: _ADMIN,
}


# What never waits for a second factor: looking, stopping, and getting one.
WITHOUT_MFA: frozenset[Permission] = frozenset(
    {
        Permission.READ,
        Permission.SELF,
        Permission.ALERT_ACKNOWLEDGE,
        Permission.HALT_SET,
        Permission.KILL,
        Permission.ORDER_CONTROL,
        Permission.TRADER_CONTROL,
    }
)


def may(role: Role, permission: Permission) -> bool:
    """Whether `role` holds `permission`."""
    return permission in GRANTS[role]


def holds(actor: Actor, permission: Permission) -> bool:
    """Whether `actor` may: by role, by the scope of the token, by the proof of the session."""
    if not may(actor.role, permission):
        return False
    if actor.scope is not None and permission.value not in actor.scope:
        return False
    return not actor.limited or permission in WITHOUT_MFA


def permissions_of(actor: Actor) -> list[Permission]:
    """All that `actor` holds now, sorted."""
    return sorted(p for p in GRANTS[actor.role] if holds(actor, p))
