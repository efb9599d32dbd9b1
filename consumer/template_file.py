"""Reads the templates file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from consumer.domain.catalogue import BUILT_IN_ONLY, Catalogue
from consumer.domain.catalogue_file import read_catalogue
from consumer.errors import TemplatesRefused

_SETTING: Final = "CONTRACTS_TEMPLATES names the file; `contracts templates list --json` shows its form"


def load_catalogue(path: str | None) -> Catalogue:
    """The catalogue in a file; None: only the built-in version 1.

    Raises:
        TemplatesRefused: the file cannot be read, or is wrong; names the first mistake with its path.
    """
    if path is None:
        return BUILT_IN_ONLY
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise TemplatesRefused(f"cannot read {path}: {error.strerror}", hint=_SETTING) from None
    found = read_catalogue(raw)
    if isinstance(found, Catalogue):
        return found
    first, *others = found
    more = f" (and {len(others)} more)" if others else ""
    raise TemplatesRefused(" ".join(filter(None, (f"{path}:", first["path"], first["message"]))) + more)
