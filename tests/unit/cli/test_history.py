"""How `contracts history` tells of a change."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from consumer.cli.history import _in_words
from consumer.reading.views import HistoryChange

DAY = datetime(2026, 1, 31, tzinfo=UTC)


def told(*fields: dict[str, Any], window_days: int | None = None, kind: str = "updated") -> str:
    return _in_words(HistoryChange(kind, DAY, 2, "ann", window_days, None, fields))


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"path": "/base_monthly_fee", "before": Decimal("1.50"), "after": Decimal(2)}, "1.50 → 2"),
        (
            {"path": "/end_date", "before": DAY, "after": DAY.replace(year=2027)},
            "2026-01-31T00:00:00Z → 2027",
        ),
        ({"path": "/auto_renewal", "before": True, "after": False}, "/auto_renewal yes → no"),
        ({"path": "/notes", "after": "a\x1bb"}, "/notes none → a\\x1bb"),
        ({"path": "/notes", "before": "x" * 41}, f"/notes {'x' * 39}… → none"),
        ({"path": "/notes", "before": "x" * 40}, f"/notes {'x' * 40} → none"),
        ({"path": "/tags", "before": ["a", "b"], "after": []}, "/tags a, b → empty"),
        ({"path": "/primary_contact", "erased": True}, "/primary_contact erased"),
    ],
)
def test_a_field_with_what_it_was_and_became(field, words) -> None:
    assert words in told(field)


def test_fields_in_their_order_and_what_has_none() -> None:
    fields = {"path": "/a", "after": 1}, {"path": "/b", "before": 2}
    assert told(*fields) == "updated /a none → 1, /b 2 → none"
    assert told(kind="created") == "created"
    assert told(window_days=30, kind="expiring") == "expiring (30 days)"
