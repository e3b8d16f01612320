"""The control plane's database: two kinds of session, one writer, migrations. No domain's tables.

Invariant: one process opens the file; only the edge (`Store.write`) commits.
"""
