"""The list of controls keeps up with the code: a mutant whose text is gone judges nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_each_control_is_still_where_the_list_says() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "mutants.py"), "--list"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) > 100
