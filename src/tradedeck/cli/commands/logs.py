"""Logs: from the files of the home, so that they can be read when nothing runs."""

from __future__ import annotations

import heapq
import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from tradedeck.cli import client, home
from tradedeck.cli.output import AsJson

LEVELS = ("debug", "info", "warning", "error", "critical")
POLL_S = 0.25


def add(app: typer.Typer) -> None:
    """Add this command."""
    app.command(rich_help_panel="Looking")(logs)


def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")] = False,
    process: Annotated[str | None, typer.Option(help="Only of this process.")] = None,
    level: Annotated[str, typer.Option(help="debug, info, warning or error, and above.")] = "info",
    search: Annotated[str, typer.Option("--search", "-s", help="Only lines with this text.")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """What the processes wrote, oldest first."""
    if level not in LEVELS:
        raise typer.BadParameter(f"the level is one of {', '.join(LEVELS)}")
    wanted = LEVELS[LEVELS.index(level) :]
    if os.environ.get("TRADEDECK_URL"):
        _remote(process, level, search, lines, follow=follow, as_json=as_json)
        return
    files = _files(process)
    last: dict[Path, int] = {path: path.stat().st_size for path in files}
    recent = [deque(_kept(_read(path), wanted, search), maxlen=lines) for path in files]
    for line in deque(heapq.merge(*recent, key=lambda x: x["at"]), maxlen=lines):
        _print(line, as_json=as_json)
    while follow:
        time.sleep(POLL_S)
        fresh: list[dict[str, Any]] = []
        for path in _files(process):
            fresh += _kept(_since(path, last), wanted, search)
        for line in sorted(fresh, key=lambda x: x["at"]):
            _print(line, as_json=as_json)


def _remote(
    process: str | None, level: str, search: str, lines: int, *, follow: bool, as_json: bool
) -> None:
    if follow:
        for line in client.events("/logs/stream", process=process, level=level, q=search or None):
            _print(line, as_json=as_json)
        return
    from tradedeck.cli.output import rows

    found = client.get("/logs", limit=lines, process=process, level=level, q=search or None)
    for line in rows(found):
        _print(dict(line), as_json=as_json)


def _files(process: str | None) -> list[Path]:
    folder = home.find() / "logs"
    return sorted(folder.glob(f"{process or '*'}.jsonl"))


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _since(path: Path, last: dict[Path, int]) -> Iterator[bytes]:
    size = path.stat().st_size
    begin = last.get(path, 0)
    if size < begin:  # rotated
        begin = 0
    with path.open("rb") as file:
        file.seek(begin)
        data = file.read(size - begin)
    whole = data.rfind(b"\n") + 1
    last[path] = begin + whole
    yield from data[:whole].splitlines()


def _kept(raw: Iterator[bytes], levels: tuple[str, ...], search: str) -> Iterator[dict[str, Any]]:
    for data in raw:
        try:
            line = orjson.loads(data)
        except orjson.JSONDecodeError:
            continue  # a line being written just now
        if line.get("level", "info") in levels and (
            not search or search.lower() in data.decode("utf-8", "replace").lower()
        ):
            yield {"at": "", "process": "", "event": "", **line}


def _print(line: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(line).decode(), flush=True)
        return
    shown = ("at", "level", "process", "event", "exception", "logger")
    rest = " ".join(f"{key}={value}" for key, value in line.items() if key not in shown)
    level = line.get("level", "info")
    mark = "" if level in ("info", "debug") else f"{level.upper()} "
    print(
        f"{line['at'][:19]} {line['process']:<10} {mark}{line['event']}  {rest}".rstrip(),
        flush=True,
    )
    if "exception" in line:
        print(line["exception"], flush=True)
