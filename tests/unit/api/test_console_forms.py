"""Forms of the console: every field of a command, and what was filled in as its data."""

from decimal import Decimal

import pytest

from consumer.api.auth import PUBLISHED
from consumer.api.console.forms import data_of, fields_of
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
