"""Which column of a file means what. Owns the accepted headers; reads no row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tradedeck.marketdata.errors import bad_file

TIME_NAMES = ("time", "date", "datetime", "timestamp")
SYMBOL_NAMES = ("instrument", "symbol", "ticker")
PRICES = ("open", "high", "low", "close")
ONE_SIDED = PRICES
TWO_SIDED = tuple(f"{side}_{name}" for side in ("bid", "ask") for name in PRICES)


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions of the columns in a row.

    `prices` are open, high, low, close; in a two-sided file the four of bid, then those of ask.
    """

    time: int
    prices: tuple[int, ...]
    volume: int | None
    symbol: int | None

    @property
    def sided(self) -> bool:
        return len(self.prices) == len(TWO_SIDED)


def layout(path: str, header: Sequence[str]) -> Layout:
    """The layout of a file with this header; case, spaces and order do not matter.

    Raises:
        TradedeckError: INVALID_DATA, naming the missing columns.
    """
    # A byte order mark is part of the first name in files that some spreadsheets write.
    names = [name.strip().lstrip("\ufeff").lower().replace(" ", "_") for name in header]
    repeated = sorted({name for name in names if names.count(name) > 1 and name})
    places = {name: index for index, name in enumerate(names)}
    time = next((places[name] for name in TIME_NAMES if name in places), None)
    symbol = next((places[name] for name in SYMBOL_NAMES if name in places), None)
    wanted = TWO_SIDED if "bid_close" in places or "ask_close" in places else ONE_SIDED
    missing = [name for name in wanted if name not in places]
    if time is None:
        missing.insert(0, "time (or date)")
    if missing:
        found = ", ".join(name for name in names if name) or "nothing"
        raise bad_file(
            path,
            f"missing columns: {', '.join(missing)}",
            f"The header has {found}. Needed are time, open, high, low, close (volume is "
            "optional), or time with bid_ and ask_ open, high, low, close.",
        )
    if repeated:
        raise bad_file(path, f"columns named twice: {', '.join(repeated)}")
    assert time is not None
    prices = tuple(places[name] for name in wanted)
    return Layout(time, prices, places.get("volume"), symbol)
