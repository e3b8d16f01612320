"""People: accounts, passkeys, recovery codes, invitations; whose a session or token is.

Frozen: a migration never imports the tables of today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FIRST_TENANT = "main"


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _maybe(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text) for name in names]


def _times(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _some(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger) for name in names]


def _key() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True)


def upgrade() -> None:
    """Make the tables; sessions, tokens and links that were there belong to the first tenant."""
    op.create_table(
        "users",
        _key(),
        *_text("tenant", "kind", "name", "display_name", "role"),
        *_maybe("password_hash", "totp"),
        *_times("totp_step"),
        sa.Column("failed", sa.Integer, nullable=False),
        *_times("locked_until_ns"),
        *_some("disabled_at_ns", "enrolled_at_ns", "seen_at_ns"),
        *_maybe("oidc_subject"),
        *_times("created_at_ns"),
        *_text("created_by"),
        sa.UniqueConstraint("tenant", "name", name="uq_users_tenant_name"),
    )
    op.create_table(
        "credentials",
        _key(),
        *_text("tenant", "user", "credential_id"),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        *_times("sign_count"),
        *_text("name", "rp_id", "transports"),
        *_times("created_at_ns"),
        *_some("used_at_ns"),
        sa.UniqueConstraint("credential_id", name="uq_credentials_credential_id"),
    )
    op.create_index("ix_credentials_user", "credentials", ["user"])
    op.create_table(
        "recovery_codes",
        _key(),
        *_text("tenant", "user", "hash"),
        *_times("created_at_ns"),
        *_some("used_at_ns"),
        sa.UniqueConstraint("user", "hash", name="uq_recovery_codes_user_hash"),
    )
    op.create_table(
        "invitations",
        _key(),
        *_text("tenant", "hash", "name", "role"),
        *_times("created_at_ns", "expires_at_ns"),
        *_text("created_by"),
        *_some("used_at_ns", "revoked_at_ns"),
        sa.UniqueConstraint("hash", name="uq_invitations_hash"),
    )
    op.create_table(
        "challenges",
        _key(),
        *_text("tenant", "user", "purpose", "hash", "data"),
        *_times("created_at_ns", "expires_at_ns"),
        *_some("used_at_ns"),
        sa.UniqueConstraint("hash", name="uq_challenges_hash"),
    )
    for name in ("sessions", "tokens", "one_time_links"):
        with op.batch_alter_table(name) as table:
            table.add_column(
                sa.Column("tenant", sa.Text, nullable=False, server_default=FIRST_TENANT)
            )
    with op.batch_alter_table("sessions") as table:
        table.add_column(sa.Column("user", sa.Text, nullable=False, server_default=""))
        table.add_column(sa.Column("method", sa.Text, nullable=False, server_default="link"))
        table.add_column(sa.Column("mfa", sa.Boolean, nullable=False, server_default=sa.false()))
        table.add_column(
            sa.Column("step_up_at_ns", sa.BigInteger, nullable=False, server_default="0")
        )
    with op.batch_alter_table("tokens") as table:
        table.add_column(sa.Column("user", sa.Text, nullable=False, server_default=""))
        table.add_column(sa.Column("permissions", sa.Text))


def downgrade() -> None:
    """Forget people; their sessions and tokens stay, by name and role."""
    with op.batch_alter_table("tokens") as table:
        for name in ("permissions", "user", "tenant"):
            table.drop_column(name)
    with op.batch_alter_table("sessions") as table:
        for name in ("step_up_at_ns", "mfa", "method", "user", "tenant"):
            table.drop_column(name)
    with op.batch_alter_table("one_time_links") as table:
        table.drop_column("tenant")
    for name in ("challenges", "invitations", "recovery_codes", "credentials", "users"):
        op.drop_table(name)
