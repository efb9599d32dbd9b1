"""The rows of an import: commands from JSON lines, tables, or documents of another system.

A row is a command of any kind if it has `command`:

    {"command": "update", "account_id": "acme", "data": {"changes": {"auto_renewal": false}}}

Otherwise it is a contract, to be created or adopted:

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
    """A command to publish. `place` identifies the row within its source, the same at every reading.

    `revision` distinguishes successive contents of the same place, if the source can change.
    """

    place: str
    name: str
    account_id: str
    data: Mapping[str, Any]
    revision: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is not a valid command. `errors`: JSON Pointer and message of each mistake."""

    place: str
    message: str
    errors: tuple[tuple[str, str], ...] = ()


def contract_row(place: str, contract: Mapping[str, Any], contracts_as: ContractsAs) -> Row | BadRow:
    """The command that creates or adopts a contract."""
    data = {name: value for name, value in contract.items() if name != "account_id"}
    return row_of(place, contracts_as, contract.get("account_id"), data)


async def document_rows(
    documents: AsyncIterator[Mapping[str, Any]], fields: Mapping[str, str] | None = None
) -> AsyncIterator[Row | BadRow]:
    """The contracts in a collection of another system, to be adopted unchanged.

    Args:
        documents: each with its `_id` as text, which is the row's place, and the contract id if the
            contract has none. None: the `_id` has no standard text form, and the document is refused.
        fields: from field names of the documents to ours, where they differ. A field mapped to "" is left
            out.
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
    """The `adopt` command for a MongoDB document.

    Args:
        place: of the row.
        identity: its `_id` as text, for a contract without a `contract_id`; None: it has no text form.
        contract: its other fields. Fields with null are left out.
    """
    if identity is None:
        return BadRow(place, f"/_id {_NO_TEXT}", (("/_id", _NO_TEXT),))
    adopted = without_nulls(COMMANDS["adopt"], {"contract_id": identity, **contract})
    return contract_row(place, adopted, "adopt")


def row_of(place: str, name: Any, account_id: Any, data: Any) -> Row | BadRow:
    """The command in a row, if its name, account and data have the right form."""
    if not isinstance(name, str) or name not in COMMANDS:
        return BadRow(place, f"there is no command {name!r}; known: {', '.join(COMMANDS)}")
    if not isinstance(account_id, str) or not account_id:
        return BadRow(place, "/account_id is required, as text", (("/account_id", "is required, as text"),))
    if not isinstance(data, dict):
        return BadRow(place, "/data must be an object", (("/data", "must be an object"),))
    return Row(place, name, account_id, data)


_NO_TEXT: Final = (
    "must be text, a number, a date, an ObjectId or a UUID (of subtype 4), because it identifies the row"
)
