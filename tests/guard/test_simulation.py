"""The guard's core under a seed: crashes of either, takeovers, late opening orders. `make sim` runs
as many as wanted.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.closing.test_simulation import COUNT, SEED
from tests.guard.coresim import CoreSimulation
from tradedeck.venue.capability import Close

# What a share of this size must have gone through, or it proves less than it says.
HAPPENED = (
    "runner done", "guard done", "guard resumed", "taken over", "fenced", "checked", "guard died",
    "kill done",
)  # fmt: skip


@pytest.mark.parametrize("kind", list(Close))
def test_eng_14_inv_6_inv_7_the_core_ends_every_kill_flat_and_says_so_only_then(
    kind: Close, tmp_path: Path
) -> None:
    """Its decisions are the true ones, and so are the closers; the clock and the venue are not."""
    seen: Counter[str] = Counter()
    for seed in range(SEED, SEED + COUNT):
        played = CoreSimulation(kind, seed, tmp_path)
        try:
            played.run()
        except AssertionError as wrong:
            pytest.fail(f"{kind.value}, make sim COUNT=1 SEED={seed}: {wrong}", pytrace=False)
        seen += played.seen
    assert COUNT < 60 or [what for what in HAPPENED if not seen[what]] == []
