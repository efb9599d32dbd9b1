"""What the published schemas refuse, the decoder refuses; where it refuses more, no schema can say it."""

import copy
from pathlib import PurePosixPath

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.commands import COMMANDS
from schemas.examples import COMMAND_EXAMPLES
from schemas.jsonschema import schemas
from tests.unit.schemas.validating import LABELS, accepts

BEYOND_JSON_SCHEMA = {
    "int_type",  # 1.0 is a whole number for JSON Schema
    "printable",
    "email",
    "decimal_places",
    "instant",
}

EDGES = [2**31, 2**31 + 1, 2**53 - 1, 2**53, 10**15, 10**15 + 1, 1e300, -0.5, 0.00001, 1.5, 2.0, 0.0]
INSTANTS = ["2026-01-31", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00", "2026-02-30", "2026-01-31\n"]
WORDS = ["", "x", "a\nb", "USD", "usd", "USD\n", "a@example.com", "a@", "active", "gold", "basic"]
LONG = ["x" * 128, "x" * 129, "x" * 257, "x" * 10_001]
MEMBERS = st.dictionaries(
    st.sampled_from(["name", "email", "max_trade_value", "", "k", "monthly_fee"]),
    st.sampled_from(["a@example.com", 5, None, ""]),
    max_size=2,
)

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 130),
    st.sampled_from([*EDGES, *INSTANTS, *WORDS, *LONG]),
    st.lists(st.sampled_from(["a", "b", 1, None, 30, 3651]), max_size=3),
    st.just(["t"] * 201),
    MEMBERS,
)


def places(document, path=()):
    """Every place in a document that can be changed."""
    yield path
    members = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in members:
        yield from places(value, (*path, key))


def changed(document, path, draw):
    """The document with something else, nothing, or something more at a place."""
    if not path:
        return draw(JUNK)
    document = copy.deepcopy(document)
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    how = draw(st.sampled_from(["replace", "remove", "add"]))
    if how == "replace":
        parent[path[-1]] = draw(JUNK)
    elif how == "remove":
        del parent[path[-1]]
    elif isinstance(parent, dict):
        parent[draw(st.sampled_from(FIELDS))] = draw(JUNK)
    else:
        parent.append(draw(JUNK))
    return document


FIELDS = sorted(
    {name for label in LABELS for name in schemas()[label].get("properties", {})}
    | {"email", "min_trades", "x"}
)


@st.composite
def commands(draw):
    label = draw(st.sampled_from(sorted(COMMAND_EXAMPLES)))
    data = draw(st.sampled_from(COMMAND_EXAMPLES[label]))
    for _ in range(draw(st.integers(1, 3))):
        data = changed(data, draw(st.sampled_from(list(places(data)))), draw)
    return label, data


@settings(max_examples=1000)
@given(commands())
@example(("cancel.v1", {"reason": None}))
@example(("renew.v1", {"term_months": 12.0}))
@example(("renew.v1", {"end_date": "2026-01-31\n"}))
@example(("create.v1", {"contract_type": "custom", "usage_limits": {"max_trade_value": 0}}))
@example(("create.v1", {"contract_type": "custom", "base_monthly_fee": 0}))
@example(("create.v1", {"contract_type": "basic", "features": ["a", "a"]}))
@example(("create.v1", {"contract_type": "basic", "metadata": {"": "x"}}))
@example(("create.v1", {"contract_type": "basic", "metadata": {str(number): "x" for number in range(51)}}))
def test_the_decoder_refuses_what_the_schema_refuses(command):
    label, data = command
    spec = COMMANDS[PurePosixPath(label).stem]
    in_schema = accepts(label, data)
    try:
        spec.adapter.validator.validate_json(orjson.dumps(data), strict=True)
        accepted, reasons = True, set()
    except ValidationError as error:
        accepted, reasons = False, {detail["type"] for detail in error.errors()}
    assert in_schema or not accepted
    if in_schema and not accepted:
        assert reasons <= BEYOND_JSON_SCHEMA
