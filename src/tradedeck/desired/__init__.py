"""What people want to run: the versioned document, its rules, its diff, its history.

Invariant: a version never changes; the newest one that took effect wins.
"""
