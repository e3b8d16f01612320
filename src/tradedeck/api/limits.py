"""How often somebody may ask: sign-in and acts in the store, reads in this process.

Nothing that stops is limited: those routes are `StopRoute`, or kills, which know no limit at all.
A sign-in that succeeds is given back, so that only failures are few.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from typing import Final

from tradedeck.identity import rates
from tradedeck.identity.rates import Memory, Rule
from tradedeck.kernel.clock import NS_PER_S, Clock
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.settings import Settings
from tradedeck.store.database import ScopedStore
from tradedeck.store.scope import MAIN

KNOWN_MAX: Final = 10_000


class Limits:
    """The rules of this api, and those who have used theirs up."""

    def __init__(self, settings: Settings, store: ScopedStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        acts, reads = settings.control_per_minute, settings.reads_per_minute
        signs = settings.sign_in_per_minute
        self.control = Rule("control", "acts", acts, max(1, acts // 5))
        self.sign_in = Rule("sign-in", "failed sign-ins", signs, 2 * signs)
        self._reads = Memory(Rule("reads", "reads", reads, max(1, reads // 6)))
        self._until: OrderedDict[str, tuple[int, TradedeckError]] = OrderedDict()

    def read(self, credential: str) -> None:
        """Count a read. Raises TOO_MANY."""
        self._reads.take(credential, self._clock.now_ns())

    async def attempt(self, address: str) -> str:
        """Count a sign-in from `address`; the name to give it back under.

        Who has used up all is refused from memory: a flood costs the store nothing.

        Raises:
            TradedeckError: TOO_MANY.
        """
        who, now = _network(address), self._clock.now_ns()
        until, error = self._until.get(who, (0, None))
        if error is not None and now < until:
            raise TradedeckError(
                error.code, error.detail, hint=error.hint, retry_s=1 + (until - now) // NS_PER_S
            )
        try:
            await self._store.write(
                lambda w: rates.take(w, self.sign_in, who, tenant=MAIN, now_ns=now)
            )
        except TradedeckError as refused:
            if refused.code is Code.TOO_MANY:
                self._until[who] = (now + refused.retry_s * NS_PER_S, refused)
                while len(self._until) > KNOWN_MAX:
                    self._until.popitem(last=False)
            raise
        return who

    async def succeeded(self, who: str) -> None:
        """It was a good one."""
        await self._store.write(lambda w: rates.give_back(w, self.sign_in, who))


def _network(address: str) -> str:
    """An IPv6 host owns a whole /64: it counts as one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return address
