"""A store with records, the log over it, and hands that tamper."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.raw import untriggered

from tradedeck.audit import service
from tradedeck.audit import store as audit_store
from tradedeck.audit.tables import audit
from tradedeck.audit.tree import Fetch, Log, open_log
from tradedeck.audit.types import Act, Action, Result, Verdict, Who
from tradedeck.audit.verify import verify
from tradedeck.store.database import Store, open_store
from tradedeck.store.scope import Door
from tradedeck.store.sessions import WriteSession

WHO = Who("ada", "risk", "session:ses_1", "127.0.0.1")


class Desk:
    """One home: its store, its log, opened again at will."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "audit"
        self.key = home / "keys" / "audit.key"
        self.key.parent.mkdir(parents=True, exist_ok=True)
        self.database = home / "store" / "tradedeck.db"
        self.opened: Store = open_store(self.database)
        self.store = self.opened.beyond(Door.AUDIT)

    def append(self, count: int = 1, *, actor: str = "ada", size: int = 0) -> None:
        """Records, each in its own act's words; all in one transaction."""

        def work(write: WriteSession) -> None:
            begin = audit_store.head(write)[0]
            for number in range(begin, begin + count):
                who = Who(actor, "risk", "session:ses_1", "127.0.0.1")
                after = {"n": number, "text": "x" * size}
                act = Act(Action.FLATTEN, who, f"trader/{number}", Result.DONE, after=after)
                service.append(write, act, now_ns=1_000 + number)

        self.store.write_now(work)

    def fetch(self) -> Fetch:
        """The table, as the tree asks for it."""

        def rows(*, after_seq: int, limit: int) -> list[audit_store.Row]:
            return self.store.read_now(
                lambda read: audit_store.batch(read, after_seq=after_seq, limit=limit)
            )

        return rows

    def log(self) -> Log:
        """The log, caught up."""
        log = open_log(self.folder, self.key)
        while log.follow(self.fetch()):
            pass
        return log

    def verify(self, log: Log | None = None) -> Verdict:
        """What the log says about itself; the tree as it is on disk where none is given."""
        view = log or open_log(self.folder, self.key)
        return self.store.read_now(lambda read: verify(read, view))

    def tamper(self, *statements: str) -> None:
        """As somebody with the file would: without the triggers."""
        untriggered(self.store, *statements)

    def rechain(self) -> None:
        """Give every record the hashes it needs, as an attacker with our code would."""

        def work(write: WriteSession) -> None:
            rows = audit_store.batch(write, after_seq=0, limit=100_000)
            write.execute(audit.delete())
            previous = audit_store.GENESIS
            for seq, row in enumerate(rows, 1):
                kept = dict(row) | {"seq": seq, "previous": previous}
                kept["hash"] = previous = audit_store.link(kept)
                audit_store.add(write, [kept])

        self.tamper()
        self.store.write_now(work)

    def files(self) -> dict[str, bytes]:
        """Every file of the log."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }


@contextmanager
def desk(home: Path) -> Generator[Desk]:
    """A desk, closed at the end."""
    made = Desk(home)
    try:
        yield made
    finally:
        made.opened.close()
