"""What changes between two documents, and whether it gives more room or less. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

from tradedeck.kernel import canonical

# Parts whose items are known by a name and not by their place.
_KEYED = {"feeds": "id", "accounts": "id", "traders": "id", "instruments": "symbol"}
_BOUNDING = ("limits", "breakers", "guard")  # parts of an account or a trader that hold bounds
_WORDS = {  # mildest first
    "action": ("alarm", "pause", "reduce_only", "flatten"),
    "resume": ("auto", "person"),
    "on_silence": ("none", "cancel", "cancel_and_flatten"),
}
_MORE_IS_TIGHTER = frozenset({"duplicate_window_s", "window_s", "cooldown_s"})


class Effect(StrEnum):
    """What a change does to the room that traders have."""

    TIGHTEN = "tightens"
    LOOSEN = "loosens"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; `old` or `new` is None where it was absent."""

    path: str
    old: Any
    new: Any
    effect: Effect

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"path": self.path, "old": self.old, "new": self.new, "effect": self.effect.value}


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The changes from one plain document (`Document.plain`) to another, by path."""
    return sorted(_walk("", old, new), key=lambda change: change.path)


def against(
    changes: Iterable[Change], remembered: Mapping[str, Any], new: Mapping[str, Any]
) -> list[Change]:
    """`changes`, and every loosening of `new` against parts that are `remembered`: an account that
    comes back under its own name is held against the limits it had, not against none.
    """
    found = list(changes)
    told = {change.path for change in found}
    for part, key in _KEYED.items():
        known: list[dict[str, Any]] = remembered.get(part) or []
        wanted: list[dict[str, Any]] = new.get(part) or []
        before = {item[key]: item for item in known}
        for item in wanted:
            name = item[key]
            if name in before:
                loosened = _walk(f"{part}.{name}", before[name], item)
                found += [c for c in loosened if c.effect is Effect.LOOSEN and c.path not in told]
    return sorted(found, key=lambda change: change.path)


def effect(changes: Iterable[Change]) -> Effect:
    """Of all together: one that loosens makes the whole a loosening."""
    found = {change.effect for change in changes}
    if Effect.LOOSEN in found:
        return Effect.LOOSEN
    return Effect.TIGHTEN if Effect.TIGHTEN in found else Effect.NEUTRAL


def _walk(path: str, old: Any, new: Any) -> Iterable[Change]:
    if canonical.encode(old) == canonical.encode(new):  # unlike ==, tells 1 from True
        return
    # An item that was added or removed whole is one change, not one for each of its fields.
    # Limits are always taken apart, because each has its own direction.
    whole = (old is None or new is None) and not _in_limits(path)
    if isinstance(old, Mapping | None) and isinstance(new, Mapping | None) and not whole:
        before = cast("Mapping[str, Any]", old or {})
        after = cast("Mapping[str, Any]", new or {})
        for key in before.keys() | after.keys():
            here = f"{path}.{key}" if path else key
            yield from _walk(here, before.get(key), after.get(key))
        return
    if path in _KEYED and isinstance(old, list | None) and isinstance(new, list | None):
        name = _KEYED[path]
        before = {item[name]: item for item in cast("list[Any]", old or [])}
        after = {item[name]: item for item in cast("list[Any]", new or [])}
        for key in before.keys() | after.keys():
            yield from _walk(f"{path}.{key}", before.get(key), after.get(key))
        return
    yield Change(path, old, new, classify(path, old, new))


def _in_limits(path: str) -> bool:
    return any(path.endswith(f".{part}") or f".{part}." in path for part in _BOUNDING)


def classify(path: str, old: Any, new: Any) -> Effect:
    """Whether one change gives traders more room. Where in doubt it does."""
    parts = path.split(".")
    if _in_limits(path) and parts[-1] not in _BOUNDING:
        return _limit(parts[-1], old, new)
    if parts[-1] == "session_gate":
        return Effect.TIGHTEN if new else Effect.LOOSEN
    if parts[-1] == "stale_after_s":
        return _number(old, new, more_is_tighter=False)
    return Effect.NEUTRAL


def _limit(name: str, old: Any, new: Any) -> Effect:
    words = _WORDS.get(name)
    if words is not None:
        if old is None or new is None:  # the bound beside it says which way
            return Effect.NEUTRAL
        return Effect.TIGHTEN if words.index(new) > words.index(old) else Effect.LOOSEN
    return _number(old, new, more_is_tighter=name in _MORE_IS_TIGHTER)


def _number(old: Any, new: Any, *, more_is_tighter: bool) -> Effect:
    if new is None:
        return Effect.LOOSEN
    if old is None:
        return Effect.TIGHTEN
    more = Decimal(str(new)) > Decimal(str(old))
    return Effect.TIGHTEN if more is more_is_tighter else Effect.LOOSEN


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, with one addition: a list of named parts may be patched as an object by name.

    `{"traders": {"apple-ema": {"state": "paused"}}}` changes that trader alone; null removes it.
    """
    if not isinstance(patch, Mapping):
        return patch
    result: dict[str, Any] = (
        dict(cast("Mapping[str, Any]", target)) if isinstance(target, Mapping) else {}
    )
    for key, value in cast("Mapping[str, Any]", patch).items():
        present = result.get(key)
        if value is None:
            result.pop(key, None)
        elif key in _KEYED and isinstance(value, Mapping) and isinstance(present, list):
            result[key] = _patch_list(
                cast("list[Any]", present), cast("Mapping[str, Any]", value), _KEYED[key]
            )
        else:
            result[key] = merge_patch(present, value)
    return result


def _patch_list(present: list[Any], patch: Mapping[str, Any], name: str) -> list[Any]:
    items = {item[name]: item for item in present}
    for key, value in patch.items():
        if value is None:
            items.pop(key, None)
        else:
            items[key] = merge_patch(items.get(key, {name: key}), value)
    return list(items.values())
