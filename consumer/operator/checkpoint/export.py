"""Writes a checkpoint's contracts and history as Parquet, for programs that analyse them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.errors import InputRefused
from consumer.operator.checkpoint.creation import HISTORY
from consumer.operator.checkpoint.files import Files
from consumer.operator.checkpoint.locks import reading
from consumer.operator.checkpoint.manifest import read_manifest
from consumer.storage.exported import as_json, fields_of
from consumer.storage.snapshot import CONTRACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_CONTRACT: Final = {
    "contract_id": "text",
    "account_id": "text",
    "contract_type": "text",
    "status": "text",
    "start_date": "time",
    "end_date": "time",
    "term_start": "time",
    "term_number": "int",
    "renewal_date": "time",
    "auto_renewal": "bool",
    "term_months": "int",
    "base_monthly_fee": "money",
    "currency": "text",
    "external_reference": "text",
    "created_at": "time",
    "updated_at": "time",
    "cancelled_at": "time",
    "cancellation_reason": "text",
    "version": "int",
    "document": "json",
}
_ENTRY: Final = {
    "partition": "int",
    "offset": "int",
    "number": "int",
    "occurred_at": "time",
    "outcome": "text",
    "code": "text",
    "account_id": "text",
    "contract_id": "text",
    "version": "int",
    "type": "text",
    "source": "text",
    "command_id": "text",
    "requested_by": "text",
    "changes": "json",
}
COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {**dict.fromkeys(CONTRACTS, _CONTRACT), HISTORY: _ENTRY}
"""The columns of each file, with their kinds. `document` is the whole document, as JSON."""


def export(folder: Path, to: Path, on_progress: Callable[[int], object] = lambda _: None) -> dict[str, int]:
    """Writes a file for each collection, and returns the number of its rows.

    Raises:
        InputRefused: pyarrow is not installed, the folder holds no checkpoint, or one is being written to it.
        CheckpointDamaged: a file was changed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an optional package
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise InputRefused(
            "Parquet needs the package pyarrow", hint="pip install 'contract-service[parquet]'"
        ) from error
    kinds = {
        "text": pa.string(),
        "json": pa.string(),
        "int": pa.int64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("ms", tz="UTC"),
        "money": pa.decimal128(19, 4),
    }
    with reading(folder):
        manifest, files, rows = read_manifest(folder), Files(folder), dict.fromkeys(COLUMNS, 0)
        to.mkdir(parents=True, exist_ok=True)
        for collection, columns in COLUMNS.items():
            schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
            with parquet.ParquetWriter(to / f"{collection}.parquet", schema, compression="zstd") as writer:
                for file in manifest.files:
                    if file.collection == collection:
                        documents = files.read(file)
                        writer.write_table(pa.table(_columns(columns, documents), schema=schema))
                        rows[collection] += len(documents)
                        on_progress(len(documents))
    return rows


def _columns(columns: Mapping[str, str], documents: Sequence[bytes]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in columns}
    for stored in documents:
        fields = fields_of(stored)
        for name, kind in columns.items():
            value = fields if name == "document" else fields.get(name)
            found[name].append(as_json(value) if kind == "json" and value is not None else value)
    return found
