"""`python -m tradedeck.supervisor` is `tradedeck up`."""

from __future__ import annotations

import sys

from tradedeck.supervisor.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
