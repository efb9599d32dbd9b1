"""Text that a spreadsheet would run as a formula, made harmless with a quote before it, and back.

A spreadsheet looks at the beginning of a cell. One that separates cells by another character than the table
does (which one depends on its user's language) begins cells in the middle of ours: after commas, semicolons,
tabs and line breaks. So a quote goes before a formula in each of these places.
"""

from __future__ import annotations

import re
from typing import Final

_WIDE: Final = "\uff1d\uff0b\uff0d\uff20"
"""= + - @ as East Asian keyboards write them; spreadsheets take them, too."""
_BEGINS: Final = r"(?:\A|(?<=[,;\t\r\n]))"
_FORMULA: Final = rf"(?=[\s\"']*[=+\-@{_WIDE}])"
_BREAK: Final = r"(?='*[\t\r\n])"
"""Spreadsheets pass over what stands at the very beginning of such a cell."""

_TO_QUOTE: Final = re.compile(rf"{_BEGINS}{_FORMULA}|\A{_BREAK}")
_QUOTED: Final = re.compile(rf"{_BEGINS}'{_FORMULA}|\A'{_BREAK}")


def harmless(text: str) -> str:
    """The text with a quote before everything in it that a spreadsheet may run."""
    return _TO_QUOTE.sub("'", text)


def restored(text: str) -> str:
    """The text that `harmless` was given."""
    return _QUOTED.sub("", text)
