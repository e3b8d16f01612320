"""Runs every bench, prints each figure beside its bound and yardstick, and writes build/bench.json.

A bench is a file in bench/suites. It runs in a process of its own, so that its memory is its
own, and prints one JSON object per figure: name, value, unit, bound and whether more or less is
better. `yardstick` is what it is held against, measured in the same run.

A bench that raises or hangs counts as a missed bound and is named; the others still run.

Usage: python bench/run.py [name …]      exit code 1 when a bound is missed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BENCHES = Path(__file__).resolve().parent / "suites"
WRITTEN = ROOT / "build" / "bench.json"
# A bench that takes longer hangs.
SECONDS_MAX = 600


def figures(bench: Path) -> tuple[list[dict[str, Any]], str]:
    """The figures one bench prints, and how it failed; empty where it came to its end."""
    with subprocess.Popen(
        [sys.executable, str(bench)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # what a bench that fails leaves running is ended with it
    ) as process:
        try:
            printed, _ = process.communicate(timeout=SECONDS_MAX)
            failed = f"ended with {process.returncode}" if process.returncode else ""
        except subprocess.TimeoutExpired:
            _end(process.pid)
            printed, _ = process.communicate()  # what it measured before it hung counts
            failed = f"took more than {SECONDS_MAX:g} s"
        finally:
            _end(process.pid)
    found: list[dict[str, Any]] = []
    for line in printed.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:  # cut off in the middle of a line
                failed = failed or "printed what is no figure"
    return found, failed or ("" if found else "measured nothing")


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def met(figure: dict[str, Any]) -> bool:
    """Whether a figure keeps its bound; one without a bound is for information."""
    bound = figure.get("bound")
    if bound is None:
        return True
    if figure.get("better", "less") == "more":
        return figure["value"] >= bound
    return figure["value"] <= bound


def line(figure: dict[str, Any]) -> str:
    """One figure in one line."""
    sign = "≥" if figure.get("better", "less") == "more" else "≤"
    bound = figure.get("bound")
    asked = "" if bound is None else f"{sign} {bound:,}"
    verdict = "  " if bound is None else ("ok" if met(figure) else "NO")
    value = f"{figure['value']:,.{figure.get('places', 0)}f} {figure['unit']}"
    head = f"{verdict}  {figure['name']:<46} {value:>20}  {asked:<12}"
    return f"{head} {figure.get('yardstick', '')}".rstrip()


def main(arguments: Sequence[str]) -> int:
    known = sorted(path for path in BENCHES.glob("*.py") if not path.name.startswith("_"))
    chosen = [path for path in known if not arguments or path.stem in arguments]
    missed = 0
    kept: list[dict[str, Any]] = []
    broken: dict[str, str] = {}
    for bench in chosen:
        print(f"-- {bench.stem}", flush=True)
        found, failed = figures(bench)
        for figure in found:
            missed += not met(figure)
            kept.append({"bench": bench.stem, **figure, "met": met(figure)})
            print(line(figure), flush=True)
        if failed:  # a bound that was not measured is a bound that was not kept
            missed += 1
            broken[bench.stem] = failed
            print(f"NO  {bench.stem} {failed}", flush=True)
    WRITTEN.parent.mkdir(exist_ok=True)
    written = {"load": os.getloadavg(), "figures": kept, "failed": broken}
    WRITTEN.write_text(json.dumps(written, indent=1) + "\n")
    named = "".join(f"; {name} {failed}" for name, failed in broken.items())
    print(f"bench: {len(chosen)} benches, {missed} bounds missed{named}")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
