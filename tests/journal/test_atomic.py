"""CTL-6, the file's part: old or new, never half, whatever moment the writer dies at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tradedeck.journal.atomic import write_atomic

OLD, NEW = b"old: 1\n" * 1000, b"new: 2\n" * 2000

CRASH = """
import os, sys
from pathlib import Path
from tradedeck.journal import atomic
path, where = Path(sys.argv[1]), sys.argv[2]
name = {"fsync": "fsync", "write": "write", "link": "link"}.get(where)
left = int(sys.argv[3])
def die(real):
    def act(*arguments, **keywords):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
        if where == "write":
            return real(arguments[0], bytes(arguments[1])[:3000])
        return real(*arguments, **keywords)
    return act
if where == "rename":
    Path.replace = die(Path.replace)
else:
    setattr(os, name, die(getattr(os, name)))
atomic.write_atomic(path, b"new: 2\\n" * 2000, backup=True)
print("done")
"""


@pytest.mark.processes
@pytest.mark.parametrize(
    ("where", "calls", "expected"),
    [
        ("write", 0, OLD),
        ("write", 2, OLD),
        ("fsync", 0, OLD),
        ("link", 0, OLD),
        ("rename", 0, OLD),  # before the backup takes its name
        ("rename", 1, OLD),  # between the temporary file and its name
        ("fsync", 1, NEW),  # renamed; the folder not yet synced
    ],
)
def test_ctl_6_killed_at_each_step(tmp_path: Path, where: str, calls: int, expected: bytes) -> None:
    path = tmp_path / "config.yaml"
    write_atomic(path, OLD)
    ended = subprocess.run(
        [sys.executable, "-c", CRASH, str(path), where, str(calls)],
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == -9, ended.stderr
    assert path.read_bytes() == expected
    backup = tmp_path / "config.yaml.bak"
    if backup.exists():
        assert backup.read_bytes() == OLD
    write_atomic(path, NEW, backup=True)  # and it can be written again
    assert path.read_bytes() == NEW
    assert backup.exists()


def test_ctl_6_the_backup_is_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_atomic(path, OLD, backup=True)
    assert not (tmp_path / "config.yaml.bak").exists()
    write_atomic(path, NEW, backup=True)
    assert (tmp_path / "config.yaml.bak").read_bytes() == OLD
    write_atomic(path, b"third", backup=True)
    assert (tmp_path / "config.yaml.bak").read_bytes() == NEW
    assert path.read_bytes() == b"third"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.yaml", "config.yaml.bak"]


def test_ctl_6_private_from_the_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "api.key"
    write_atomic(path, b"x")
    assert path.stat().st_mode & 0o777 == 0o600


def test_ctl_6_a_write_that_fails_leaves_the_old_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    write_atomic(path, OLD)

    def full(_descriptor: int, _data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, NEW, backup=True)
    assert path.read_bytes() == OLD
    assert [p.name for p in tmp_path.iterdir()] == ["config.yaml"]
