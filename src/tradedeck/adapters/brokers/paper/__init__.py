"""The paper exchange, reached over its unix socket."""
