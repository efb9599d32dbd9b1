"""Holds the limits of size: `python -m tools.sizes` names every file and class that is too long.

A file that outgrows its limit holds two things that change for different reasons: split it by meaning.
What must stay longer stands in EXCEPTIONS with its reason.
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
    "consumer/reading/reader.py::ContractReader": "what readers ask: few lines a method, and its promise",
    "consumer/settings_sections.py": "tables: one field a setting, with its meaning",
    "consumer/storage/mongo_queries.py::MongoQueries": "one query a method, none longer than twenty lines",
    "devstack/server.py::Server": "what can be done to any server: a line or two a method",
    "producers/commands.py::CommandProducer": "what others call: a line or two a method, and its promise",
    "producers/typed.py::TypedCommands": "a table: one method a command",
}
"""A file as its path, a class as `path::Name`; and why it is longer."""


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
    told = mistakes(too_long(ROOT), EXCEPTIONS)
    print(*told, sep="\n", end="\n" * bool(told))
    return bool(told)


if __name__ == "__main__":
    sys.exit(main())
