"""`python -m tradedeck.host`: the zygote; started by the runner with its end of a socket pair."""

from __future__ import annotations

import sys

from tradedeck.host.zygote import main

if __name__ == "__main__":
    sys.exit(main())
