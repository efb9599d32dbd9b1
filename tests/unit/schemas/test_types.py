"""The short cuts of the scalar types say what the long way says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from schemas import types
from schemas.types import MAX_SIGNIFICANT_DIGITS, Email, Money, UnitPrice, parse_instant

LABELS = st.sampled_from(
    ["a", "example", "x-y", "a--b", "xn--nxasmq6b", "1", "-a", "a-", "é", "\u017f", "\u212a", "", "A" * 63]
)
ENDS = st.sampled_from(
    [
        "com",
        "de",
        "test",
        "LOCAL",
        "arpa",
        "onion",
        "invalid",
        "localhost",
        "c",
        "1",
        "xn--p1ai",
        "tests",
        "loca\u017f",
    ]
)
LOCALS = st.text(st.sampled_from(list("aZ0.+_!#$%&'*/=?^`{|}~-@ \"é")), max_size=6)


@settings(max_examples=800)
@given(LOCALS, st.lists(LABELS, max_size=3), ENDS)
@example("a" * 64, ["b"], "com")
def test_an_address_is_accepted_when_email_validator_accepts_it(local, labels, end):
    address = f"{local}@{'.'.join([*labels, end])}"
    try:
        validate_email(address, check_deliverability=False, globally_deliverable=True)
        valid = len(address) <= 254
    except EmailNotValidError:
        valid = False
    try:
        TypeAdapter(Email).validate_python(address)
        accepted = True
    except ValidationError:
        accepted = False
    assert accepted == valid


def the_long_way(value: float, decimals: int) -> Decimal | None:
    exact = Decimal(repr(value)).normalize()
    _, digits, exponent = exact.as_tuple()
    if len(digits) > MAX_SIGNIFICANT_DIGITS or exponent < -decimals:
        return None
    return abs(exact)


FLOATS = st.one_of(
    st.floats(0, 1e15),
    st.integers(0, 10**15).map(float),
    st.tuples(st.integers(0, 10**9), st.integers(0, 12)).map(lambda pair: pair[0] / 10 ** pair[1]),
)


@settings(max_examples=800)
@given(FLOATS, st.sampled_from([(Money, 4), (UnitPrice, 8)]))
@example(1e-5, (UnitPrice, 8))
@example(1.5e-10, (UnitPrice, 8))
@example(1e-9, (UnitPrice, 8))
@example(-0.0, (Money, 4))
@example(1e15, (Money, 4))
@example(999999999999999.0, (Money, 4))
@example(99999999999.9999, (Money, 4))
@example(0.30000000000000004, (Money, 4))
def test_money_is_exact(value, kind):
    shape, decimals = kind
    expected = the_long_way(value, decimals)
    try:
        found = TypeAdapter(shape).validate_json(repr(value))
    except ValidationError:
        assert expected is None
        return
    assert found == expected
    assert not found.is_signed()
    assert -decimals <= found.as_tuple().exponent <= 0
    assert float(found) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", (2026, 1, 31)),
        ("2026-01-31T12:00:00Z", (2026, 1, 31, 12)),
        ("2026-01-31t12:00:00z", (2026, 1, 31, 12)),
        ("2026-01-31T12:00:00+05:30", (2026, 1, 31, 6, 30)),
        ("2026-01-31T12:00:00.5-01:00", (2026, 1, 31, 13, 0, 0, 500_000)),
        ("2026-01-31T12:00:00.123999999Z", (2026, 1, 31, 12, 0, 0, 123_000)),
    ],
)
def test_instants(text, expected):
    found = parse_instant(text)
    assert found == datetime(*expected, tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:00+05:60",
        "0001-01-01T00:00:00+01:00",
        "0000-01-01",
    ],
)
def test_no_instants(text):
    with pytest.raises(PydanticCustomError):
        parse_instant(text)


class Lenient(datetime):
    """As the parser of Python 3.14 is: hour 24 is midnight of the next day."""

    @classmethod
    def fromisoformat(cls, text):
        later = timedelta(days=1) if text[11:13] == "24" else timedelta()
        return datetime.fromisoformat(text.replace("T24", "T00")) + later


@pytest.mark.parametrize("text", ["2026-01-31T24:00:00Z", "2026-01-31T24:00:00.000+00:00"])
def test_hour_24_is_refused_whatever_the_interpreter_takes(text, monkeypatch):
    """A replay on a newer Python must decide the same."""
    monkeypatch.setattr(types, "datetime", Lenient)
    assert types.parse_instant("2026-01-31T23:00:00Z") == datetime(2026, 1, 31, 23, tzinfo=UTC)
    with pytest.raises(PydanticCustomError):
        types.parse_instant(text)
