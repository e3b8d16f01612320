"""`tradedeck desktop install`: start and stop by a click.

Linux: two entries of the desktop's menu (freedesktop.org, Desktop Entry Specification 1.5).
macOS: two `.command` files, Windows: two `.cmd` files; both are written by the same code and were
tried on neither system.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops import exits
from tradedeck.supervisor import given

UNTESTED = "  (written for {system}, where nobody has tried it yet)"


@dataclass(frozen=True, slots=True)
class Entry:
    """One click: a title, and the arguments of `tradedeck`; a terminal shows what it says."""

    id: str
    title: str
    says: str
    arguments: tuple[str, ...]


ENTRIES = (
    Entry("tradedeck-start", "Tradedeck", "Start Tradedeck and open it", ("up", "--open")),
    Entry("tradedeck-stop", "Stop Tradedeck", "Stop it; positions are kept", ("down",)),
)


def files(system: str, program: Path, home: Path, user_home: Path) -> dict[Path, str]:
    """Path → text of each file on `system` (as `sys.platform` names it)."""
    found: dict[Path, str] = {}
    for entry in ENTRIES:
        if system == "darwin":
            path = user_home / "Applications" / f"{entry.title}.command"
            found[path] = _shell(entry, program, home)
        elif system == "win32":
            path = user_home / "Desktop" / f"{entry.title}.cmd"
            found[path] = _batch(entry, program, home)
        else:
            path = user_home / ".local" / "share" / "applications" / f"{entry.id}.desktop"
            found[path] = _desktop(entry, program, home)
    return found


def _desktop(entry: Entry, program: Path, home: Path) -> str:
    command = " ".join(_desktop_quoted(word) for word in (str(program), *entry.arguments))
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Version=1.5\n"
        f"Name={entry.title}\n"
        f"Comment={entry.says}\n"
        f"Exec=env {_desktop_quoted(f'TRADEDECK_HOME={home}')} {command}\n"
        "Terminal=true\n"
        "Categories=Office;Finance;\n"
        "StartupNotify=false\n"
    )


def _desktop_quoted(word: str) -> str:
    """As the specification quotes an argument of Exec."""
    escaped = word.replace("\\", "\\\\\\\\").replace('"', '\\"').replace("`", "\\`")
    escaped = escaped.replace("$", "\\$").replace("%", "%%")
    return f'"{escaped}"'


def _shell(entry: Entry, program: Path, home: Path) -> str:
    words = " ".join(shlex.quote(word) for word in (str(program), *entry.arguments))
    return f"#!/bin/sh\n# {entry.says}\nTRADEDECK_HOME={shlex.quote(str(home))} exec {words}\n"


def _batch(entry: Entry, program: Path, home: Path) -> str:
    words = " ".join([f'"{program}"', *entry.arguments])
    return f'@echo off\r\nrem {entry.says}\r\nset "TRADEDECK_HOME={home}"\r\n{words}\r\n'


def main(arguments: list[str]) -> int:
    """`desktop install|remove`."""
    options = _parser().parse_args(arguments)
    try:
        home = given.read(demo=options.demo).home
    except TradedeckError as error:
        sys.stderr.write(f"{error}\n")
        return exits.of(error.code)
    program = Path(sys.executable).with_name("tradedeck")
    for path, text in files(sys.platform, program, home, Path.home()).items():
        if options.act == "remove":
            path.unlink(missing_ok=True)
            print(f"removed {path}")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o700)
        print(f"wrote {path}")
    if not sys.platform.startswith("linux"):
        print(UNTESTED.format(system=sys.platform))
    return exits.Exit.OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tradedeck desktop", description="Start by a click.")
    parser.add_argument("act", choices=("install", "remove"))
    parser.add_argument("--demo", action="store_true", help="the demo's home")
    return parser
