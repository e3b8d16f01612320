"""Who did what: an append-only, hash-chained record of every privileged act and refusal.

Invariant: the record is committed before the act takes effect; an append that fails refuses it.
"""
