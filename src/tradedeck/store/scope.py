"""Whose rows a session sees: those of one tenant, or through a named door some tables of all.

A table that has a column `tenant` is a tenant's. A table says which doors reach it
(`reached_by`); what no door reaches is seen one tenant at a time, by everybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

TENANT: Final = "tenant"
MAIN: Final = "main"  # the first tenant: what a home had before there were several
NAME: Final = re.compile(r"^[a-z0-9][a-z0-9._-]{0,39}$")
_DOORS: Final = "doors"


class Door(StrEnum):
    """Work on the rows of every tenant. Closed: each has its reason."""

    AUDIT = "audit"  # one chain and one tree for all
    DESIRED = "desired"  # which tenants have acts whose time has come
    IDENTITY = "identity"  # whose a credential is is found by the credential
    CONTROL = "control"  # requests and rates are counted before anybody is known
    JOBS = "jobs"  # workers serve all
    TENANTS = "tenants"  # the tenants themselves


@dataclass(frozen=True, slots=True)
class Scope:
    """One of the two is set."""

    tenant: str = ""
    door: Door | None = None

    def __post_init__(self) -> None:
        if (self.door is None) != (NAME.match(self.tenant) is not None):
            msg = f"{self.tenant!r} is not the name of a tenant"
            raise ValueError(msg)


def reached_by(*doors: Door) -> dict[str, Any]:
    """What a table that these doors reach has as its `info`."""
    return {_DOORS: frozenset(doors)}


def doors_of(info: dict[Any, Any]) -> frozenset[Door]:
    """The doors of a table."""
    return info.get(_DOORS, frozenset())
