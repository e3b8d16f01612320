"""A kill on a file system without room; run by `test_processes.py` in a mount namespace."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from tests.guard.harness import deck, shown
from tests.runner.harness import check_chain


def main(home: Path) -> None:
    with deck(home) as d:
        d.peer("mute")
        with (home / "filler").open("wb", 0) as filler:
            for block in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):  # no space left
                    while True:
                        filler.write(bytes(block))
        kill = d.guard("kill", scope="all")
        d.done(kill["id"])
        full = d.guard("status")["journal_full"]
        (home / "filler").unlink()
        check_chain(d.log)
        check_chain(d.exchange)
        sys.stdout.write(json.dumps([shown(d.exchange), full, d.answers()]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
