"""How often somebody may ask: one number per asker (GCRA), in the store or in a process.

`free_at_ns` is when the asker will have used up nothing; each act moves it by one interval, and it
may run ahead of the clock by `burst` intervals. A refused act moves nothing, so that who waits for
`Retry-After` gets in.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import delete, select

from tradedeck.identity.tables_control import rates
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import WriteSession

ASKERS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    """`per_minute` in the long run, `burst` at once; `what` for the sentence of a refusal."""

    name: str
    what: str
    per_minute: int
    burst: int

    @property
    def interval_ns(self) -> int:
        """What one act costs."""
        return 60 * NS_PER_S // self.per_minute

    def next(self, free_at_ns: int, now_ns: int) -> int:
        """The new `free_at_ns` after one act more.

        Raises:
            TradedeckError: TOO_MANY, with the seconds to wait.
        """
        after = max(free_at_ns, now_ns) + self.interval_ns
        over = after - now_ns - self.burst * self.interval_ns
        if over <= 0:
            return after
        seconds = -(-over // NS_PER_S)
        raise TradedeckError(
            Code.TOO_MANY,
            f"Too many {self.what}: {self.per_minute} a minute, {self.burst} at once.",
            hint=f"Wait {seconds} s. Kill, pause and whatever else stops is never limited.",
            retry_s=seconds,
        )


def take(write: WriteSession, rule: Rule, who: str, *, tenant: str, now_ns: int) -> None:
    """Count one act of `who`. Raises TOO_MANY, and then nothing is counted."""
    key = f"{rule.name}|{who}"
    known = write.scalar(select(rates.c.free_at_ns).where(rates.c.key == key))
    free = rule.next(int(known or 0), now_ns)
    if known is None:
        write.execute(delete(rates).where(rates.c.free_at_ns < now_ns))
        row = {"key": key, "tenant": tenant, "free_at_ns": free}
        write.execute(rates.insert().values(row))
    else:
        write.execute(rates.update().where(rates.c.key == key).values(free_at_ns=free))


def give_back(write: WriteSession, rule: Rule, who: str) -> None:
    """Take one act of `who` back: it was none of those that are to be few."""
    key = f"{rule.name}|{who}"
    less = rates.c.free_at_ns - rule.interval_ns
    write.execute(rates.update().where(rates.c.key == key).values(free_at_ns=less))


class Memory:
    """The same in this process alone, for what is too frequent for the store; bounded."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._free: OrderedDict[str, int] = OrderedDict()

    def take(self, who: str, now_ns: int) -> None:
        """Count one. Raises TOO_MANY."""
        self._free[who] = self._rule.next(self._free.get(who, 0), now_ns)
        self._free.move_to_end(who)
        while len(self._free) > ASKERS_MAX:
            self._free.popitem(last=False)
