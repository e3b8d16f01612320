"""Real prices that come with the package: where they are from is in PROVENANCE.md beside them."""
