"""Start and stop by a click."""

from __future__ import annotations

import configparser
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import PROGRAM
from tradedeck.supervisor.desktop import files

pytestmark = pytest.mark.processes


def run(user_home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tradedeck.cli", "desktop", *arguments],
        env=os.environ
        | {
            "HOME": str(user_home),
            "TRADEDECK_HOME": str(user_home / "my trades"),
            "PYTHONPATH": str(PROGRAM),
        },
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_what_is_installed_can_be_removed(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("tradedeck")
    made = files(sys.platform, program, tmp_path / "my trades", tmp_path)
    assert len(made) == 2
    run(tmp_path, "install")
    assert {path: path.read_text() for path in made} == made
    run(tmp_path, "remove")
    assert not any(path.exists() for path in made)


def test_a_linux_entry_is_what_the_specification_asks_for(tmp_path: Path) -> None:
    made = files("linux", Path("/opt/td/bin/tradedeck"), tmp_path / "my trades", tmp_path)
    start = configparser.ConfigParser(interpolation=None)
    start.read_string(made[tmp_path / ".local/share/applications/tradedeck-start.desktop"])
    entry = start["Desktop Entry"]
    assert entry["Type"] == "Application"
    words = shlex.split(entry["Exec"])
    assert words[:2] == ["env", f"TRADEDECK_HOME={tmp_path}/my trades"]
    assert words[-3:] == ["/opt/td/bin/tradedeck", "up", "--open"]


@pytest.mark.parametrize(("system", "ending"), [("darwin", ".command"), ("win32", ".cmd")])
def test_other_systems_get_their_own_kind(system: str, ending: str) -> None:
    made = files(system, Path("/opt/td/bin/tradedeck"), Path("/data/td"), Path("/users/ann"))
    assert {path.suffix for path in made} == {ending}
    assert any(text.rstrip().endswith("up --open") for text in made.values())
