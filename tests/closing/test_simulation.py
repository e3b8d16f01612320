"""Thousands of kills in fake time: `make sim COUNT= SEED=`; `make test` runs a short fixed share.

Runner and guard are the true `Closer` and the true `Epoch`; the venue delays, loses, refuses, fills
in parts and applies late, opening orders included. A failure prints its seed, which replays.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tradedeck.testkit.closingsim import Simulation
from tradedeck.venue.capability import Close

COUNT = int(os.environ.get("TRADEDECK_SIM_COUNT", "60"))
SEED = int(os.environ.get("TRADEDECK_SIM_SEED", "20261120"))
# What a share of this size must have gone through, or it proves less than it says.
HAPPENED = (
    "runner began",
    "runner done",
    "guard began",
    "guard done",
    "guard resumed",
    "taken over",
    "no answer to a send",
    "a send failed",
    "rejected",
)


@pytest.mark.parametrize("kind", list(Close))
def test_eng_14_inv_6_inv_9_whatever_happens_it_never_flips_and_ends_flat(
    kind: Close, tmp_path: Path
) -> None:
    """Never two closes in flight, never out of scope, and proof only of what is so."""
    seen: Counter[str] = Counter()
    for seed in range(SEED, SEED + COUNT):
        played = Simulation(kind, seed, tmp_path)
        try:
            played.run()
        except AssertionError as wrong:
            pytest.fail(f"{kind.value}, make sim COUNT=1 SEED={seed}: {wrong}", pytrace=False)
        seen += played.seen
    assert COUNT < 60 or [what for what in HAPPENED if not seen[what]] == []


def test_the_same_seed_is_the_same_run(tmp_path: Path) -> None:
    played = [Simulation(Close.PLAIN, SEED, tmp_path / str(n)) for n in range(2)]
    for each in played:
        each.run()
    assert played[0].seen == played[1].seen
    assert (played[0].done_at, played[0].venue.seq) == (played[1].done_at, played[1].venue.seq)
