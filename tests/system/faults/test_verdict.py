"""Single documents and records, compared."""

from decimal import Decimal
from typing import Any

import orjson
import pytest

from devstack.proof.expected import Expected
from devstack.proof.outputs import compare_outputs
from devstack.proof.records import LogRecord
from devstack.proof.verdict import Verdict, first_difference


@pytest.mark.parametrize(
    ("expected", "found", "path"),
    [
        ({"a": True}, {"a": 1}, "/a"),
        ({"a": 1}, {"a": Decimal(1)}, "/a"),
        ({"a": Decimal("1.0")}, {"a": Decimal("1.00")}, None),
        ({"a": [1, 2]}, {"a": [1]}, "/a"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "/a/1/b"),
        ({"a": 1, "b": 2}, {"a": 1}, "/b"),
        ({"a": 1}, {"a": 1, "b": None}, "/b"),
        ({"a": {}}, {"a": []}, "/a"),
        ({"b": 1, "a": [0]}, {"a": [0], "b": 1}, None),
    ],
)
def test_the_first_difference_of_two_documents(expected: Any, found: Any, path: str | None) -> None:
    difference = first_difference(expected, found)
    assert (difference and difference[0]) == path


def test_data_that_the_published_schema_refuses_is_found_though_the_model_errs_too() -> None:
    """A result without an outcome, expected just so."""
    verdict = Verdict()
    headers = {"ce_id": "1", "ce_type": "com.easytrade.contract.command_result.v1"}
    topic, data = "contracts.command-results", {"processed_at": "2026-01-31T00:00:00Z"}
    expected = Expected("1", topic, 0, "a", b"a", headers, data)
    written = [(name, value.encode()) for name, value in headers.items()]
    compare_outputs([expected], [LogRecord(topic, 0, 0, 0, b"a", orjson.dumps(data), written)], "", verdict)
    assert verdict.counts == dict.fromkeys(verdict.counts, 0) | {"diverged": 1}, str(verdict)
    assert "outcome" in str(verdict)
