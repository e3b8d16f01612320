"""Tables of what runners and exchanges reported.

Owns names and types only. Money and quantities are TEXT decimals (exact in every engine), times
are integers of nanoseconds since the epoch. `entries.id` is the sequence of a tenant's stream.
Never: what a person wishes (that is `desired`), who they are (`identity`), what they did (`audit`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from tradedeck.store.metadata import metadata

# SQLite gives a rowid its own value only when the column is spelled INTEGER.
_ID = BigInteger().with_variant(Integer(), "sqlite")

entries = Table(
    "entries",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("tenant", "source", "epoch", "seq"),
    Index(None, "tenant", "kind", "id"),
)

watermarks = Table(
    "watermarks",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),  # 1 for the first journal of a source, and rising
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
    Column("stopped", Text),  # why nothing more is taken from this journal
    PrimaryKeyConstraint("tenant", "source", "epoch"),
)

orders = Table(
    "orders",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("event", BigInteger, nullable=False),  # its first entry; sorts by creation
    Column("updated_event", BigInteger, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("venue_order", Text),
    Column("account", Text, nullable=False),
    Column("trader", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("limit_price", Text),
    Column("stop_price", Text),
    Column("tif", Text, nullable=False),
    Column("expires_ns", BigInteger),
    Column("reduce_only", Boolean, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("decision_price", Text),
    Column("status", Text, nullable=False),
    Column("filled", Text, nullable=False),
    Column("average_price", Text),
    Column("created_ns", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("sent_at_ns", BigInteger),
    Column("acked_at_ns", BigInteger),
    Column("reason", Text),
    Column("numbers", Text),  # JSON: what a refusal was held against
    Column("planned_stop", Text),  # the stop its decision named: the risk taken
    Index(None, "tenant", "trader", "event"),
    Index(None, "tenant", "status", "event"),
    Index(None, "tenant", "event"),
)

order_steps = Table(
    "order_steps",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("order", Text, nullable=False),
    Column("event", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "order", "event"),
)

fills = Table(
    "fills",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("event", BigInteger, nullable=False),
    Column("order", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("trader", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("price", Text, nullable=False),
    Column("fee", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("venue_seq", BigInteger, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("liquidity", Text, nullable=False),
    Column("decision_price", Text),
    Column("balance", Text, nullable=False),
    Index(None, "tenant", "trader", "event"),
    Index(None, "tenant", "order"),
    Index(None, "tenant", "event"),
)

positions = Table(
    "positions",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("trader", Text, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("cost", Text, nullable=False),
    Column("average_price", Text),
    Column("realised", Text, nullable=False),
    Column("opened_ns", BigInteger),
    Column("event", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "account", "instrument"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    Column("account", Text, nullable=False),
    Column("ledger", Text, nullable=False),
    Column("amount", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("balance", Text, nullable=False),  # of the account after the entry
    PrimaryKeyConstraint("tenant", "event", "line"),
    Index(None, "tenant", "account", "event"),
)

trades = Table(
    "trades",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("event", BigInteger, nullable=False),  # the fill that closed it
    Column("account", Text, nullable=False),
    Column("trader", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("opened_ns", BigInteger, nullable=False),
    Column("closed_ns", BigInteger, nullable=False),
    Column("entry_price", Text, nullable=False),
    Column("exit_price", Text, nullable=False),
    Column("pnl", Text, nullable=False),  # net of every fee of its fills
    Column("fees", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("r_multiple", Text),
    Column("equity", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "event"),
    Index(None, "tenant", "trader", "event"),
)

open_trades = Table(
    "open_trades",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("state", Text, nullable=False),  # JSON of projections.trades.OpenTrade
    PrimaryKeyConstraint("tenant", "account", "instrument"),
)

# Grows by a row per decision: retention deletes by `time_ns`, and first what decided nothing.
decisions = Table(
    "decisions",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("trader", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("price", Float, nullable=False),  # an observation, for charts; exact text in the body
    Column("verdict", Text, nullable=False),
    Column("signalled", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "event"),
    Index(None, "tenant", "trader", "event"),
    Index(None, "tenant", "trader", "time_ns"),
    Index(None, "tenant", "signalled", "event"),
)

equity = Table(
    "equity",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("equity", Text, nullable=False),
    Column("balance", Text, nullable=False),
    Column("drawdown", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "event"),
    Index(None, "tenant", "account", "event"),
)

accounts_observed = Table(
    "accounts_observed",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("currency", Text),
    Column("verdict", Text),
    Column("reasons", Text, nullable=False),  # JSON list of codes
    Column("opening_balance", Text),
    Column("balance", Text),
    Column("equity", Text),
    Column("unrealised", Text),
    Column("realised", Text),
    Column("fees", Text),
    Column("exposure", Text),
    Column("day_pnl", Text),
    Column("drawdown", Text),
    Column("max_drawdown", Text),
    Column("time_ns", BigInteger),
    Column("at_ns", BigInteger, nullable=False),
)

traders_observed = Table(
    "traders_observed",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("trader", Text, primary_key=True),
    Column("account", Text),
    Column("strategy", Text),
    Column("params", Text),
    Column("generation", Integer),
    Column("state", Text),
    Column("reason", Text),
    Column("state_ns", BigInteger),
    Column("realised", Text),
    Column("unrealised", Text),
    Column("peak", Text),  # best realised + unrealised so far
    Column("drawdown", Text),  # share of the account's equity at that peak, given back since
    Column("peak_equity", Text),
    Column("day", Text),
    Column("day_start", Text),
    Column("day_pnl", Text),
    Column("restarts", Integer, nullable=False),
    Column("planned", Text, nullable=False),  # JSON {order: stop} of decisions not yet sent
    Column("at_ns", BigInteger, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", _ID, primary_key=True, autoincrement=False),  # event of its first entry
    Column("code", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),  # the same again before anyone acknowledged
    Column("acknowledged_ns", BigInteger),
    Column("acknowledged_by", Text),
    Column("note", Text),
    Index(None, "tenant", "acknowledged_ns", "id"),
    Index(None, "tenant", "code", "subject", "acknowledged_ns"),
)

conditions = Table(
    "conditions",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "subject", "type"),
)

feeds_observed = Table(
    "feeds_observed",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("feed", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("cursor", Text),
    Column("source", Text),
    Column("data_mode", Text),
    Column("at_ns", BigInteger, nullable=False),
)

runners_observed = Table(
    "runners_observed",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("state", Text, nullable=False),  # started | stopped
    Column("mode", Text),
    Column("reasons", Text, nullable=False),
    Column("data_mode", Text),
    Column("execution_capable_accounts", Integer),
    Column("strict_live", Boolean),
    Column("build", Text),
    Column("pid", Integer),
    Column("started_ns", BigInteger),
    Column("generation", Integer),
    Column("generation_ns", BigInteger),
    Column("refused_generation", Integer),
    Column("at_ns", BigInteger, nullable=False),
)

breaches = Table(
    "breaches",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("limit", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("value", Text),
    Column("bound", Text),
    Column("action", Text),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("tenant", "scope", "limit"),
)
