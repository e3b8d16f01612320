"""The control plane's process: people, audit, desired state, projections, streams, the cockpit.

Never holds a broker credential, imports a broker adapter or decides an order.
"""
