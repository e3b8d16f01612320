"""Where the page is, as far as we believe a request: what passkeys are bound to.

Browsers allow passkeys on https and on http://localhost, never on a bare address.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from tradedeck.api.context import Context
from tradedeck.identity.passkeys import Site
from tradedeck.kernel.errors import Code, TradedeckError

LOCAL = "localhost"


def site_of(context: Context, connection: HTTPConnection) -> Site:
    """The site of a request: `localhost`, or the host of `TRADEDECK_ORIGIN`.

    Raises:
        TradedeckError: REFUSED under any other name.
    """
    host = connection.headers.get("host", "").lower()
    named = urlsplit(f"//{host}").hostname or ""
    if named == LOCAL:
        return Site(LOCAL, f"{connection.url.scheme}://{host}")
    origin = context.settings.origin
    known = urlsplit(origin)
    if origin and known.netloc.lower() == host:
        return Site(known.hostname or "", origin)
    raise TradedeckError(
        Code.REFUSED,
        f"Passkeys do not work under the address {host[:100]}.",
        hint="Open the cockpit as http://localhost:…, or set TRADEDECK_ORIGIN to its address.",
    )
