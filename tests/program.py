"""Where the program under test lies: what starts a process of it starts this one, in a checkout, a
wheel or a copy with a control removed.
"""

from __future__ import annotations

from pathlib import Path

import tradedeck

PROGRAM = Path(tradedeck.__file__).resolve().parents[1]
