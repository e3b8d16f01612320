"""Encoding, clock, ids, redaction, frames: what everything else trusts without looking."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradedeck.kernel import canonical, frames
from tradedeck.kernel.clock import ManualClock, SystemClock, format_ns, parse_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import is_name, new_id
from tradedeck.kernel.redaction import HIDDEN, looks_secret, redact, redact_text
from tradedeck.kernel.signing import SigningKey

# -- canonical -------------------------------------------------------------------------------

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.text(),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=12,
)


@given(VALUES)
def test_canonical_bytes_do_not_depend_on_the_order_of_keys(value: Any) -> None:
    def turned(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: turned(item[key]) for key in reversed(list(item))}
        return [turned(each) for each in item] if isinstance(item, list) else item

    data = canonical.encode(value)
    assert canonical.encode(turned(value)) == data
    assert canonical.decode(data) == value
    assert canonical.encode(canonical.decode(data)) == data


def test_canonical_decimals_are_plain_text() -> None:
    for text in ("0.10", "100", "1E+3", "1E-9", "-0.5"):
        encoded = canonical.encode({"a": Decimal(text)})
        assert Decimal(json.loads(encoded)["a"]) == Decimal(text)
        assert b"E" not in encoded
    assert canonical.encode({"b": 1, "a": Decimal("2.50")}) == b'{"a":"2.50","b":1}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), Decimal("NaN"),
                                    Decimal("Infinity"), Decimal("sNaN")])  # fmt: skip
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [1, x], lambda x: {"a": {"b": (x,)}}],
                         ids=["bare", "list", "deep"])  # fmt: skip
def test_canonical_refuses_what_is_no_number(number: Any, wrap: Any) -> None:
    """Orjson writes NaN as null: a signed or chained limit of NaN would read as no limit."""
    with pytest.raises((ValueError, TypeError)):
        canonical.encode(wrap(number))


def test_canonical_null_is_still_null() -> None:
    assert canonical.encode({"a": None, "b": [None, 1.5]}) == b'{"a":null,"b":[null,1.5]}'


# -- clock -----------------------------------------------------------------------------------

MICROS = st.integers(-2_000_000_000 * 10**6, 4_000_000_000 * 10**6)


@given(MICROS)
def test_clock_format_and_parse_are_inverse(micros: int) -> None:
    text = format_ns(micros * 1000)
    assert text.endswith("Z")
    assert parse_ns(text) == micros * 1000


@given(MICROS, st.integers(-14, 14))
def test_clock_any_offset_is_the_same_instant(micros: int, hours: int) -> None:
    moment = datetime.fromisoformat(format_ns(micros * 1000))
    sign = "+" if hours >= 0 else "-"
    naive = (moment.replace(tzinfo=None)).isoformat()
    with_offset = parse_ns(f"{naive}{sign}{abs(hours):02}:00")
    assert with_offset == micros * 1000 - hours * 3600 * 10**9


@pytest.mark.parametrize("text", ["2024-01-01T00:00:00", "2024-01-01", "noon", "", "1700000000"])
def test_clock_a_time_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_ns(text)


def test_manual_clock_never_goes_back() -> None:
    clock = ManualClock(5)
    clock.advance(3)
    assert (clock.now_ns(), clock.monotonic_ns()) == (8, 3)
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)
    system = SystemClock()
    assert system.monotonic_ns() <= system.monotonic_ns()
    assert abs(system.now_ns() - int(datetime.now(UTC).timestamp() * 1e9)) < 10**10


# -- ids -------------------------------------------------------------------------------------


@given(st.integers(0, 2**47), st.integers(1, 10**9))
def test_ids_sort_by_the_millisecond_they_were_made(ms: int, later: int) -> None:
    first, second = new_id("o", ms * 10**6), new_id("o", (ms + later) * 10**6)
    assert first < second
    assert len(first) == len("o_") + 26


def test_ids_of_one_millisecond_differ() -> None:
    assert len({new_id("o", 10**18) for _ in range(2_000)}) == 2_000


@pytest.mark.parametrize(
    "name", ["", "A", "-a", ".a", "a b", "a/b", "a\n", "\na", "ä", "a" * 64, "a;b", "..", "a\x00"]
)
def test_names_that_are_none(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("name", ["a", "0", "main", "us-daily.v2_x", "a" * 63])
def test_names(name: str) -> None:
    assert is_name(name)


# -- redaction (INV-14) ------------------------------------------------------------------------

CANARY = "c4n4ryValue0123456789abcdef"
NAMES = [
    "password", "db_password", "PASSWORD", "passwd", "passphrase", "secret", "client_secret",
    "secret_key", "token", "access_token", "refreshToken", "api_key", "api-key", "apiKey", "APIKEY",
    "X-Api-Key", "authorization", "Authorization", "credential", "credentials", "private_key",
    "privateKey", "cookie", "Set-Cookie", "session_id", "sessionId", "bearer", "access_key",
    "signing_key", "otp", "totp", "broker_password",
]  # fmt: skip
SHAPES = [
    f"Bearer {CANARY}",
    f"authorization: basic {CANARY}",
    f"td_{CANARY}",
    f"tdo_{CANARY}",
    "AKIAABCDEFGHIJKLMNOP",
    f"sk-{CANARY}",
    f"ghp_{CANARY}",
    "0123456789abcdef0123456789abcdef-0123456789abcdef0123456789abcdef",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c4n4ryValue0123456789abcdef",
    f"postgres://user:{CANARY}@db/x",
    f"redis://:{CANARY}@cache/0",
    f"http://localhost:8787/sign-in?token={CANARY}",
    f"http://localhost/x?a=1&key={CANARY}",
    f"password={CANARY} rest",
    f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
    f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}",
]


@pytest.mark.parametrize("name", NAMES)
def test_inv_14_a_secret_is_hidden_by_the_name_of_its_key_at_any_depth(name: str) -> None:
    planted: Any = {name: CANARY}
    for _ in range(5):
        planted = {"outer": [planted, {"fine": 1}]}
    assert CANARY not in json.dumps(redact(planted))
    assert CANARY not in json.dumps(redact({name: {"nested": [CANARY]}}))


@pytest.mark.parametrize("text", SHAPES, ids=range(len(SHAPES)))
def test_inv_14_a_secret_is_hidden_by_its_shape(text: str) -> None:
    secret = CANARY if CANARY in text else text
    assert looks_secret(text)
    for made in (
        redact_text(f"before {text} after"),
        json.dumps(redact({"note": [text, {"x": text}]})),
        json.dumps(redact((text,))),
    ):
        assert secret not in made
        assert HIDDEN in made


def test_inv_14_deeper_than_the_bound_is_hidden_not_shown() -> None:
    deep: Any = {"x": {"password": CANARY}, "y": 7_777}
    for _ in range(20):
        deep = [deep]
    shown = json.dumps(redact(deep))
    assert CANARY not in shown
    assert "7777" not in shown


@pytest.mark.parametrize(
    "text", ["order o_1 was filled at 100.05", "http://localhost:8787/health", "AAPL", "a:b@c",
             "token bucket of 100 orders", "keyboard"],
)  # fmt: skip
def test_redaction_leaves_plain_words_alone(text: str) -> None:
    assert redact_text(text) == text
    assert redact({"symbol": text, "tokens_left": 3, "keyed": True}) == {
        "symbol": text,
        "tokens_left": 3,
        "keyed": True,
    }


def test_inv_14_keys_do_not_show_themselves() -> None:
    key = SigningKey.generate()
    assert key.raw().hex() not in repr(key)


# -- signing, frames ---------------------------------------------------------------------------


def test_signatures_are_of_exactly_these_bytes_by_exactly_this_key() -> None:
    key, other = SigningKey.generate(), SigningKey.generate()
    signature = key.sign(b"data")
    assert key.verify_key().verify(signature, b"data")
    assert not key.verify_key().verify(signature, b"Data")
    assert not other.verify_key().verify(signature, b"data")
    assert not key.verify_key().verify(signature[:-1], b"data")
    assert SigningKey(key.raw()).verify_key().raw == key.verify_key().raw


@given(st.lists(VALUES, max_size=4), st.integers(1, 7))
def test_frames_arrive_whole_however_they_are_cut(messages: list[Any], size: int) -> None:
    data = b"".join(frames.pack(m) for m in messages)
    unpacker, got = frames.Unpacker(), []
    for start in range(0, len(data), size):
        got += unpacker.feed(data[start : start + size])
    assert got == messages


def test_frames_too_large_or_no_json_end_the_connection() -> None:
    with pytest.raises(TradedeckError) as large:
        frames.Unpacker().feed((frames.FRAME_BYTES_MAX + 1).to_bytes(4, "big"))
    assert large.value.code is Code.TOO_LARGE
    with pytest.raises(TradedeckError) as bad:
        frames.Unpacker().feed(b"\x00\x00\x00\x02{]")
    assert bad.value.code is Code.INVALID


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.one_of(st.none(), st.text(max_size=20), st.integers(-(2**63), 2**63 - 1)),
    )
)
def test_a_flat_body_in_order_has_the_same_bytes_either_way(body: dict[str, str | int | None]):
    ordered = {name: body[name] for name in sorted(body)}
    assert canonical.encode_ordered(ordered) == canonical.encode(body)
