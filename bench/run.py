"""Runs every bench, prints each figure beside its bound and yardstick, and writes build/bench.json.

A bench is a file in bench/suites. It runs in a process of its own, so that its memory is its
own, and prints one JSON object per figure: name, value, unit, bound and whether more or less is
better. `yardstick` is what it is held against, measured in the same run.

Usage: python bench/run.py [name …]      exit code 1 when a bound is missed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BENCHES = Path(__file__).resolve().parent / "suites"
WRITTEN = ROOT / "build" / "bench.json"
# A bench that takes longer hangs.
SECONDS_MAX = 600


def figures(bench: Path) -> Iterator[dict[str, Any]]:
    """The figures one bench prints."""
    done = subprocess.run(
        [sys.executable, str(bench)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=SECONDS_MAX,
    )
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


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
    for bench in chosen:
        print(f"-- {bench.stem}", flush=True)
        for figure in figures(bench):
            missed += not met(figure)
            kept.append({"bench": bench.stem, **figure, "met": met(figure)})
            print(line(figure), flush=True)
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text(json.dumps({"load": os.getloadavg(), "figures": kept}, indent=1) + "\n")
    print(f"bench: {len(chosen)} benches, {missed} bounds missed")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
