"""Converts the cells of a table to a command's data, and data to cells.

Columns are paths of fields; types come from the schema.

    account_id,contract_type,base_monthly_fee,primary_contact.email,features
    acme,basic,99.50,ann@example.com,api_access;email_support

The entries of a list are separated by semicolons; a list or an object may also be written as JSON. An empty
cell leaves the field out; `null` removes the field, where the schema allows it. Text that cannot be read as
the field's type is passed on, and the schema refuses it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from producers.extended_json import plain
from schemas.digits import parse_exactly
from schemas.places import nodes_at
from schemas.strict_json import NotJson, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.commands import CommandSpec

SEPARATOR: Final = ";"
"""Separator of a list's entries in one cell."""
TABLE_FILES: Final = {".csv": ",", ".tsv": "\t"}
"""File name endings of tables, with the separator that exports use."""
_DECIMAL: Final = re.compile(r"\ANumberDecimal\((.*)\)\Z")
"""An ObjectId in a cell, as older versions of mongoexport write it."""
_TRUTHS: Final = {"true": True, "yes": True, "false": False, "no": False}


def data_from(spec: CommandSpec, cells: Mapping[str, str]) -> dict[str, Any]:
    """The data of a command. The name of each column is the path of a field, with dots."""
    data: dict[str, Any] = {}
    for column, cell in cells.items():
        if cell:
            path = tuple(column.split("."))
            _put(data, path, _value(spec, path, cell))
    return {**_empty_objects(spec, cells), **data}


def _empty_objects(spec: CommandSpec, cells: Mapping[str, str]) -> dict[str, Any]:
    """Required objects whose columns exist: they are added even if all their cells are empty."""
    steps = {column.partition(".")[0] for column in cells if "." in column}
    required = {name for node in nodes_at(spec.type, ()) for name in node.get("required", ())}
    return {name: {} for name in sorted(steps & required)}


def _put(target: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        inner = target.setdefault(step, {})
        if not isinstance(inner, dict):
            return  # another column has the whole object, and takes precedence
        target = inner
    target.setdefault(path[-1], value)


def _value(spec: CommandSpec, path: tuple[str, ...], cell: str) -> Any:
    types = {kind for node in nodes_at(spec.type, path) for kind in _types(node)}
    if cell == "null" and "null" in types:
        return None
    if types & {"array", "object"} and cell[0] in "[{":
        return plain(spec, _json(cell), path)
    if "array" in types:
        parts = [part.strip() for part in cell.split(SEPARATOR)]
        return [_scalar(_types_at(spec, (*path, "")), part) for part in parts if part]
    return _scalar(types, cell)


def _scalar(types: set[str], cell: str) -> Any:
    if types & {"number", "integer"}:
        number = _json(_DECIMAL.sub(r"\1", cell))
        return number if isinstance(number, int | float | Decimal) and not isinstance(number, bool) else cell
    if "boolean" in types:
        return _TRUTHS.get(cell.lower(), cell)
    return cell


def _types_at(spec: CommandSpec, path: tuple[str, ...]) -> set[str]:
    return {kind for node in nodes_at(spec.type, path) for kind in _types(node)}


def _types(node: dict[str, Any]) -> list[str]:
    kind = node.get("type")
    return kind if isinstance(kind, list) else [] if kind is None else [kind]


def _json(cell: str) -> Any:
    raw = cell.encode()
    return cell if isinstance(parse(raw), NotJson) else parse_exactly(raw)
