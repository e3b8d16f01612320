"""How fast the control plane takes a journal over; what people see of it is in `api.py`."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from tradedeck.projections.apply import apply, read_mark
from tradedeck.projections.check import parse_page
from tradedeck.readmodels.consistency import discrepancies
from tradedeck.store.database import open_store
from tradedeck.testkit.journals import MemoryJournal, TradingDay

ENTRIES = 20_000


def main() -> None:
    journal = MemoryJournal()
    day = TradingDay(journal)
    day.start()
    while journal.head < ENTRIES:
        day.decide("15.00", target="1")
        position = day.positions.get("AAPL")
        day.trade("SELL" if position and position.quantity else "BUY", "10", "15.00")
        day.equity("100000")
    with tempfile.TemporaryDirectory() as folder:
        opened = open_store(Path(folder) / "db" / "t.db")
        store = opened.of("main")
        began = time.perf_counter()
        after, epoch = 0, None
        while after < journal.head:
            reply = journal.answer({"epoch": epoch, "after": after, "max": 500})
            page = parse_page("local", reply)
            store.write_now(lambda session, page=page: apply(session, page, 1))
            mark = store.read_now(lambda session: read_mark(session, "local"))
            assert mark is not None
            after, epoch = mark.seq, mark.epoch
        seconds = time.perf_counter() - began
        assert store.read_now(discrepancies) == []
        opened.close()
    figure = {"name": "journal entries taken over", "value": journal.head / seconds}
    print(json.dumps({**figure, "unit": "entries/s", "bound": 5_000, "better": "more"}))


if __name__ == "__main__":
    main()
