"""Structured logs: one JSON object per line, redacted, rotated, never in the way."""
