"""The only way into trading. `Submit` demands a `Permit`; only the gate makes one.

A tidy rule and an import contract keep `Permit(...)` to `execution/gate.py`; in `signals` mode the
gate has no branch that reaches it.
"""

from __future__ import annotations


class Permit:
    """Says that the gate allowed exactly this order, once."""

    __slots__ = ("order", "spent")

    def __init__(self, order: str) -> None:
        self.order = order
        self.spent = False

    def spend(self, order: str) -> None:
        """Use the permit for `order`; a second use, or another order, raises."""
        if self.spent or order != self.order:
            msg = f"the permit for {self.order} was used for {order} or twice"
            raise PermissionError(msg)
        self.spent = True
