"""Tables of what stops: latches by holder, kills with legs and steps, lifts, drills, guards.

A latch stands in up to three places, `holder`: `guard` and `runner` as their journals say, `store`
from the moment a kill or halt was posted here. Names and types only; see `projections.tables`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text
from sqlalchemy import PrimaryKeyConstraint as Key

from tradedeck.store.metadata import metadata

halts = Table(
    "halts",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("holder", Text, nullable=False),  # runner | guard | store
    Column("level", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("kill", Text),
    Key("tenant", "scope", "holder"),
)

kills = Table(
    "kills",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("event", BigInteger, nullable=False),  # its first entry; sorts by creation
    Column("scope", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("flatten", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("origin", Text),  # how it reached the guard
    Column("at_ns", BigInteger, nullable=False),
    Column("sent_ns", BigInteger),  # answered here; null where it never came by the api
    Column("latched", Text, nullable=False),  # JSON {holder: ns}
    Column("done_ns", BigInteger),  # the guard's word that every leg is proved
    Column("to_last_cancel_sent_ms", Float),
    Column("to_cancelled_ms", Float),
    Column("to_flat_ms", Float),
    Column("totals", Text, nullable=False),  # JSON
    Column("sha256", Text),  # of the evidence, as the guard computed it
    Column("updated_event", BigInteger, nullable=False),
    Index(None, "tenant", "event"),
)

kill_legs = Table(
    "kill_legs",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("kill", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("instruments", Text),  # JSON list; null: the whole account
    Column("state", Text, nullable=False),  # asked | closing | checking | flat
    Column("by", Text),  # who closes: runner | guard
    Column("epoch", Integer),
    Column("owned_ns", BigInteger),
    Column("flat_ns", BigInteger),
    Column("proof", Text),  # JSON, of the guard's reads
    Column("steps", Integer, nullable=False),
    Key("tenant", "kill", "account"),
)

kill_steps = Table(
    "kill_steps",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("kill", Text, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("holder", Text, nullable=False),  # whose journal says so
    Column("by", Text, nullable=False),  # who did it
    Column("step", Text, nullable=False),
    Column("numbers", Text, nullable=False),  # JSON
    Column("ref", Text, nullable=False),  # the broker's
    Column("at_ns", BigInteger, nullable=False),
    Key("tenant", "kill", "event"),
)

lifts = Table(
    "lifts",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("event", BigInteger, nullable=False),
    Column("scope", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("until_ns", BigInteger),
    Column("state", Text, nullable=False),  # waiting | lifted | cancelled | refused
    Column("ended_ns", BigInteger),
    Column("detail", Text, nullable=False),
    Index(None, "tenant", "state", "event"),
)

drills = Table(
    "drills",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("id", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("orders", Integer),
    Column("positions", Integer),
    Column("to_last_cancel_sent_ms", Float),
    Column("to_cancelled_ms", Float),
    Column("to_flat_ms", Float),
    Column("detail", Text, nullable=False),
    Key("tenant", "event"),
)

guards_observed = Table(
    "guards_observed",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("state", Text, nullable=False),  # started | stopped
    Column("build", Text),
    Column("pid", Integer),
    Column("started_ns", BigInteger),
    Column("runner_state", Text),  # the newest word on the runner it watches
    Column("runner_detail", Text),
    Column("runner_ns", BigInteger),
    Column("at_ns", BigInteger, nullable=False),
)
