"""Roles, sessions, tokens, one-time links: who is asking, and what they may do. No passwords yet.

Invariant: no credential is stored in the clear; each is random, 256 bits, kept as its SHA-256.
"""
