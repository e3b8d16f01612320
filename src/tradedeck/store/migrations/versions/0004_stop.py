"""Latches by who holds them; kills, their legs and steps, lifts, drills, guards.

Frozen: a migration never imports the tables of today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_HALT = ("scope", "level", "reason", "by", "at_ns", "event")


def upgrade() -> None:
    """Make the tables; halts that stand were all reported by runners."""
    _set_aside()
    op.create_table(
        "halts",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("kill", sa.Text),
        sa.PrimaryKeyConstraint("scope", "holder", name="pk_halts"),
    )
    names = ", ".join(f'"{name}"' for name in _HALT)
    op.execute(
        f"INSERT INTO halts ({names}, holder) SELECT {names}, 'runner' "  # noqa: S608 - constants
        "FROM halts_before ORDER BY event"
    )
    op.drop_table("halts_before")
    _kills()
    _others()


def _set_aside() -> None:
    op.rename_table("halts", "halts_before")
    if op.get_bind().dialect.name == "postgresql":  # names of keys are those of the whole schema
        op.drop_constraint("pk_halts", "halts_before", type_="primary")


def _kills() -> None:
    op.create_table(
        "kills",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("flatten", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("origin", sa.Text),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("sent_ns", sa.BigInteger),
        sa.Column("latched", sa.Text, nullable=False),
        sa.Column("done_ns", sa.BigInteger),
        sa.Column("to_last_cancel_sent_ms", sa.Float),
        sa.Column("to_cancelled_ms", sa.Float),
        sa.Column("to_flat_ms", sa.Float),
        sa.Column("totals", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("updated_event", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_kills"),
    )
    op.create_index("ix_kills_event", "kills", ["event"])
    op.create_table(
        "kill_legs",
        sa.Column("kill", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("instruments", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("by", sa.Text),
        sa.Column("epoch", sa.Integer),
        sa.Column("owned_ns", sa.BigInteger),
        sa.Column("flat_ns", sa.BigInteger),
        sa.Column("proof", sa.Text),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("kill", "account", name="pk_kill_legs"),
    )
    op.create_table(
        "kill_steps",
        sa.Column("kill", sa.Text, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("numbers", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kill", "event", name="pk_kill_steps"),
    )


def _others() -> None:
    op.create_table(
        "lifts",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("until_ns", sa.BigInteger),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("ended_ns", sa.BigInteger),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lifts"),
    )
    op.create_index("ix_lifts_state_event", "lifts", ["state", "event"])
    op.create_table(
        "drills",
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("ok", sa.Boolean, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("orders", sa.Integer),
        sa.Column("positions", sa.Integer),
        sa.Column("to_last_cancel_sent_ms", sa.Float),
        sa.Column("to_cancelled_ms", sa.Float),
        sa.Column("to_flat_ms", sa.Float),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("event", name="pk_drills"),
    )
    op.create_table(
        "guards_observed",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("build", sa.Text),
        sa.Column("pid", sa.Integer),
        sa.Column("started_ns", sa.BigInteger),
        sa.Column("runner_state", sa.Text),
        sa.Column("runner_detail", sa.Text),
        sa.Column("runner_ns", sa.BigInteger),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_guards_observed"),
    )


def downgrade() -> None:
    """Forget them. Each scope keeps its strictest halt, since who held it is forgotten."""
    for name in ("guards_observed", "drills", "lifts", "kill_steps", "kill_legs", "kills"):
        op.drop_table(name)
    _set_aside()
    op.create_table(
        "halts",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_halts"),
    )
    names = ", ".join(f'"{name}"' for name in _HALT)
    op.execute(
        f"INSERT INTO halts ({names}) SELECT {names} FROM ("  # noqa: S608 - constants
        f"SELECT {names}, row_number() OVER (PARTITION BY scope ORDER BY CASE level "
        "WHEN 'pause' THEN 1 WHEN 'reduce_only' THEN 2 WHEN 'halted' THEN 3 ELSE 0 END DESC, "
        "event DESC) AS place FROM halts_before) AS ranked WHERE place = 1 ORDER BY event"
    )
    op.drop_table("halts_before")
