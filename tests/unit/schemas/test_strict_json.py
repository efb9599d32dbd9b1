"""The fast tests for duplicates and depth against a slow reader that knows no tricks."""

import json
import math
import re

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.strict_json import MAX_DEPTH, NotJson, parse


class Refused(Exception):
    pass


def pairs(items):
    if len({name for name, _ in items}) < len(items):
        raise Refused("duplicate")
    return dict(items)


def number(text):
    if math.isinf(float(text)):
        raise Refused("infinite")
    whole = re.fullmatch(r"-?\d+", text) and -(2**63) <= int(text) < 2**64
    return int(text) if whole else float(text)


def constant(text):
    raise Refused(text)


def depth(value):
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)


def slowly(raw: bytes):
    """The rules, spelt out: json of the standard library with every door closed."""
    try:
        parsed = json.loads(
            raw.decode(),
            object_pairs_hook=pairs,
            parse_int=number,
            parse_float=number,
            parse_constant=constant,
        )
        json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError, Refused):
        return None
    return None if depth(parsed) > MAX_DEPTH else (parsed,)


def agree(raw: bytes):
    expected, found = slowly(raw), parse(raw)
    if isinstance(found, NotJson):
        assert expected is None, found.message
    else:
        assert expected is not None
        assert found == expected[0]


ALPHABET = st.sampled_from(list('ab:,"\\{}[]/\u003a\u00e9\U0001f600\n\x7f\u202e$. '))


@st.composite
def string_texts(draw):
    """A JSON string, with its characters escaped in any way there is."""
    out = []
    for character in draw(st.text(ALPHABET, max_size=4)):
        units = character.encode("utf-16-be")
        escaped = "".join(f"\\u{units[i]:02x}{units[i + 1]:02X}" for i in range(0, len(units), 2))
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        out.append(draw(st.sampled_from([plain, escaped])))
    return '"' + "".join(out) + '"'


SCALARS = st.one_of(
    string_texts(),
    st.sampled_from(
        ["0", "-0", "1.0", "1e3", "null", "true", "18446744073709551616", "1e999", "NaN", "01", "-"]
    ),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)


def containers(inner):
    members = st.lists(st.tuples(string_texts(), inner).map(":".join), max_size=4)
    return st.one_of(
        members.map(lambda items: "{" + ", ".join(items) + "}"),
        st.lists(inner, max_size=4).map(lambda items: "[" + ",".join(items) + "]"),
    )


JSON_TEXTS = st.recursive(SCALARS, containers, max_leaves=12)


@settings(max_examples=1500, deadline=None)
@given(JSON_TEXTS)
@example("[9223372036854775296, -9223372036854775809]")
@example('{"a":1,"a":2}')
@example('{"a":1,"\\u0061":2}')
@example('{"a":1,"a":"\\u003a"}')
@example('{"a":":","a":"\\u003A\\u003a"}')
@example('{"\\u003a":1,":":"\\u003a"}')
@example('{"\\\\u003a":1,"a":2}')
@example('[{"a":{"b":1,"b":{"c":"\\u003a\\u003a"}}}]')
def test_the_fast_reader_agrees_with_the_slow_one(text):
    agree(text.encode())


@settings(max_examples=500, deadline=None)
@given(JSON_TEXTS.map(str.encode), st.data())
def test_it_agrees_on_damaged_texts_too(raw, data):
    place = data.draw(st.integers(0, len(raw)))
    agree(raw[:place] + data.draw(st.binary(max_size=2)) + raw[place + data.draw(st.integers(0, 2)) :])


@given(st.binary(max_size=60))
def test_it_agrees_on_any_bytes(raw):
    agree(raw)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"[{":'])
@pytest.mark.parametrize("more", [-1, 0, 1, 2, 60, 900, 2000])
def test_depth(opening, more):
    closing = {"[": "]", '{"a":': "}", '[{"[{":': "}]"}[opening]
    levels = (MAX_DEPTH + more) // len(closing)
    raw = (opening * levels + "0" + closing * levels).encode()
    nested = levels * len(closing)
    assert isinstance(parse(raw), NotJson) == (nested > MAX_DEPTH)


def test_a_deep_value_under_a_duplicate_key_is_refused_without_a_crash():
    assert isinstance(parse(b'{"a":' + b"[" * 1000 + b"]" * 1000 + b',"a":1}'), NotJson)


def test_brackets_in_strings_are_not_depth():
    text = {"a": "[" * 500, "b": '"' + "{" * 500, "c": "\\"}
    assert parse(orjson.dumps(text)) == text


def test_the_message_names_the_key_and_never_a_value():
    assert parse(b'{"x":{"email":"secret","email":"secret"}}') == NotJson("gives `email` twice in one object")
    assert len(parse(b'{"' + b"k" * 9000 + b'":1,"' + b"k" * 9000 + b'":2}').message) < 200


TORTURE = [
    b"",
    b" ",
    b"\x00",
    b"\xef\xbb\xbf{}",
    b"{}{}",
    b"{} x",
    b"{",
    b"}",
    b'{"a"}',
    b'{"a":}',
    b'{"a":1,}',
    b"[1,]",
    b"{a:1}",
    b"{'a':1}",
    b"/**/{}",
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1e999}',
    b'{"a":01}',
    b'{"a":+1}',
    b'{"a":.5}',
    b'{"a":5.}',
    b'{"a":0x1}',
    b'{"a":1_000}',
    b'{"a":tru}',
    b'{"a":"\t"}',
    b'{"a":"\n"}',
    b'{"a":"\\x41"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\udc00\\ud800"}',
    b'{"a":"\\ud800\\u0041"}',
    b'{"\\ud800":1}',
    b'{"a":"\xff"}',
    b'{"a":"\xc0\x80"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xf4\x90\x80\x80"}',
    b'"\\u00"',
    b'"a',
    "{}".encode("utf-16"),
    "{}".encode("utf-32"),
    b'{"a":' + b"9" * 400 + b"}",
    b'{"a":' + b"9" * 5000 + b"}",
    b'{"a":1,"a":1}',
    b'[{"a":[],"b":0,"a":[]}]',
    b"nul",
    b"\x1f{}",
    b"{}\x00",
    b'{"a":1 "b":2}',
    b"[,]",
    b"--1",
]


@pytest.mark.parametrize("raw", TORTURE, ids=range(len(TORTURE)))
def test_what_is_no_json(raw):
    assert isinstance(parse(raw), NotJson)
    assert slowly(raw) is None


FINE = [
    b"{}",
    b" \t\r\n{} ",
    b'{"":1}',
    b'{"a":"\\u0000"}',
    b'{"a":"\\ud83d\\ude00"}',
    '{"a":"\U0001f600\u202e"}'.encode(),
    b'{"$set":{"a.b":1}}',
    b'{"a":12345678901234567890123}',
    b'{"a":1e-999}',
    b'{"a":-0.0}',
    b'{"a":"\x7f"}',
    b"null",
    b'{"a":{"a":{"a":1}}}',
    b'[{"a":1},{"a":1}]',
    b'{"a":1,"A":1}',
    '{"é":1,"e\u0301":1}'.encode(),
]


@pytest.mark.parametrize("raw", FINE, ids=range(len(FINE)))
def test_what_is_json(raw):
    agree(raw)
    assert not isinstance(parse(raw), NotJson)
