"""Who may do what: the one table. A route names a `Permission`; nothing else decides access."""

from __future__ import annotations

from enum import StrEnum

from tradedeck.identity.types import Role


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


_VIEWER = frozenset({Permission.READ, Permission.EXPORT, Permission.AUDIT_WITNESS})
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
_RISK = _OPERATOR | {Permission.CONFIG_LOOSEN, Permission.HALT_CLEAR, Permission.AUDIT_READ}
_ADMIN = _RISK | {Permission.TOKEN_MANAGE}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.RISK: _RISK,
    Role.ADMIN: _ADMIN,
}


def may(role: Role, permission: Permission) -> bool:
    """Whether `role` holds `permission`."""
    return permission in GRANTS[role]
