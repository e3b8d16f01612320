"""From bytes to a plain tree, defended: size, depth, number of nodes, aliases, duplicate keys.

YAML as people write configuration: no tags, no anchors, no dates guessed out of text, and `yes`,
`no`, `on`, `off` stay words. JSON is YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent
from yaml.nodes import MappingNode

from tradedeck.kernel.errors import Code, Fault, TradedeckError

BYTES_MAX = 256 * 1024
DEPTH_MAX = 16  # the document itself needs six
NODES_MAX = 60_000  # 500 traders with everything written out are about 20,000

_TRUTH = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where it was built in


class _Loader(_Base):
    """SafeLoader without guesses; a duplicate key is an error."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and shape are PyYAML's
        first: [
            (tag, _TRUTH if tag.endswith(":bool") else pattern)
            for tag, pattern in resolvers
            if not tag.endswith(":timestamp")
        ]
        for first, resolvers in _Base.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: MappingNode, **_: bool) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _at(key_node, "a key was not text")
            if key in made:
                raise _at(key_node, f"the key {key[:60]!r} was there twice")
            made[key] = self.construct_object(value_node, deep=True)
        return made


def _construct_map(loader: Any, node: MappingNode) -> Any:
    return loader.construct_mapping(node)


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_map)


def _at(node: Any, reason: str) -> TradedeckError:
    line = node.start_mark.line + 1
    return _invalid(f"line {line}", reason)


def _invalid(path: str, reason: str) -> TradedeckError:
    return TradedeckError(
        Code.INVALID_CONFIG,
        f"The configuration was not valid: {path}: {reason}.",
        faults=(Fault(path, reason),),
    )


def parse(data: bytes | str) -> Any:
    """The tree in `data`.

    Raises:
        TradedeckError: TOO_LARGE, or INVALID_CONFIG with the line.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > BYTES_MAX:
        raise TradedeckError(
            Code.TOO_LARGE,
            f"The configuration was {len(raw)} bytes; at most {BYTES_MAX} are read.",
            faults=(Fault("(document)", f"is larger than {BYTES_MAX // 1024} KiB"),),
        )
    try:
        text = raw.decode("utf-8")
        _survey(text)
        loader: Any = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except UnicodeDecodeError:
        raise _invalid("(document)", "is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}" if mark is not None else "(document)"
        raise _invalid(where, error.problem or "is not YAML") from None
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise _invalid("(document)", f"is not YAML: {str(error).splitlines()[0][:120]}") from None


def _survey(text: str) -> None:
    """Walk the events before anything is built: that is where a bomb shows."""
    depth = 0
    walk: Any = getattr(yaml, "parse")  # noqa: B009 - its stub is untyped, hence Any
    events: Iterable[Any] = walk(text, Loader=_Base)
    for count, event in enumerate(events):
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent) or (
            isinstance(event, NodeEvent) and event.anchor is not None
        ):
            raise _invalid(f"line {line}", "anchors and aliases are not accepted")
        if getattr(event, "tag", None) is not None:
            raise _invalid(f"line {line}", "tags are not accepted")
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_MAX:
            raise _invalid(f"line {line}", f"is nested deeper than {DEPTH_MAX} levels")
        if count > NODES_MAX:
            raise _invalid(f"line {line}", f"has more than {NODES_MAX} values")


def bounded(tree: Any) -> Any:
    """`tree` out of JSON, within the same bounds as YAML. Raises INVALID_CONFIG."""
    level, nodes = [tree], 0
    for _ in range(DEPTH_MAX + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(cast("dict[str, Any]", item).values())
                below.extend(cast("dict[str, Any]", item).keys())
            elif isinstance(item, list):
                below.extend(cast("list[Any]", item))
            elif isinstance(item, str) and not _is_text(item):
                raise _invalid("(document)", "holds what is not Unicode text")
        nodes += len(below)
        if nodes > 2 * NODES_MAX:
            raise _invalid("(document)", f"has more than {NODES_MAX} values")
        if not below:
            return tree
        level = below
    raise _invalid("(document)", f"is nested deeper than {DEPTH_MAX} levels")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can spell and UTF-8 cannot
        return False
    return True


def dump(tree: Any) -> str:
    """YAML that people read: block style, keys in their own order, never an alias."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True
