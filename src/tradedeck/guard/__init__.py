"""The guard: the latch, the heartbeat, and the kill when the runner cannot. Opens nothing."""
