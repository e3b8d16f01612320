"""The trading host's working process: feeds, gate, orders, journal, strategy hosts.

Never serves people, never runs a strategy's code, never acts on a message it has not verified.
"""
