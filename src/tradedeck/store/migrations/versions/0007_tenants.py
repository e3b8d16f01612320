"""Every row belongs to a tenant; what is there belongs to the first, `main`.

Frozen: a migration never imports the tables of today.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Tables whose keys were made within one tenant: their key, and what is indexed with it.
_KEYED: dict[str, tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]] = {
    "desired_versions": (("generation",), ()),
    "entries": (("id",), (("kind", "id"),)),
    "watermarks": (("source", "epoch"), ()),
    "orders": (("id",), (("trader", "event"), ("status", "event"), ("event",))),
    "order_steps": (("order", "event"), ()),
    "fills": (("id",), (("trader", "event"), ("order",), ("event",))),
    "positions": (("account", "instrument"), ()),
    "ledger": (("event", "line"), (("account", "event"),)),
    "trades": (("event",), (("trader", "event"),)),
    "open_trades": (("account", "instrument"), ()),
    "decisions": (
        ("event",),
        (("trader", "event"), ("trader", "time_ns"), ("signalled", "event")),
    ),
    "equity": (("event",), (("account", "event"),)),
    "accounts_observed": (("account",), ()),
    "traders_observed": (("trader",), ()),
    "alerts": (
        ("id",),
        (("acknowledged_ns", "id"), ("code", "subject", "acknowledged_ns")),
    ),
    "conditions": (("subject", "type"), ()),
    "feeds_observed": (("feed",), ()),
    "runners_observed": (("source",), ()),
    "breaches": (("scope", "limit"), ()),
    "halts": (("scope", "holder"), ()),
    "kills": (("id",), (("event",),)),
    "kill_legs": (("kill", "account"), ()),
    "kill_steps": (("kill", "event"), ()),
    "lifts": (("id",), (("state", "event"),)),
    "drills": (("event",), ()),
    "guards_observed": (("source",), ()),
}
# Tables whose ids are nobody else's anyway.
_PLAIN = ("pending_acts", "jobs")
_UNIQUE = {"entries": ("source", "epoch", "seq")}


def upgrade() -> None:
    """Give every row its tenant, and every key and index the tenant in front."""
    for name, (key, indexes) in _KEYED.items():
        _change(name, ("tenant", *key), [("tenant", *each) for each in indexes], indexes, up=True)
    for name in _PLAIN:
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("tenant", sa.Text, nullable=False, server_default="main"))
        with op.batch_alter_table(name) as table:
            table.alter_column("tenant", server_default=None)
    op.create_index("ix_jobs_tenant_id", "jobs", ["tenant", "id"])
    # The triggers that keep this table as it is would not outlive a copy of it.
    op.add_column("audit", sa.Column("tenant", sa.Text, nullable=False, server_default="main"))
    op.create_index("ix_audit_tenant_seq", "audit", ["tenant", "seq"])
    op.create_table(
        "tenants",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("suspended_at_ns", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_tenants"),
    )


def downgrade() -> None:
    """Forget tenants, and with them all rows but those of `main`."""
    op.drop_table("tenants")
    op.drop_index("ix_audit_tenant_seq", "audit")
    op.drop_column("audit", "tenant")
    op.drop_index("ix_jobs_tenant_id", "jobs")
    for name in _PLAIN:
        op.execute(f"DELETE FROM {name} WHERE tenant <> 'main'")  # noqa: S608 - constants
        with op.batch_alter_table(name) as table:
            table.drop_column("tenant")
    for name, (key, indexes) in reversed(_KEYED.items()):
        _change(name, key, indexes, [("tenant", *each) for each in indexes], up=False)


def _change(
    name: str,
    key: tuple[str, ...],
    indexes: Any,
    before: Any,
    *,
    up: bool,
) -> None:
    for columns in before:
        op.drop_index("_".join(("ix", name, *columns)), name)
    bind = op.get_bind()
    unique = _UNIQUE.get(name, ())
    if bind.dialect.name == "postgresql":
        _alter(name, key, unique, up=up)
    else:
        _copy(bind, name, key, unique, up=up)
    for columns in indexes:
        op.create_index("_".join(("ix", name, *columns)), name, list(columns))


def _alter(name: str, key: tuple[str, ...], unique: tuple[str, ...], *, up: bool) -> None:
    # The first migration left its keys to the database to name.
    was: Any = sa.inspect(op.get_bind()).get_pk_constraint(name)["name"]
    op.drop_constraint(was, name, type_="primary")
    if up:
        op.add_column(name, sa.Column("tenant", sa.Text, nullable=False, server_default="main"))
        op.alter_column(name, "tenant", server_default=None)
    else:
        op.execute(f"DELETE FROM {name} WHERE tenant <> 'main'")  # noqa: S608 - constants
    if unique:
        older, newer = (unique, ("tenant", *unique)) if up else (("tenant", *unique), unique)
        op.drop_constraint("_".join(("uq", name, *older)), name, type_="unique")
        op.create_unique_constraint("_".join(("uq", name, *newer)), name, list(newer))
    if not up:
        op.drop_column(name, "tenant")
    op.create_primary_key(f"pk_{name}", name, list(key))


def _copy(
    bind: sa.Connection, name: str, key: tuple[str, ...], unique: tuple[str, ...], *, up: bool
) -> None:
    """SQLite cannot change a key in place."""
    old = sa.Table(name, sa.MetaData(), autoload_with=bind)
    kept = [column for column in old.columns if column.name != "tenant"]
    columns = [
        sa.Column(c.name, c.type, nullable=c.nullable, server_default=c.server_default)
        for c in kept
    ]
    more: list[Any] = [sa.PrimaryKeyConstraint(*key, name=f"pk_{name}")]
    if up:
        columns.insert(0, sa.Column("tenant", sa.Text, nullable=False))
    if unique:
        cols = ("tenant", *unique) if up else unique
        more.append(sa.UniqueConstraint(*cols, name="_".join(("uq", name, *cols))))
    op.rename_table(name, f"{name}_before")
    op.create_table(name, *columns, *more)
    names = ", ".join(f'"{column.name}"' for column in kept)
    to, source = (f"tenant, {names}", f"'main', {names}") if up else (names, names)
    where = "" if up else " WHERE tenant = 'main'"
    op.execute(
        f'INSERT INTO "{name}" ({to}) '  # noqa: S608 - names of tables and columns
        f'SELECT {source} FROM "{name}_before"{where} ORDER BY rowid'
    )
    op.drop_table(f"{name}_before")
