"""What a tenant's plan includes, and what stays possible while it is suspended: the one table."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from tradedeck.identity.permissions import Permission


class Plan(StrEnum):
    """Each includes what the one before it does. What it costs is nothing of ours."""

    FREE = "free"
    PRO = "pro"
    TEAM = "team"
    ENTERPRISE = "enterprise"


class Feature(StrEnum):
    """What a plan may include."""

    EXPORTS = "exports"
    PEOPLE = "several people"


INCLUDES: Final[dict[Plan, frozenset[Feature]]] = {
    Plan.FREE: frozenset(),
    Plan.PRO: frozenset({Feature.EXPORTS}),
    Plan.TEAM: frozenset({Feature.EXPORTS, Feature.PEOPLE}),
    Plan.ENTERPRISE: frozenset(Feature),
}
# A suspended tenant still looks, stops, cancels and closes.
SUSPENDED: Final = frozenset(
    {
        Permission.READ,
        Permission.SELF,
        Permission.AUDIT_READ,
        Permission.AUDIT_WITNESS,
        Permission.PEOPLE_READ,
        Permission.ALERT_ACKNOWLEDGE,
        Permission.ORDER_CONTROL,
        Permission.HALT_SET,
        Permission.KILL,
    }
)
