"""`python -m tradedeck.runner`: the trading process of this home."""

from __future__ import annotations

import sys

from tradedeck.runner.wiring import main

if __name__ == "__main__":
    sys.exit(main())
