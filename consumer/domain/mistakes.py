"""Mistakes in a command, described so that the sender can correct them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.domain.differences import pointer
from consumer.domain.model import Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.events import FieldError, RejectionCode


def mistake(message: str, *path: str | int) -> FieldError:
    """One mistake; `path` points to it in the command's data, empty for the whole."""
    return {"path": pointer(*path), "message": message}


def rejected(code: RejectionCode, errors: Sequence[FieldError]) -> Rejected:
    """A rejection that names every mistake, and the first in its message."""
    first, *others = errors
    more = f" (and {len(others)} more)" if others else ""
    return Rejected(code, f"{first['path']} {first['message']}{more}".lstrip(), errors)
