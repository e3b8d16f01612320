"""Runs a supervisor over processes described in a JSON file, for tests from outside."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

from tradedeck.adapters.logs.pipeline import Pipeline
from tradedeck.adapters.logs.sink import RotatingFile, Sink
from tradedeck.ops.files import prepare_home
from tradedeck.supervisor import control, halting
from tradedeck.supervisor.supervisor import Supervisor
from tradedeck.supervisor.types import Child, Spec


def say(child: Child) -> None:
    sys.stdout.write(f"{child.spec.name} {child.state} {child.detail}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    home = prepare_home(Path(sys.argv[1]))
    specs = [
        Spec(**(given | {"argv": tuple(given["argv"]), "needs": tuple(given.get("needs", ()))}))
        for given in json.loads((home / "specs.json").read_text())
    ]
    sink = Sink([RotatingFile(home / "logs" / "supervisor.jsonl")])
    supervisor = Supervisor(
        specs,
        home / "run" / "processes.json",
        Pipeline("supervisor", sink, None, time.time_ns),
        on_change=say,
        on_failed=partial(halting.halt, home),
    )
    with control.listen(home / "run" / "supervisor.sock") as listener:
        sys.exit(supervisor.run(listener))
