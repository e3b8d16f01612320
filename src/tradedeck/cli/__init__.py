"""The command line: a client of the api, and the starter of processes and of acts on the host."""
