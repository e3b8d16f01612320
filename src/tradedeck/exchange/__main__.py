"""`python -m tradedeck.exchange`: the paper exchange of this home."""

from __future__ import annotations

import sys

from tradedeck.exchange.wiring import main

if __name__ == "__main__":
    sys.exit(main())
