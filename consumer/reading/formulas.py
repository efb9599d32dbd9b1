"""A quote before text that a spreadsheet would run as a formula, and its removal.

A spreadsheet checks the beginning of a cell. If it separates cells by another character than the table (this
depends on the user's language), its cells begin in the middle of the table's: after commas, semicolons, tabs
and line breaks. So a quote is put before a formula in each of these places.
"""

from __future__ import annotations

import re
from typing import Final

_WIDE: Final = "\uff1d\uff0b\uff0d\uff20"
"""= + - @ as East Asian keyboards write them; spreadsheets accept these, too."""
_BEGINS: Final = r"(?:\A|(?<=[,;\t\r\n]))"
_FORMULA: Final = rf"(?=[\s\"']*[=+\-@{_WIDE}])"
_BREAK: Final = r"(?='*[\t\r\n])"
"""Characters at the beginning of a cell that spreadsheets ignore."""

_TO_QUOTE: Final = re.compile(rf"{_BEGINS}{_FORMULA}|\A{_BREAK}")
_QUOTED: Final = re.compile(rf"{_BEGINS}'{_FORMULA}|\A'{_BREAK}")


def harmless(text: str) -> str:
    """The text, with a quote before each part that a spreadsheet may run."""
    return _TO_QUOTE.sub("'", text)


def restored(text: str) -> str:
    """The text that was given to `harmless`."""
    return _QUOTED.sub("", text)
