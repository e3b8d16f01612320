"""Looking into JSON that others wrote: what is not of the wanted shape is absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast


def mapping(value: object) -> Mapping[str, Any]:
    """`value` as an object, or an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def sequence(value: object) -> list[Any]:
    """`value` as a list, or an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []
