"""The strategies that come with Tradedeck. Each is one file, has no I/O and no randomness."""
