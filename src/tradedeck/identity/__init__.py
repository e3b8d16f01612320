"""People and services: accounts, what proves who one is, sessions, tokens, and who may do what.

Invariant: no credential is stored in the clear. What is random is kept as its SHA-256, a password
as argon2id; what has to be read again (a TOTP secret) is sealed with a key of the home.
"""
