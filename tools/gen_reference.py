"""Regenerates docs/reference: runs every `tools/gen_*.py` and the generators inside the package.

A reference page is made from the code it describes. `.ci/run` runs this and fails when a tracked
page differs afterwards.

Usage: python tools/gen_reference.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# They need something that is not in the checkout: a wheel, a calendar library's newest rules.
ON_DEMAND = {"gen_bundled.py", "gen_sessions.py", "gen_reference.py"}
# Modules that print their page.
PRINTING = {"tradedeck.cli.reference": "docs/reference/cli.md"}


def environment() -> dict[str, str]:
    """The package of the checkout first, nothing of the caller's TRADEDECK settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRADEDECK_")}
    return {**kept, "PYTHONPATH": str(ROOT / "src")}


def main() -> int:
    for script in sorted(Path(__file__).parent.glob("gen_*.py")):
        if script.name not in ON_DEMAND:
            subprocess.run([sys.executable, str(script)], cwd=ROOT, env=environment(), check=True)
    for module, page in PRINTING.items():
        made = subprocess.run(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=environment(),
            check=True,
            capture_output=True,
        )
        (ROOT / page).write_bytes(made.stdout)
        print(page)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
