"""A witness of an audit log: runs elsewhere, remembers what the log has signed, co-signs it.

Invariant: what it co-signs it has made durable before, and it extends what it co-signed last.
"""
