"""Reads the structured logs of a home: filtered, from the end, redacted once more, followed.

Owns nothing: the files are written by the processes. A line that is no JSON is shown as its text.
Never reads outside the logs folder: a process is named, not a path.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import orjson

from tradedeck.kernel.redaction import redact, redact_text

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
BLOCK: Final = 64 * 1024
SCANNED_BYTES_MAX: Final = 32 * 1024 * 1024  # of all files together, for one question
FOLLOW_BYTES_MAX: Final = 1024 * 1024  # of one file in one turn; beyond it the follower skips
_OWN: Final = ("at", "process", "level", "event")
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines are wanted."""

    process: str | None = None
    level: str | None = None  # this one and worse
    q: str | None = None  # plain text, any case

    def takes(self, raw: bytes, line: Line) -> bool:
        """Whether a line is wanted; the text is looked for in the redacted line."""
        if self.level is not None and _rank(line["level"]) < _rank(self.level):
            return False
        return self.q is None or self.q.lower() in orjson.dumps(line).decode().lower()


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 1


def parse(raw: bytes, process: str) -> Line:
    """A line as people read it; secrets are taken out again, whoever wrote it."""
    try:
        found: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        text = redact_text(raw.decode("utf-8", "replace"))
        return {"at": "", "process": process, "level": "info", "event": text, "fields": {}}
    fields = cast("dict[str, Any]", redact(found))
    return {
        "at": str(fields.get("at", "")),
        "process": str(fields.get("process", process)),
        "level": str(fields.get("level", "info")),
        "event": str(fields.get("event", "")),
        "fields": {name: value for name, value in fields.items() if name not in _OWN},
    }


def files(folder: Path, process: str | None = None) -> list[tuple[str, Path]]:
    """The logs there are: process and file, the current one of each."""
    if not folder.is_dir():
        return []
    return [
        (path.stem, path) for path in sorted(folder.glob("*.jsonl")) if process in (None, path.stem)
    ]


def tail(folder: Path, wanted: Filter, limit: int) -> tuple[list[Line], bool]:
    """The newest `limit` lines, oldest first; True when the search stopped before the beginning."""
    found: list[Line] = []
    cut = False
    logs = files(folder, wanted.process)
    share = SCANNED_BYTES_MAX // max(1, len(logs))
    for process, path in logs:
        lines, more = _tail_of(process, path, wanted, limit, share)
        found += lines
        cut = cut or more
    found.sort(key=lambda line: line["at"])
    return found[-limit:], cut or len(found) > limit


def _tail_of(
    process: str, path: Path, wanted: Filter, limit: int, bytes_max: int
) -> tuple[list[Line], bool]:
    found: list[Line] = []
    left = bytes_max
    for file in _generations(path):
        for raw in backwards(file, left):
            left -= len(raw) + 1
            line = parse(raw, process)
            if wanted.takes(raw, line):
                found.append(line)
                if len(found) == limit:
                    return found, True
        if left <= 0:
            return found, True
    return found, False


def _generations(path: Path) -> Iterator[Path]:
    """The current file, then the rotated ones, newest first."""
    number = 0
    while path.exists():
        yield path
        number += 1
        path = path.with_name(f"{path.name.removesuffix(f'.{number - 1}')}.{number}")


def backwards(path: Path, bytes_max: int) -> Iterator[bytes]:
    """Whole lines from the end of a file, without reading more of it than is asked for."""
    try:
        file = path.open("rb")
    except OSError:
        return  # rotated away between the listing and the reading
    with file:
        position = file.seek(0, os.SEEK_END)
        least, rest = max(0, position - bytes_max), b""
        while position > least:
            step = min(BLOCK, position - least)
            position -= step
            file.seek(position)
            lines = (file.read(step) + rest).split(b"\n")
            rest = lines[0]
            yield from (line for line in reversed(lines[1:]) if line)
        if rest and position == 0:
            yield rest


class Follower:
    """New lines of every log, across rotation; a log that appears later is followed too."""

    def __init__(self, folder: Path, wanted: Filter) -> None:
        self._folder = folder
        self._wanted = wanted
        self._places: dict[Path, tuple[int, int]] = {}
        for _, path in files(folder, wanted.process):
            found = path.stat()
            self._places[path] = (found.st_ino, found.st_size)

    def turn(self) -> list[Line]:
        """What was written since the last turn, in the order of its time."""
        found: list[Line] = []
        for process, path in files(self._folder, self._wanted.process):
            found += self._of(process, path)
        found.sort(key=lambda line: line["at"])
        return found

    def _of(self, process: str, path: Path) -> Iterable[Line]:
        try:
            with path.open("rb") as file:
                now = os.fstat(file.fileno())
                inode, position = self._places.get(path, (now.st_ino, 0))
                chunks = b""
                if inode != now.st_ino:  # rotated: the rest of the old file first
                    chunks = _rest(path.with_name(f"{path.name}.1"), inode, position)
                    position = 0
                if now.st_size < position:
                    position = 0  # emptied by hand
                file.seek(max(position, now.st_size - FOLLOW_BYTES_MAX))
                data = file.read(FOLLOW_BYTES_MAX)
                whole = data.rfind(b"\n") + 1
                self._places[path] = (now.st_ino, file.tell() - len(data) + whole)
        except OSError:
            return []  # gone between listing and opening: the next turn sees the new one
        raws = (chunks + data[:whole]).split(b"\n")
        lines = ((raw, parse(raw, process)) for raw in raws if raw)
        return [line for raw, line in lines if self._wanted.takes(raw, line)]


def _rest(path: Path, inode: int, position: int) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != inode:
                return b""  # rotated more than once meanwhile
            file.seek(position)
            return file.read(FOLLOW_BYTES_MAX)
    except OSError:
        return b""
