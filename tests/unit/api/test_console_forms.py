"""Forms of the console: every field of a command, and what was filled in as its data."""

from decimal import Decimal

import pytest

from consumer.api.auth import PUBLISHED
from consumer.api.console.forms import data_of, fields_of
from consumer.errors import InputRefused
from schemas.commands import COMMANDS


@pytest.mark.parametrize("command", PUBLISHED)
def test_a_form_has_every_field_of_its_command(command: str) -> None:
    """What is filled in fits the schema, so that a command can be sent in every way that there is."""
    names = {field.name for field in fields_of(command)}
    schema = COMMANDS[command].adapter.json_schema()
    top = set(schema.get("properties", {})) - {"requested_by", "expected_version", "contract_id", "changes"}
    assert top <= names


def test_a_filled_form_is_the_data() -> None:
    form = {"contract_type": "basic", "base_monthly_fee": "12.50", "auto_renewal": "false", "tags": '["a"]'}
    data = data_of("create", form | {"notes": "", "start_date": "2026-01-31T00:00:00Z"})
    assert data == {
        "contract_type": "basic",
        "start_date": "2026-01-31T00:00:00Z",
        "auto_renewal": False,
        "base_monthly_fee": Decimal("12.50"),
        "tags": ["a"],
    }


def test_a_form_offers_nothing_that_no_update_may_set() -> None:
    names = {field.name for field in fields_of("update")}
    assert "changes.notes" in names
    assert not names & {"changes.version", "changes.status", "changes.created_by", "changes.offers"}


def test_a_date_is_asked_for_as_one() -> None:
    kinds = {field.name: field.kind for field in fields_of("update")}
    assert kinds["changes.start_date"] == "moment"
    assert kinds["changes.notes"] == "text"


def test_a_field_that_may_be_absent_can_be_removed_and_no_other() -> None:
    form = {"remove.changes.notes": "yes", "remove.changes.auto_renewal": "yes", "changes.tags": "[]"}
    assert data_of("update", form) == {"changes": {"notes": None, "tags": []}}
    assert data_of("update", {"changes.notes": "null"}) == {"changes": {"notes": "null"}}
    assert not any(field.removable for field in fields_of("create"))


def test_what_is_to_be_removed_has_no_value() -> None:
    with pytest.raises(InputRefused) as refused:
        data_of("update", {"remove.changes.notes": "yes", "changes.notes": "hello"})
    assert refused.value.errors == (("/changes/notes", "must be empty if the field is to be removed"),)
