"""Reading another process's journal without holding it: its rows, while it lives or after it died.

Read-only by SQLite's own flag. What is read is one transaction: the state of one commit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError

BUSY_MS = 2_000


def rows(path: Path, *prefixes: str) -> dict[str, Any]:
    """The committed state rows whose names begin with one of `prefixes`; {} without a journal.

    Raises:
        TradedeckError: STORAGE where the file is there and cannot be read.

    """
    if not path.exists():
        return {}
    try:
        db: Any = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.set_busy_timeout(BUSY_MS)
            found = [
                (name, value)
                for name, value in db.execute("SELECT name, value FROM state")
                if name.startswith(prefixes)
            ]
        finally:
            db.close()
    except apsw.Error as error:
        raise TradedeckError(
            Code.STORAGE,
            f"the journal {path} could not be read: {error}",
            hint="Its process may be starting; look at its log.",
        ) from error
    return {name: canonical.decode(value) for name, value in found}
