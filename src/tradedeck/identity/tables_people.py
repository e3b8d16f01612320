"""Accounts of people and services, and what proves that somebody is one of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from tradedeck.store.metadata import metadata
from tradedeck.store.scope import Door, reached_by

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("kind", Text, nullable=False),  # person | service
    Column("name", Text, nullable=False),  # the actor's name in audit records
    Column("display_name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text),  # argon2id
    Column("totp", Text),  # the secret, sealed
    Column("totp_step", BigInteger, nullable=False),  # the last one used: none is used twice
    Column("failed", Integer, nullable=False),  # wrong proofs since the last right one
    Column("locked_until_ns", BigInteger, nullable=False),
    Column("disabled_at_ns", BigInteger),
    Column("enrolled_at_ns", BigInteger),  # the first second factor; never forgotten
    Column("seen_at_ns", BigInteger),
    Column("oidc_subject", Text),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Unique("tenant", "name", name="uq_users_tenant_name"),
    info=reached_by(Door.IDENTITY),
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("credential_id", Text, nullable=False),  # hexadecimal, as the authenticator named it
    Column("public_key", LargeBinary, nullable=False),  # COSE
    Column("sign_count", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("rp_id", Text, nullable=False),
    Column("transports", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("used_at_ns", BigInteger),
    Unique("credential_id", name="uq_credentials_credential_id"),
    Index("ix_credentials_user", "user"),
    info=reached_by(Door.IDENTITY),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("used_at_ns", BigInteger),
    Unique("user", "hash", name="uq_recovery_codes_user_hash"),
    info=reached_by(Door.IDENTITY),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("used_at_ns", BigInteger),
    Column("revoked_at_ns", BigInteger),
    Unique("hash", name="uq_invitations_hash"),
    info=reached_by(Door.IDENTITY),
)

challenges = Table(
    "challenges",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("user", Text, nullable=False),  # empty: anybody's, until it is answered
    Column("purpose", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("data", Text, nullable=False),  # sealed
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False),
    Column("used_at_ns", BigInteger),
    Unique("hash", name="uq_challenges_hash"),
    info=reached_by(Door.IDENTITY),
)
