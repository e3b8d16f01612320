"""How bad market data is named: the file, the row, and what was wrong there."""

from __future__ import annotations

from tradedeck.kernel.errors import Code, Fault, TradedeckError


def bad_row(path: str, row: int, reason: str) -> TradedeckError:
    """One row that cannot be a bar. Rows count from 1, the header included."""
    return TradedeckError(
        Code.INVALID_DATA,
        f"{path}, row {row}: {reason}.",
        faults=(Fault(f"{path}:{row}", reason),),
    )


def bad_file(path: str, reason: str, hint: str = "") -> TradedeckError:
    """A file that cannot be read as bars at all."""
    return TradedeckError(
        Code.INVALID_DATA, f"{path}: {reason}.", hint=hint, faults=(Fault(path, reason),)
    )
