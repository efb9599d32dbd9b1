"""Writes the published documents: JSON Schemas of messages and the contract, AsyncAPI, OpenAPI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.asyncapi import asyncapi
from schemas.jsonschema import schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLISHED: Final = Path(__file__).parent / "published"
"""The folder in the repository, which is also part of the installed package."""

OPENAPI: Final = PUBLISHED / "openapi.json"
"""The HTTP API. `make docs` generates it from the end points, which this package must not import."""


def documents() -> dict[str, Any]:
    """Every published document by its file name."""
    return {f"{label}.json": schema for label, schema in schemas().items()} | {"asyncapi.json": asyncapi()}


def compared() -> dict[str, Any]:
    """The schemas that must stay compatible, by label."""
    return schemas() | {OPENAPI.stem: orjson.loads(OPENAPI.read_bytes())}


def export(folder: Path = PUBLISHED) -> list[Path]:
    """Writes all documents into a folder. Creates the folder if it does not exist.

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
    """The content of every document's file."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    made = {name: orjson.dumps(document, option=options) for name, document in documents().items()}
    return made | {OPENAPI.name: OPENAPI.read_bytes()}


if __name__ == "__main__":
    export()
