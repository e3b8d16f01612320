"""Values typed at a command line: NAME=VALUE pairs and dotted paths into a document."""

from __future__ import annotations

import copy
from typing import Any, cast

import orjson
import typer


def scalar(text: str) -> Any:
    """`true`, `null`, numbers, lists and objects as JSON has them; anything else is text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def pair(text: str) -> tuple[str, Any]:
    """`name=value`, the value as JSON where it is."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise typer.BadParameter(f"{text!r} is not of the form NAME=VALUE")
    return name.strip(), scalar(value.strip())


def merge_params(base: dict[str, Any], given: list[str] | None) -> dict[str, Any]:
    """Parameters of a preset, those given on top."""
    return base | dict(pair(text) for text in given or [])


def at(document: Any, path: str) -> Any:
    """The value at a dotted path; items of lists are named by their id or by number."""
    found = document
    for part in path.split("."):
        found = _step(found, part, path)
    return found


def put(document: Any, path: str, value: Any) -> Any:
    """A copy of `document` with `value` at the path. What was text stays text (exact money)."""
    changed = copy.deepcopy(document)
    parts = path.split(".")
    parent = at(changed, ".".join(parts[:-1])) if len(parts) > 1 else changed
    last = parts[-1]
    if isinstance(parent, dict):
        fields = cast("dict[str, Any]", parent)
        fields[last] = _like(fields.get(last), value)
    elif isinstance(parent, list):
        items = cast("list[Any]", parent)
        items[_index(items, last, path)] = value
    else:
        raise typer.BadParameter(f"there is nothing under {path!r} that could be set")
    return changed


def _step(found: Any, part: str, path: str) -> Any:
    if isinstance(found, dict) and part in found:
        return cast("dict[str, Any]", found)[part]
    if isinstance(found, list):
        items = cast("list[Any]", found)
        return items[_index(items, part, path)]
    raise typer.BadParameter(f"there is no {part!r} in {path!r}")


def _index(items: list[Any], part: str, path: str) -> int:
    for index, item in enumerate(items):
        if isinstance(item, dict) and cast("dict[str, Any]", item).get("id") == part:
            return index
    if part.isdigit() and int(part) < len(items):
        return int(part)
    raise typer.BadParameter(f"there is no {part!r} in {path!r}")


def _like(old: Any, value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if isinstance(old, str) and is_number else value
