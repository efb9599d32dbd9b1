"""What `contracts events` and `contracts preview` say of an event in a line."""

from __future__ import annotations

import pytest

from consumer.cli.events import summary
from consumer.reading.future import ForeseenEvent

CHANGED = {
    "change": "updated",
    "version": 2,
    "contract": {"currency": "EUR"},
    "changed_fields": [{"path": "/base_monthly_fee"}],
}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "updated, version 2: base_monthly_fee"),
        ({"proration": {"net": -1234.5}}, "updated, version 2: base_monthly_fee; proration -1,234.5 EUR"),
    ],
    ids=["without proration", "with proration"],
)
def test_a_change_is_told_with_its_fields_and_what_it_costs(more, said):
    assert summary(ForeseenEvent("changed", CHANGED | more)) == said
