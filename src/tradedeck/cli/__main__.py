"""`python -m tradedeck.cli` is `tradedeck`."""

from __future__ import annotations

from tradedeck.cli.main import run

if __name__ == "__main__":
    run()
