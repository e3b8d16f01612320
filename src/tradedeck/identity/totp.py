"""One-time codes by time (RFC 6238): six digits, 30 seconds, one step of drift, none used twice.

Pure: the caller keeps the last step that was used and says what time it is.
"""

from __future__ import annotations

import hmac
import re

from pyotp import random_base32
from pyotp.totp import TOTP

from tradedeck.kernel.clock import NS_PER_S

STEP_S = 30
DRIFT_STEPS = 1
_CODE = re.compile(r"^[0-9]{6}$")


def new_secret() -> str:
    """160 random bits in base 32, as authenticator apps take them."""
    return random_base32(32)


def uri(secret: str, *, name: str, issuer: str) -> str:
    """What a QR code shows."""
    return TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def code_at(secret: str, now_ns: int) -> str:
    """The code of this moment."""
    return TOTP(secret).generate_otp(now_ns // NS_PER_S // STEP_S)


def step_of(secret: str, code: str, *, last_step: int, now_ns: int) -> int | None:
    """The step whose code this is, later than `last_step`; None where there is none."""
    given = code.replace(" ", "")
    if _CODE.fullmatch(given) is None:
        return None
    generator = TOTP(secret)
    now = now_ns // NS_PER_S // STEP_S
    found = None
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if hmac.compare_digest(generator.generate_otp(step), given) and step > last_step:
            found = step
    return found
