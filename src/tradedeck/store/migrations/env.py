"""How Alembic reaches our database: the engine is handed over, nothing is read from a file."""

from __future__ import annotations

from typing import Any

from alembic import context


def run() -> None:
    """One transaction for all steps: a failed upgrade leaves the old schema."""
    engine: Any = context.config.attributes["engine"]
    with engine.begin() as connection:
        context.configure(
            connection=connection,
            target_metadata=context.config.attributes.get("metadata"),
            transaction_per_migration=False,
            transactional_ddl=True,
            render_as_batch=True,
        )
        context.run_migrations()


run()
