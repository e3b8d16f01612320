"""What a check of an installation is, and those checks that need nothing but files.

A check proves one thing and, where it does not hold, names the cause and what to do. A check that
raises has failed: nothing here is green for want of looking.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tradedeck.journal import chain
from tradedeck.journal.atomic import write_atomic
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.redaction import looks_secret, redact_text
from tradedeck.ops.files import read_json

FINDINGS_SHOWN_MAX = 5
SCAN_BYTES_MAX = 64_000_000  # the newest part of very long logs
SECRET_CHARS_MIN = 16


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found: verdict `ok`, `failed` or `skipped` (with the reason in `detail`)."""

    name: str
    verdict: str
    detail: str
    hint: str = ""
    ms: int = 0


class Failed(Exception):
    """A check does not hold."""

    def __init__(self, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint


class Skipped(Exception):
    """A check cannot be made now."""


Check = tuple[str, Callable[[Path], str]]


def run(checks: Sequence[Check], home: Path, only: Sequence[str] = ()) -> list[Result]:
    """Make the checks in turn; one that raises never ends the others."""
    return [_one(name, check, home) for name, check in checks if not only or name in only]


def _one(name: str, check: Callable[[Path], str], home: Path) -> Result:
    begun = time.perf_counter()
    verdict, hint = "ok", ""
    try:
        detail = check(home)
    except Skipped as skipped:
        verdict, detail = "skipped", str(skipped)
    except Failed as failed:
        verdict, detail, hint = "failed", failed.detail, failed.hint
    except TradedeckError as error:
        verdict, detail, hint = "failed", error.detail, error.hint
    except Exception as error:  # noqa: BLE001 - an unexpected fault is a finding too
        verdict, detail = "failed", f"{type(error).__name__}: {error}"
        hint = "This is a fault of the check or of the installation; run `make setup` again."
    ms = int((time.perf_counter() - begun) * 1000)
    return Result(name, verdict, redact_text(detail), hint, ms)


def home_modes(home: Path) -> str:
    """The home is its owner's alone: folders 0700, files 0600, nobody else's."""
    if not home.is_dir():
        raise Skipped(f"There is no home at {home} yet; `tradedeck up` makes it.")
    open_to_others = [
        f"{path.relative_to(home.parent)} is {stat.S_IMODE(status.st_mode):04o}"
        for path, status in _walk(home)
        if stat.S_IMODE(status.st_mode) & 0o077
    ]
    strangers = [str(p) for p, status in _walk(home) if status.st_uid != os.getuid()]
    if open_to_others:
        raise Failed(
            f"Open to others: {_some(open_to_others)}.",
            f"chmod -R go-rwx {home}",
        )
    if strangers:
        raise Failed(f"Owned by somebody else: {_some(strangers)}.", f"chown -R $USER {home}")
    return f"{sum(1 for _ in _walk(home))} files and folders, none open to others"


def atomic_writes(home: Path) -> str:
    """A replaced file is old or new, and the old one is kept as .bak."""
    base = home if home.is_dir() else Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(dir=base, prefix=".verify-") as folder:
        path = Path(folder) / "config.yaml"
        write_atomic(path, b"one", backup=True)
        write_atomic(path, b"two", backup=True)
        saved = path.with_name("config.yaml.bak")
        left = sorted(p.name for p in Path(folder).iterdir())
        if (path.read_bytes(), saved.read_bytes()) != (b"two", b"one"):
            raise Failed("The file or its .bak had other content than written.", _DISK)
        if left != ["config.yaml", "config.yaml.bak"]:
            raise Failed(f"Temporary files were left: {', '.join(left)}.", _DISK)
    return "temp → fsync → rename, .bak kept"


_DISK = "Check the file system of the home: it must support rename and hard links."


def secrets_absent(home: Path) -> str:
    """No credential stands in configuration, logs or what is reported."""
    known = _own_secrets(home)
    found: list[str] = []
    count = 0
    for path in _public_files(home):
        count += 1
        for number, line in enumerate(_lines(path), start=1):
            if any(secret in line for secret in known) or looks_secret(line):
                found.append(f"{path.relative_to(home)}, line {number}")
                break
    if found:
        raise Failed(
            f"Something with the shape of a secret: {_some(found)}.",
            "Take it out, then replace that credential: whoever read the file has it.",
        )
    return f"{count} files, {len(known)} secrets of this home looked for"


def journals(home: Path) -> str:
    """Every journal's hash chain holds from its first entry to its head."""
    files = sorted((home / "journals").glob("*.db"))
    if not files:
        raise Skipped("There is no journal yet.")
    told = [f"{path.stem} {_journal(path)} entries" for path in files]
    return ", ".join(told)


def _journal(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        try:
            db.execute("PRAGMA query_only=ON")
            epoch = db.execute("SELECT value FROM state WHERE name='epoch'").fetchone()[0]
            first = db.execute("SELECT min(seq) FROM entry").fetchone()[0] or 1
            rows: Iterable[Any] = db.execute(
                "SELECT seq, at_ns, kind, body, hash FROM entry ORDER BY seq"
            )
            entries = [chain.Entry(*row) for row in rows]
        except sqlite3.DatabaseError as error:
            raise Failed(
                f"The journal {path.name} cannot be read: {error}.",
                "Stop Tradedeck and restore the file from a backup.",
            ) from error
    previous = chain.genesis(epoch)
    if first != 1 and entries:  # older entries were pruned: the chain is checked from there
        previous, entries = entries[0].hash, entries[1:]
    try:
        chain.verify(entries, first - 1 if first == 1 else first, previous)
    except TradedeckError as error:
        raise Failed(
            f"The journal {path.name} was altered: {error.detail}.",
            "Stop Tradedeck, keep the file as evidence, and restore a backup.",
        ) from error
    return len(entries)


def _own_secrets(home: Path) -> set[str]:
    found: set[str] = set()
    for path in sorted((home / "keys").rglob("*")):
        if path.suffix == ".json":
            found |= set(_texts(read_json(path)))
        elif path.is_file() and path.suffix == ".key":
            found.add(path.read_text("utf-8", "replace").strip())
    return {secret for secret in found if len(secret) >= SECRET_CHARS_MIN}


def _texts(value: Any) -> Iterator[str]:
    """Values that are secrets by the name of their key."""
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    for key, item in fields.items():
        if key in ("password", "token", "secret") and isinstance(item, str):
            yield item
        else:
            yield from _texts(item)


def _public_files(home: Path) -> Iterator[Path]:
    yield from sorted(home.glob("*.yaml*"))
    yield from sorted((home / "logs").glob("*.jsonl*"))
    for name in ("processes.json", "nats.json", "api.json"):
        if (home / "run" / name).is_file():
            yield home / "run" / name


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        size = path.stat().st_size
        file.seek(max(0, size - SCAN_BYTES_MAX))
        for line in file:
            yield line.decode("utf-8", "replace")


def _walk(home: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in (home, *sorted(home.rglob("*"))):
        with contextlib.suppress(FileNotFoundError):  # a temporary file of a running process
            if not path.is_symlink():
                yield path, path.stat()


def _some(found: Sequence[str]) -> str:
    more = len(found) - FINDINGS_SHOWN_MAX
    return ", ".join(found[:FINDINGS_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")
