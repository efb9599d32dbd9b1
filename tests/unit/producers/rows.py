"""Lines of files as rows."""

from typing import Any

from producers.bulk_json import json_rows
from producers.bulk_tables import table_rows


def jsonl(*lines: str, contracts_as: Any = "create") -> list[Any]:
    return list(json_rows([line.encode() for line in lines], contracts_as))


def table(*lines: str, contracts_as: Any = "create") -> list[Any]:
    return list(table_rows([f"{line}\n".encode() for line in lines], contracts_as))
