"""The standard text of a value that names something in another system, such as a document's `_id`."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def standard_text(value: Any) -> str | None:
    """Text as it is, a number as it is written, a date in RFC 3339; None: it has no standard form."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value) if type(value) is str or _is_number(value) else None


def _is_number(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
