"""The rows of an import: commands from JSON lines, tables, or documents of another system.

A row is a command of any kind, if it names one:

    {"command": "update", "account_id": "acme", "data": {"changes": {"auto_renewal": false}}}

or else a contract, to be created or adopted:

    {"account_id": "acme", "contract_type": "basic", "end_date": "2027-01-31"}

A table has a column `account_id`, may have one `command`, and for each field one with its path: see cells.py.
A document of MongoDB has an `_id`; it is a contract to be adopted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from producers.nulls import without_nulls
from schemas.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

ContractsAs = Literal["create", "adopt"]

NO_DOCUMENT: Final = "a document of MongoDB can only be adopted: use --adopt, or leave `_id` out"

DIGEST_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Row:
    """A command to be published. `place` names it within its source, the same at every reading.

    `revision` tells apart what stands at a place of a source that may change.
    """

    place: str
    name: str
    account_id: str
    data: Mapping[str, Any]
    revision: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no command; `errors` are (JSON Pointer, what is wrong there)."""

    place: str
    message: str
    errors: tuple[tuple[str, str], ...] = ()


def contract_row(place: str, contract: Mapping[str, Any], contracts_as: ContractsAs) -> Row | BadRow:
    """A contract as the command that brings it in."""
    data = {name: value for name, value in contract.items() if name != "account_id"}
    return row_of(place, contracts_as, contract.get("account_id"), data)


async def document_rows(
    documents: AsyncIterator[Mapping[str, Any]], fields: Mapping[str, str] | None = None
) -> AsyncIterator[Row | BadRow]:
    """Contracts of another system's collection, to be adopted as they stand.

    Args:
        documents: each with an `_id` as text, which is its place; a contract without a `contract_id` gets it.
            None: it has no standard text form, and the document is refused.
        fields: our names of its fields, where they differ; None: none do. A name mapped to "" is left out.
    """
    number = 0
    async for document in documents:
        number += 1
        named = {(fields or {}).get(name, name): value for name, value in document.items() if name != "_id"}
        contract = {"contract_id": document["_id"], **{name: value for name, value in named.items() if name}}
        row = document_row(document["_id"] or f"document {number}", document["_id"], contract)
        # Otherwise a document that was refused and then corrected would be a duplicate.
        revision = hashlib.sha256(repr(contract).encode()).hexdigest()[:DIGEST_CHARACTERS]
        yield replace(row, revision=revision) if isinstance(row, Row) else row


def document_row(place: str, identity: str | None, contract: Mapping[str, Any]) -> Row | BadRow:
    """A document of MongoDB as the contract to adopt.

    Args:
        place: names the row.
        identity: its `_id` as text, for a contract without a `contract_id`; None: it has no such form.
        contract: its other fields. Nulls count as left out.
    """
    if identity is None:
        return BadRow(place, _NO_TEXT, (("/_id", _NO_TEXT),))
    adopted = without_nulls(COMMANDS["adopt"], {"contract_id": identity, **contract})
    return contract_row(place, adopted, "adopt")


def row_of(place: str, name: Any, account_id: Any, data: Any) -> Row | BadRow:
    """A command, if there is one of this name, for an account, with an object for its data."""
    if not isinstance(name, str) or name not in COMMANDS:
        return BadRow(place, f"there is no command {name!r}; known: {', '.join(COMMANDS)}")
    if not isinstance(account_id, str) or not account_id:
        return BadRow(place, "/account_id is required, as text", (("/account_id", "is required, as text"),))
    if not isinstance(data, dict):
        return BadRow(place, "/data must be an object", (("/data", "must be an object"),))
    return Row(place, name, account_id, data)


_NO_TEXT: Final = (
    "must be text, a number, a date, an ObjectId or a UUID (of subtype 4): it names the row forever"
)
