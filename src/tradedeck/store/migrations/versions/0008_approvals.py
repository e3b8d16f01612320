"""Requests for a second person's word, and which rights of a tenant take one.

Frozen: a migration never imports the tables of today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_WORDS = (
    "tenant", "kind", "act", "digest", "requester", "requester_user", "reason", "status",
    "approver", "approver_user", "signatures", "detail",
)  # fmt: skip


def upgrade() -> None:
    """Nobody has asked for anything yet."""
    op.create_table(
        "approvals",
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in _WORDS),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ns", sa.BigInteger, nullable=False),
        sa.Column("decided_at_ns", sa.BigInteger),
        sa.Column("used_at_ns", sa.BigInteger),
    )
    op.create_index("ix_approvals_status", "approvals", ["tenant", "status"])
    op.create_table(
        "governance",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("right", sa.Text, primary_key=True),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("holders", sa.Integer, nullable=False),
        sa.Column("since_ns", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_table("governance")
    op.drop_index("ix_approvals_status", "approvals")
    op.drop_table("approvals")
