"""Writes what is published: a JSON Schema for each message and the contract, AsyncAPI, OpenAPI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.asyncapi import asyncapi
from schemas.jsonschema import schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLISHED: Final = Path(__file__).parent / "published"
"""Where they are checked in, and part of the installed package."""


OPENAPI: Final = PUBLISHED / "openapi.json"
"""The HTTP API. `make docs` makes it from the end points, which this package does not know."""


def documents() -> dict[str, Any]:
    """Every published document by the name of its file."""
    return {f"{label}.json": schema for label, schema in schemas().items()} | {"asyncapi.json": asyncapi()}


def export(folder: Path = PUBLISHED) -> list[Path]:
    """Writes all documents into a folder, which is made if need be.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in rendered().items():
        file = folder / name
        file.write_bytes(text)
        written.append(file)
    return written


def rendered() -> Mapping[str, bytes]:
    """Every document as the text of its file."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    made = {name: orjson.dumps(document, option=options) for name, document in documents().items()}
    return made | {OPENAPI.name: OPENAPI.read_bytes()}


if __name__ == "__main__":
    export()
