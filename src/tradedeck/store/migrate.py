"""Brings a database to the schema of this program, or back. Owns running the migrations only.

Alembic costs 15 MB and 0.2 s to import, so a database that is current is recognised without it:
the file name of a migration begins with its revision.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, inspect, text

from tradedeck.kernel.errors import Code, TradedeckError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"


def revisions() -> list[str]:
    """Every revision this program knows, oldest first."""
    return sorted(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current(engine: Engine) -> str | None:
    """The revision of the database; None when it is empty."""
    with engine.connect() as connection:
        if VERSION_TABLE not in inspect(connection).get_table_names():
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(engine: Engine, target: str = "head") -> None:
    """Upgrade to `target`.

    Raises:
        TradedeckError: STORAGE, when the database is newer than this program.

    """
    known = revisions()
    at = current(engine)
    if at is not None and at not in known:
        raise TradedeckError(
            Code.STORAGE,
            f"The store has schema {at}; this program knows up to {known[-1]}.",
            hint="Start the newer version, or restore the backup made before the upgrade.",
        )
    if at == (known[-1] if target == "head" else target):
        return
    from alembic import command

    command.upgrade(_config(engine), target)


def downgrade(engine: Engine, target: str) -> None:
    """Go back to `target` (`base`: nothing left)."""
    from alembic import command

    command.downgrade(_config(engine), target)


def _config(engine: Engine) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    return config
