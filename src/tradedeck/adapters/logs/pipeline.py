"""From an event to its line: redacted, bounded, stamped. Never raises, never blocks.

Apart from `setup`, so that the supervisor can log without the cost of structlog.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any, TextIO, cast

import orjson

from tradedeck.adapters.logs.sink import Sink
from tradedeck.kernel.clock import format_ns
from tradedeck.kernel.redaction import redact, redact_text

TEXT_CHARS_MAX = 8_000
FIELDS_MAX = 40
ITEMS_MAX = 200
_COLOURS = {"debug": "\x1b[2m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}


class Pipeline:
    """From an event to its line. One per process."""

    def __init__(
        self, process: str, sink: Sink, console: TextIO | None, now_ns: Callable[[], int]
    ) -> None:
        self._process = process
        self._sink = sink
        self._console = console
        self._now_ns = now_ns

    def write(self, level: str, logger: str, event: str, fields: Mapping[str, Any]) -> None:
        """Redact, bound, stamp, write. Never raises: a log line must not end a process."""
        at = format_ns(self._now_ns())
        line: dict[str, Any] = {"at": at, "level": level, "process": self._process}
        if logger:
            line["logger"] = logger
        line["event"] = redact_text(_bounded(event))
        extra = dict(list(fields.items())[:FIELDS_MAX])
        line |= {key: value for key, value in redact(_plain(extra)).items() if key not in line}
        data = orjson.dumps(line, default=_text, option=orjson.OPT_NON_STR_KEYS)
        if len(data) > 4 * TEXT_CHARS_MAX:
            line = {key: line[key] for key in ("at", "level", "process", "event")}
            data = orjson.dumps(line | {"cut": len(data)})
        self._sink.put(data + b"\n")
        if self._console is not None:
            self._say(line)

    def flush(self) -> None:
        """Wait (bounded) until the file has everything."""
        self._sink.flush()

    def _say(self, line: Mapping[str, Any]) -> None:
        hidden = ("at", "level", "process", "event", "logger", "exception")
        rest = "  ".join(f"{key}={value}" for key, value in line.items() if key not in hidden)
        colour = _COLOURS.get(line["level"], "")
        text = f"{line['at'][11:19]} {line['process']:<10} {colour}{line['event']}\x1b[0m"
        trace = f"\n{line['exception']}" if "exception" in line else ""
        if self._console is not None:
            self._console.write(f"{text}  \x1b[2m{rest}\x1b[0m{trace}\n")


def render(error: BaseException) -> str:
    """A traceback without values of variables, secrets taken out, the end kept when it is long."""
    text = "".join(traceback.format_exception(error, limit=-30)).rstrip()
    return redact_text(text[-TEXT_CHARS_MAX:])


def _bounded(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else f"{text[:TEXT_CHARS_MAX]}… ({len(text)} chars)"


def _plain(value: Any, depth: int = 6) -> Any:
    """JSON-able, bounded: what redaction can walk."""
    if isinstance(value, str):
        return _bounded(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0:
        return _text(value)
    if isinstance(value, Mapping):
        pairs = list(cast("Mapping[Any, Any]", value).items())[:ITEMS_MAX]
        return {str(key): _plain(item, depth - 1) for key, item in pairs}
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return [_plain(item, depth - 1) for item in items[:ITEMS_MAX]]
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    return _bounded(str(value))
