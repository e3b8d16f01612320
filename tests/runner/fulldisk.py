"""A kill while the runner's own journal has no room; run by `test_kill_cut_off.py` in a mount
namespace.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from tests.runner.harness import check_chain, until
from tests.runner.kills import check_never_flipped, venue
from tests.runner.test_kill_guarded import ask, begin, deck, told


def main(home: Path) -> None:
    with deck(home) as r:
        begin(r)
        ballast = home / "run" / "ballast-local"
        assert ballast.exists()
        filler = home / "filler"
        with filler.open("wb", 0) as file:
            for block in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):  # no space left
                    while True:
                        file.write(bytes(block))
        until(lambda: not ballast.exists(), "the runner to meet the full disk")
        kill = ask(r, "kill", scope="all", reason="test")["id"]
        until(lambda: told(r, "kill.done", kill=kill), "the kill's proof")
        owners = {body["by"] for body in told(r, "kill.owned", kill=kill)}
        reads = len(told(r, "kill.account_flat", kill=kill)[0]["proof"]["reads"])
        flat = venue(r) == ({}, {})
        r.alive()
        check_chain(r.journal)
        check_never_flipped(r)
        filler.unlink()
        said = [flat, sorted(owners), reads, ballast.exists()]
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
