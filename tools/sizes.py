"""Holds the limits of size: `python -m tools.sizes` names every file and class that is too long.

A file that outgrows its limit holds two things that change for different reasons: split it by meaning.
What must stay longer stands in EXCEPTIONS with its reason; what is not split yet, in OUTGROWN.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

ROOT: Final = Path(__file__).parents[1]
FOLDERS: Final = ("consumer", "producers", "schemas", "devstack", "benchmarks", "tests")
FILE_LINES: Final = 250
CLASS_LINES: Final = 120

EXCEPTIONS: Final = {
    "consumer/domain/currencies.py": "a table: one row a currency",
    "consumer/settings_sections.py": "tables: one field a setting, with its meaning",
}
"""A file as its path, a class as `path::Name`; and why it is longer."""

OUTGROWN: Final = frozenset(
    {
        "consumer/cli/imports.py",
        "consumer/engine/partition.py::Partition",
        "consumer/engine/storing.py::Storing",
        "consumer/engine/takeover.py::Takeover",
        "consumer/kafka/fetcher.py::Fetcher",
        "consumer/kafka/membership.py::Membership",
        "consumer/process.py::Process",
        "consumer/reading/reader.py",
        "consumer/reading/reader.py::ContractReader",
        "consumer/storage/documents.py",
        "consumer/storage/memory.py::MemoryStore",
        "consumer/storage/mongo.py",
        "consumer/storage/mongo.py::MongoStore",
        "consumer/storage/mongo_queries.py",
        "consumer/storage/mongo_queries.py::MongoQueries",
        "consumer/storage/protocols.py",
        "consumer/telemetry/metrics.py",
        "consumer/telemetry/metrics.py::Metrics",
        "devstack/kafka.py::ApacheKafka",
        "devstack/proof/checker.py",
        "devstack/proof/checker.py::Checker",
        "devstack/proof/model.py::Model",
        "devstack/proxy.py::Proxy",
        "devstack/server.py::Server",
        "producers/bulk.py",
        "producers/bulk.py::BulkImport",
        "producers/commands.py",
        "producers/commands.py::CommandProducer",
        "producers/results.py",
        "producers/results.py::ResultListener",
        "producers/testkit.py",
        "producers/testkit.py::Testkit",
        "producers/typed.py::TypedCommands",
        "schemas/asyncapi.py",
        "schemas/commands.py",
        "schemas/contract.py",
        "tests/contract/kafka/test_fetcher.py",
        "tests/contract/storage/test_mongo_faults.py",
        "tests/contract/storage/test_store_contents.py",
        "tests/contract/storage/test_store_contract.py",
        "tests/protocol/world.py::World",
        "tests/simulation/broker.py::Broker",
        "tests/simulation/world.py::World",
        "tests/system/chaos/arena.py::Arena",
        "tests/system/cli/test_cli.py",
        "tests/system/faults/scene.py::Scene",
        "tests/system/producers/test_bulk.py",
        "tests/system/year/life.py::Life",
        "tests/system/year/service.py",
        "tests/unit/cli/test_mistakes.py",
        "tests/unit/cli/test_output.py",
        "tests/unit/domain/test_adopt.py",
        "tests/unit/domain/test_model.py::Lifecycle",
        "tests/unit/domain/test_update.py",
        "tests/unit/engine/test_batch.py",
        "tests/unit/operator/test_position_table.py",
        "tests/unit/producers/test_bulk_rows.py",
        "tests/unit/schemas/test_compatibility.py",
        "tests/unit/schemas/test_decoder.py",
        "tests/unit/schemas/test_published.py",
    }
)
"""What was longer before the limits were held, and is to be split. Nothing is added here."""


def too_long(root: Path, folders: tuple[str, ...] = FOLDERS) -> dict[str, int]:
    """The lines of each file and class above its limit."""
    return {
        name: lines
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
        for name, lines, limit in _sizes(path, path.relative_to(root).as_posix())
        if lines > limit
    }


def _sizes(path: Path, name: str) -> Iterator[tuple[str, int, int]]:
    text = path.read_text("utf-8")
    yield name, len(text.splitlines()), FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            yield f"{name}::{node.name}", (node.end_lineno or 0) - node.lineno + 1, CLASS_LINES


def mistakes(found: Mapping[str, int], excepted: Collection[str]) -> list[str]:
    """What is too long without leave, and what has leave without need."""
    limits = f"the limits are {FILE_LINES} lines for a file and {CLASS_LINES} for a class"
    return [
        *(f"{name}: {lines} lines; {limits}" for name, lines in found.items() if name not in excepted),
        *(f"{name}: short enough, take it out of tools/sizes.py" for name in excepted if name not in found),
    ]


def main() -> int:
    """The exit code: 1 when something is too long."""
    told = mistakes(too_long(ROOT), [*EXCEPTIONS, *sorted(OUTGROWN)])
    print(*told, sep="\n", end="\n" * bool(told))
    return bool(told)


if __name__ == "__main__":
    sys.exit(main())
