"""The append-only chained log of one process, and durable files. Knows no domain."""
