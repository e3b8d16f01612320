"""PostgreSQL: one connection that writes and holds the database's lock, a few that read.

The lock is of the session that writes: who loses that connection loses the right to write until it
has taken the lock again, so that two programs never write to one database. Imported only where an
address is set.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store import scoping, walls
from tradedeck.store.engines import READERS, Engines
from tradedeck.store.migrate import current, migrate, revisions

LOCK: Final = int.from_bytes(b"tradedck")  # of the database that is connected to
CONNECT_TIMEOUT_S: Final = 10
_COMMON: Final = "-c timezone=UTC -c idle_in_transaction_session_timeout=60000"
# What was acknowledged survives a power cut, whatever the server's default is.
_WRITER: Final = f"{_COMMON} -c synchronous_commit=on -c lock_timeout=10000"
_READER: Final = (
    f"{_COMMON} -c default_transaction_read_only=on "
    r"-c default_transaction_isolation=repeatable\ read"
)
HINT: Final = "Look at the PostgreSQL server and at TRADEDECK_STORE_URL."


def open_url(address: str) -> Engines:
    """The database at `address`, migrated where needed.

    Raises:
        TradedeckError: INVALID_SETTING for an address that is none of PostgreSQL, or a role that
            row-level security would not hold; MISSING_DEPENDENCY; CONFLICT when another process
            has the database open.
    """
    url = parse(address)
    _driver()
    writer = writer_engine(url)
    try:
        _ordinary(writer)
        if current(writer) != revisions()[-1]:
            walls.lowered(writer)
        migrate(writer)
        walls.raised(writer)
        readers = reader_engine(url)
        scoping.install(writer)
        scoping.install(readers)
        return Engines(writer, readers, HINT)
    except BaseException:  # the lock must not outlive us
        writer.dispose()
        raise


def parse(address: str) -> URL:
    """The address as SQLAlchemy takes it; any of libpq's parameters may follow a `?`."""
    try:
        url = make_url(address)
    except ArgumentError:
        url = None
    if url is None or url.drivername not in {"postgresql", "postgres"}:
        raise TradedeckError(
            Code.INVALID_SETTING,
            "The environment variable TRADEDECK_STORE_URL was not valid: it is no address of a "
            "PostgreSQL database.",
            hint="Write postgresql://role@host/database, with the password in ~/.pgpass.",
        )
    return url.set(drivername="postgresql+psycopg")


def _driver() -> None:
    try:
        import psycopg  # noqa: F401 # pyright: ignore[reportUnusedImport] - whether it is there
    except ImportError:
        raise TradedeckError(
            Code.MISSING_DEPENDENCY,
            "A store on PostgreSQL needs psycopg, which is not installed.",
            hint="Install tradedeck[postgres], or unset TRADEDECK_STORE_URL.",
        ) from None


def _ordinary(writer: Engine) -> None:
    """Refuse a role that row-level security does not hold."""
    with writer.connect() as connection:
        row = connection.execute(
            text(
                "SELECT rolname, rolsuper OR rolbypassrls AS free FROM pg_roles "
                "WHERE rolname = current_user"
            )
        ).one()
    if row.free:
        raise TradedeckError(
            Code.INVALID_SETTING,
            f"The PostgreSQL role {row.rolname} bypasses row-level security.",
            hint="Use an ordinary role that owns the database; see docs/operating/postgresql.md.",
        )


def writer_engine(url: URL) -> Engine:
    """The engine of the writer alone; its one connection holds the lock."""
    engine = _engine(url, _WRITER, size=1)

    def lock(connection: Any, _: Any) -> None:
        taken = connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()[0]
        connection.commit()
        if not taken:
            raise TradedeckError(
                Code.CONFLICT,
                "Another process has the store open.",
                hint="Only one api may run on a database; stop the other one first.",
            )

    event.listen(engine, "connect", lock)
    return engine


def reader_engine(url: URL) -> Engine:
    """Read-only connections, each transaction a snapshot."""
    return _engine(url, _READER, size=READERS + 1)


def _engine(url: URL, options: str, *, size: int) -> Engine:
    return create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_pre_ping=True,  # the server may have been started again
        connect_args={
            "options": options,
            "application_name": "tradedeck",
            "connect_timeout": CONNECT_TIMEOUT_S,
        },
    )
