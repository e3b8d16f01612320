"""How often a job was begun, and how far it is in bars.

Frozen: a migration never imports the tables of today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; jobs that were there have been begun once at most."""
    with op.batch_alter_table("jobs") as table:
        table.add_column(sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
        table.add_column(sa.Column("bars", sa.BigInteger, nullable=False, server_default="0"))
        table.add_column(sa.Column("code", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Forget them."""
    with op.batch_alter_table("jobs") as table:
        for name in ("code", "bars", "attempts"):
            table.drop_column(name)
