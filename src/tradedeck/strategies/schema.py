"""Parameters against the schema that `interface.params_schema` writes, without the class itself.

For processes that must not import a user's strategy; its host checks again with the class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tradedeck.kernel.errors import Fault

_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
}


def schema_faults(schema: Mapping[str, Any], params: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with `params` by the part of JSON Schema that `params_schema` writes."""
    known = cast("dict[str, dict[str, Any]]", schema.get("properties", {}))
    found: list[Fault] = []
    for name, value in params.items():
        path = f"params.{name}"
        rule = known.get(name)
        if rule is None:
            found.append(Fault(path, "is not a parameter of this strategy"))
            continue
        wanted = str(rule.get("type", "string"))
        is_bool = isinstance(value, bool)
        if not isinstance(value, _TYPES[wanted]) or is_bool is not (wanted == "boolean"):
            found.append(Fault(path, f"must be of type {wanted}"))
        elif "enum" in rule and value not in rule["enum"]:
            found.append(Fault(path, f"must be one of {rule['enum']}"))
        elif wanted in ("integer", "number"):
            if rule.get("minimum") is not None and value < rule["minimum"]:
                found.append(Fault(path, f"the least is {rule['minimum']}"))
            elif rule.get("maximum") is not None and value > rule["maximum"]:
                found.append(Fault(path, f"the most is {rule['maximum']}"))
    return found
