"""Tables for people on a terminal. Nothing is hidden, cut or broken: what does not fit is told row by row."""

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
    """Whether people see this, and want colours: https://no-color.org."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def print_table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table in its natural width or, where the terminal is narrower, a block for each row.

    A block has a line for each column. A line that is too long even so is left whole: the terminal wraps it,
    and what is marked and copied there comes without line breaks.
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
    """Print a line for each field, the values below each other."""
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
    """In places on the terminal, of which some characters take two and some none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _bold(text: str) -> str:
    return typer.style(text, bold=True)
