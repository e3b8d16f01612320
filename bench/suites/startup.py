"""How long a person waits for `tradedeck --help`, and what the dashboard's first load weighs."""

from __future__ import annotations

import gzip
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

STATIC = Path(__file__).resolve().parents[2] / "src/tradedeck/api/static"
RUNS = 7


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


def help_seconds() -> float:
    """The median of some runs, the first (cold) one left out."""
    times: list[float] = []
    for _ in range(RUNS):
        began = time.perf_counter()
        command = [sys.executable, "-c", "from tradedeck.cli.main import run; run()", "--help"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def first_load_kb() -> float:
    """Gzipped scripts that the page names or preloads before it shows anything."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    names = set(re.findall(r'(?:src|href)="/?([^"]+\.js)"', page))
    return sum(len(gzip.compress((STATIC / name).read_bytes())) for name in names) / 1000


def main() -> None:
    say("tradedeck --help", help_seconds(), "s", bound=0.4, places=2)
    if (STATIC / "index.html").is_file():
        say("first JavaScript, gzipped", first_load_kb(), "kB", bound=200)


if __name__ == "__main__":
    main()
