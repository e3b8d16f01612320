"""Keys of acts remember whose they are and how the act stands; how often somebody asks.

Frozen: a migration never imports the tables of today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Answers that were kept are of acts that are done."""
    with op.batch_alter_table("idempotency") as table:
        table.add_column(sa.Column("tenant", sa.Text, nullable=False, server_default="main"))
        table.add_column(sa.Column("session", sa.Text, nullable=False, server_default=""))
        table.add_column(sa.Column("state", sa.Text, nullable=False, server_default="done"))
        table.add_column(sa.Column("headers", sa.Text, nullable=False, server_default="{}"))
    op.create_index("ix_idempotency_at_ns", "idempotency", ["at_ns"])
    op.create_table(
        "rates",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("free_at_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_rates_free_at_ns", "rates", ["free_at_ns"])


def downgrade() -> None:
    """An act that is not done has no answer that could be kept."""
    op.drop_table("rates")
    op.execute("DELETE FROM idempotency WHERE state <> 'done'")
    op.drop_index("ix_idempotency_at_ns", "idempotency")
    with op.batch_alter_table("idempotency") as table:
        for name in ("headers", "state", "session", "tenant"):
            table.drop_column(name)
