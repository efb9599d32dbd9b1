"""Output of commands: tables and colours on a terminal, JSON or tab-separated lines for programs.

Results go to stdout; progress and notes go to stderr, so that results can be piped.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer

from consumer.cli.tables import print_block, print_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

NOTHING: Final = "nothing to show"

_JSON_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
"""The `--json` option of every command that prints data: `as_json: Json = False`."""


def table_or_json(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, nothing: str = NOTHING
) -> None:
    """Print `rows`: JSON has all their fields, a table the `columns`.

    With --json and into a pipe each row is printed as soon as it is available, so `rows` may be endless. If
    there are no rows, `nothing` is printed to stderr.
    """
    seen = _Seen(rows)
    if as_json:
        _print_lines(to_json(row) for row in seen)
    elif sys.stdout.isatty():
        print_table(columns, [[as_text(row.get(column)) for column in columns] for row in seen])
    else:
        cells = ([as_text(row.get(column)) for column in columns] for row in seen)
        _print_lines("\t".join(line) for line in _with_heading(columns, cells))
    if nothing and not seen.any:
        note(nothing)


def document_or_json(document: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one object: as JSON, or one line per field, with the path of nested fields.

    On a terminal a list of objects is printed as a separate table.
    """
    if as_json:
        _print_lines([to_json(document)])
        return
    fields = list(_flat(document))
    if not sys.stdout.isatty():
        _print_lines(f"{path}\t{as_text(value)}" for path, value in fields)
        return
    lists = {path: value for path, value in fields if _is_table(value)}
    print_block([(path, as_text(value)) for path, value in fields if path not in lists])
    for path, inner in lists.items():
        typer.echo(f"\n{path.replace('_', ' ')}")
        columns = tuple(dict.fromkeys(name for row in inner for name in row))
        print_table(columns, [[as_text(row.get(column)) for column in columns] for row in inner])


def note(text: str) -> None:
    """Print a message that is not part of the result, to stderr."""
    typer.echo(as_text(text), err=True)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere.

    Call the yielded function with each number of items done.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


def to_json(value: Any) -> str:
    """JSON on one line: times in RFC 3339 UTC, money as numbers."""
    return orjson.dumps(value, default=_plain, option=_JSON_OPTIONS).decode()


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case set() | frozenset() | tuple():
            return list(value)
        case _:
            return str(value)


def as_text(value: Any) -> str:
    """The text of one cell.

    Control characters are escaped, because text of a contract must not control the terminal.
    """
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case list() | tuple() if all(isinstance(item, str | int) for item in value):
            return as_text(", ".join(map(str, value)))
        case dict() | list() | tuple():
            return as_text(to_json(value))
        case _:
            return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(value))


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


class _Seen:
    """Rows, and whether there were any."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = rows
        self.any = False

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for row in self._rows:
            self.any = True
            yield row


def _with_heading(columns: Sequence[str], lines: Iterable[list[str]]) -> Iterator[list[str]]:
    yield list(columns)
    yield from lines


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
