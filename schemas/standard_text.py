"""The standard text form of an id from another system, such as a document's `_id`."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def standard_text(value: Any) -> str | None:
    """Text unchanged, a number as it is written, a date in RFC 3339; None: the value has no standard form."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if type(value) is str:
        return value if _is_unicode(value) else None
    return str(value) if _is_number(value) else None


def _is_unicode(text: str) -> bool:
    """Whether the text can be encoded: half of a surrogate pair cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_number(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
