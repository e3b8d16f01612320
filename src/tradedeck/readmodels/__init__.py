"""SELECT-only joins for screens. Never writes, never decides."""
