"""The strategy interface, the registry and what is built in. Strategies cannot name a broker."""
