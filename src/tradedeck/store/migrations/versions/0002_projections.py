"""What journals said: entries, marks, and the tables made from them.

Frozen: a migration never imports the tables of today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _stream()
    _trading()
    _observed()


def _stream() -> None:
    op.create_table(
        "entries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_entries"),
        sa.UniqueConstraint("source", "epoch", "seq", name="uq_entries_source_epoch_seq"),
    )
    op.create_index("ix_entries_kind_id", "entries", ["kind", "id"])
    op.create_table(
        "watermarks",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("head", sa.BigInteger, nullable=False),
        sa.Column("updated_ns", sa.BigInteger, nullable=False),
        sa.Column("stopped", sa.Text),
        sa.PrimaryKeyConstraint("source", "epoch", name="pk_watermarks"),
    )


def _trading() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("updated_event", sa.BigInteger, nullable=False),
        sa.Column("updated_ns", sa.BigInteger, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("venue_order", sa.Text),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("trader", sa.Text, nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("quantity", sa.Text, nullable=False),
        sa.Column("limit_price", sa.Text),
        sa.Column("stop_price", sa.Text),
        sa.Column("tif", sa.Text, nullable=False),
        sa.Column("expires_ns", sa.BigInteger),
        sa.Column("reduce_only", sa.Boolean, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("decision_price", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("filled", sa.Text, nullable=False),
        sa.Column("average_price", sa.Text),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("sent_at_ns", sa.BigInteger),
        sa.Column("acked_at_ns", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("numbers", sa.Text),
        sa.Column("planned_stop", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
    )
    op.create_index("ix_orders_event", "orders", ["event"])
    op.create_index("ix_orders_status_event", "orders", ["status", "event"])
    op.create_index("ix_orders_trader_event", "orders", ["trader", "event"])
    op.create_table(
        "order_steps",
        sa.Column("order", sa.Text, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("order", "event", name="pk_order_steps"),
    )
    op.create_table(
        "fills",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("order", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("trader", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("quantity", sa.Text, nullable=False),
        sa.Column("price", sa.Text, nullable=False),
        sa.Column("fee", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        sa.Column("venue_seq", sa.BigInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("liquidity", sa.Text, nullable=False),
        sa.Column("decision_price", sa.Text),
        sa.Column("balance", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fills"),
    )
    op.create_index("ix_fills_event", "fills", ["event"])
    op.create_index("ix_fills_order", "fills", ["order"])
    op.create_index("ix_fills_trader_event", "fills", ["trader", "event"])
    op.create_table(
        "positions",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("trader", sa.Text, nullable=False),
        sa.Column("quantity", sa.Text, nullable=False),
        sa.Column("cost", sa.Text, nullable=False),
        sa.Column("average_price", sa.Text),
        sa.Column("realised", sa.Text, nullable=False),
        sa.Column("opened_ns", sa.BigInteger),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "instrument", name="pk_positions"),
    )
    _results()


def _results() -> None:
    op.create_table(
        "ledger",
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("ledger", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("balance", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("event", "line", name="pk_ledger"),
    )
    op.create_index("ix_ledger_account_event", "ledger", ["account", "event"])
    op.create_table(
        "trades",
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("trader", sa.Text, nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("quantity", sa.Text, nullable=False),
        sa.Column("opened_ns", sa.BigInteger, nullable=False),
        sa.Column("closed_ns", sa.BigInteger, nullable=False),
        sa.Column("entry_price", sa.Text, nullable=False),
        sa.Column("exit_price", sa.Text, nullable=False),
        sa.Column("pnl", sa.Text, nullable=False),
        sa.Column("fees", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("r_multiple", sa.Text),
        sa.Column("equity", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("event", name="pk_trades"),
    )
    op.create_index("ix_trades_trader_event", "trades", ["trader", "event"])
    op.create_table(
        "open_trades",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account", "instrument", name="pk_open_trades"),
    )
    op.create_table(
        "decisions",
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("trader", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("price", sa.Float, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("signalled", sa.Boolean, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("event", name="pk_decisions"),
    )
    op.create_index("ix_decisions_signalled_event", "decisions", ["signalled", "event"])
    op.create_index("ix_decisions_trader_event", "decisions", ["trader", "event"])
    op.create_index("ix_decisions_trader_time_ns", "decisions", ["trader", "time_ns"])
    op.create_table(
        "equity",
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("equity", sa.Text, nullable=False),
        sa.Column("balance", sa.Text, nullable=False),
        sa.Column("drawdown", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("event", name="pk_equity"),
    )
    op.create_index("ix_equity_account_event", "equity", ["account", "event"])


def _observed() -> None:
    op.create_table(
        "accounts_observed",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("currency", sa.Text),
        sa.Column("verdict", sa.Text),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("opening_balance", sa.Text),
        sa.Column("balance", sa.Text),
        sa.Column("equity", sa.Text),
        sa.Column("unrealised", sa.Text),
        sa.Column("realised", sa.Text),
        sa.Column("fees", sa.Text),
        sa.Column("exposure", sa.Text),
        sa.Column("day_pnl", sa.Text),
        sa.Column("drawdown", sa.Text),
        sa.Column("max_drawdown", sa.Text),
        sa.Column("time_ns", sa.BigInteger),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_accounts_observed"),
    )
    op.create_table(
        "traders_observed",
        sa.Column("trader", sa.Text, nullable=False),
        sa.Column("account", sa.Text),
        sa.Column("strategy", sa.Text),
        sa.Column("params", sa.Text),
        sa.Column("generation", sa.Integer),
        sa.Column("state", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("state_ns", sa.BigInteger),
        sa.Column("realised", sa.Text),
        sa.Column("unrealised", sa.Text),
        sa.Column("peak", sa.Text),
        sa.Column("drawdown", sa.Text),
        sa.Column("peak_equity", sa.Text),
        sa.Column("day", sa.Text),
        sa.Column("day_start", sa.Text),
        sa.Column("day_pnl", sa.Text),
        sa.Column("restarts", sa.Integer, nullable=False),
        sa.Column("planned", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("trader", name="pk_traders_observed"),
    )
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
    op.create_table(
        "alerts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("last_ns", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("acknowledged_ns", sa.BigInteger),
        sa.Column("acknowledged_by", sa.Text),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_acknowledged_ns_id", "alerts", ["acknowledged_ns", "id"])
    op.create_index(
        "ix_alerts_code_subject_acknowledged_ns", "alerts", ["code", "subject", "acknowledged_ns"]
    )
    _states()


def _states() -> None:
    op.create_table(
        "conditions",
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("subject", "type", name="pk_conditions"),
    )
    op.create_table(
        "feeds_observed",
        sa.Column("feed", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("cursor", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("data_mode", sa.Text),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("feed", name="pk_feeds_observed"),
    )
    op.create_table(
        "runners_observed",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("mode", sa.Text),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("data_mode", sa.Text),
        sa.Column("execution_capable_accounts", sa.Integer),
        sa.Column("strict_live", sa.Boolean),
        sa.Column("build", sa.Text),
        sa.Column("pid", sa.Integer),
        sa.Column("started_ns", sa.BigInteger),
        sa.Column("generation", sa.Integer),
        sa.Column("generation_ns", sa.BigInteger),
        sa.Column("refused_generation", sa.Integer),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_runners_observed"),
    )
    op.create_table(
        "breaches",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("limit", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("bound", sa.Text),
        sa.Column("action", sa.Text),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("scope", "limit", name="pk_breaches"),
    )


def downgrade() -> None:
    """Forget the tables; journals can fill them again."""
    for name in (
        "breaches",
        "runners_observed",
        "feeds_observed",
        "conditions",
        "alerts",
        "halts",
        "traders_observed",
        "accounts_observed",
        "equity",
        "decisions",
        "open_trades",
        "trades",
        "ledger",
        "positions",
        "fills",
        "order_steps",
        "orders",
        "watermarks",
        "entries",
    ):
        op.drop_table(name)
