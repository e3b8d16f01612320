"""Identity, audit, desired state, jobs.

Frozen: a migration never imports the tables of today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _some(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger) for name in names]


def _key(name: str = "id") -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


def upgrade() -> None:
    """Make the tables and the triggers that keep the audit record append-only."""
    _audit()
    _identity()
    _desired()
    op.create_table(
        "jobs",
        _key(),
        *_text("kind", "state", "params", "author", "worker"),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        *_times("created_at_ns"),
        *_some("started_at_ns", "heard_at_ns", "ended_at_ns"),
        *_text("detail"),
        sa.Column("result", sa.Text),
    )
    op.create_index("ix_jobs_state", "jobs", ["state"])


def _audit() -> None:
    op.create_table(
        "audit",
        _number("seq"),
        *_times("at_ns"),
        *_text("actor", "role", "session", "address", "action", "target"),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        *_text("result", "code", "reason", "correlation", "previous", "hash"),
    )
    op.create_index("ix_audit_correlation", "audit", ["correlation"])
    op.create_index("ix_audit_action", "audit", ["action"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE 'the audit record is append-only' USING ERRCODE = '23000'; END $$"
        )
        for act in ("UPDATE", "DELETE", "TRUNCATE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{act.lower()} BEFORE {act} ON audit "
                "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
            )
        return
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_no_{act.lower()} BEFORE {act} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END"
        )


def _identity() -> None:
    op.create_table(
        "sessions",
        _key(),
        *_text("hash", "actor", "role", "address", "agent"),
        *_times("created_at_ns", "expires_at_ns", "seen_at_ns"),
        *_some("ended_at_ns"),
        sa.UniqueConstraint("hash", name="uq_sessions_hash"),
    )
    op.create_table(
        "tokens",
        _key(),
        *_text("hash", "name", "role", "created_by"),
        *_times("created_at_ns", "expires_at_ns"),
        *_some("seen_at_ns", "revoked_at_ns"),
        sa.UniqueConstraint("hash", name="uq_tokens_hash"),
    )
    op.create_table(
        "one_time_links",
        _key(),
        *_text("hash", "purpose", "actor", "role"),
        *_times("created_at_ns", "expires_at_ns"),
        *_some("used_at_ns"),
        sa.UniqueConstraint("hash", name="uq_one_time_links_hash"),
    )


def _desired() -> None:
    op.create_table(
        "desired_versions",
        _number("generation"),
        sa.Column("base_generation", sa.Integer, nullable=False),
        *_text("kind", "document", "digest", "diff", "author", "role", "reason"),
        *_times("created_at_ns"),
    )
    op.create_table(
        "pending_acts",
        _key(),
        *_text("kind", "status"),
        sa.Column("base_generation", sa.Integer, nullable=False),
        *_text("body", "diff", "author", "role", "session", "address", "reason"),
        *_times("created_at_ns"),
        *_some("effective_at_ns", "decided_at_ns"),
        *_text("decided_by", "detail"),
    )
    op.create_table(
        "idempotency",
        _key("key"),
        *_text("body_hash"),
        sa.Column("status", sa.Integer, nullable=False),
        *_text("response"),
        *_times("at_ns"),
    )


def downgrade() -> None:
    """Remove them all."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_append_only() CASCADE")
    else:
        for act in ("update", "delete"):
            op.execute(f"DROP TRIGGER audit_no_{act}")
    for table in (
        "jobs",
        "idempotency",
        "pending_acts",
        "desired_versions",
        "one_time_links",
        "tokens",
        "sessions",
        "audit",
    ):
        op.drop_table(table)
