"""The bounds of what readers may be asked for."""

from __future__ import annotations

from typing import Final

from consumer.errors import InputRefused

MAX_PAGE: Final = 10_000


def page_size(limit: int) -> int:
    """A number of entries of a page, checked."""
    if not 1 <= limit <= MAX_PAGE:
        raise InputRefused(f"a page has 1 to {MAX_PAGE} entries, not {limit}")
    return limit


def days_ahead(days: int) -> int:
    """A number of days to look ahead, checked."""
    if not 0 <= days <= 36_500:  # noqa: PLR2004 - a hundred years
        raise InputRefused(f"cannot look {days} days ahead")
    return days
