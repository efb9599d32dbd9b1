"""Tables on a terminal. A table that is too wide is printed as one block per row; nothing is cut."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Final, TextIO

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP: Final = "  "


def coloured(stream: TextIO) -> bool:
    """Whether to print colours: on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def print_table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table, or one block per row if the terminal is too narrow.

    A block has one line per column. Lines are not broken: the terminal wraps them, so that copied text has
    no additional line breaks.
    """
    titles = [column.replace("_", " ") for column in columns]
    widths = [max(map(_width, cells)) for cells in zip(titles, *lines, strict=True)]
    if sum(widths) + len(_GAP) * (len(widths) - 1) <= shutil.get_terminal_size().columns:
        _print_aligned(titles, lines, widths)
        return
    for number, line in enumerate(lines, start=1):
        typer.echo(_bold(f"── {number} of {len(lines)} ──"), color=coloured(sys.stdout))
        print_block(list(zip(titles, line, strict=True)))


def print_block(fields: Sequence[tuple[str, str]]) -> None:
    """Print one line per field, with aligned values."""
    room = max((_width(name) for name, _ in fields), default=0)
    for name, value in fields:
        shown = _bold(_padded(name, room)) if value else _bold(name)
        typer.echo(f"{shown}{_GAP if value else ''}{value}", color=coloured(sys.stdout))


def _print_aligned(titles: Sequence[str], lines: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    heading = _joined(titles, widths)
    typer.echo(_bold(heading), color=coloured(sys.stdout))
    typer.echo("─" * (sum(widths) + len(_GAP) * (len(widths) - 1)))
    for line in lines:
        typer.echo(_joined(line, widths))


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(map(_padded, cells, widths)).rstrip()


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Width in terminal cells: some characters take two, some none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _bold(text: str) -> str:
    return typer.style(text, bold=True)
