"""Strategy hosts: one process per trader, forked from a clean pre-imported parent.

A host has a strategy, its memory and a pipe to its runner. It has no broker, no credential, no
journal, no other process's environment and no network.
"""
