"""One folder per vendor or outside thing; adapters do not know each other."""
