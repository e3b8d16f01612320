"""How a venue is spoken to: one module per port, what a venue declares of itself, and the matching
of the paper exchange. Nothing here decides whether an order may be sent.
"""
