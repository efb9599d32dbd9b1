"""What commands and events have in common: name, version and type of the data."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, Final

from pydantic import TypeAdapter

TYPE_PREFIX: Final = "com.easytrade.contract."

SCHEMA_BASE: Final = "https://easytrade.com/schemas/contract/"
"""Prefix of `dataschema` and of the published schemas' `$id`. It is only a name: no server must answer."""


def schema_uri(label: str) -> str:
    """The URI of a published JSON Schema: `update.v1` -> `https://…/update.v1.json`."""
    return f"{SCHEMA_BASE}{label}.json"


@dataclass(frozen=True)
class MessageSpec:
    """One version of one message."""

    name: str
    shape: Any
    meaning: str
    _: KW_ONLY
    version: int = 1

    @cached_property
    def label(self) -> str:
        """Name and version: `update.v1`."""
        return f"{self.name}.v{self.version}"

    @cached_property
    def type(self) -> str:
        """The CloudEvents type."""
        return TYPE_PREFIX + self.label

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Validates the data."""
        return TypeAdapter(self.shape)
