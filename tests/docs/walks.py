"""CONTRIBUTING.md as a program: its walks, their blocks, and what each does to a copy of the repository."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "CONTRIBUTING.md"

_BLOCK: Final = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_NEW: Final = "# new: "


class Block(NamedTuple):
    """Code of a walk. `language`: `diff` changes files, `python` is a new one, `sh` are commands."""

    language: str
    text: str


class Stale(AssertionError):
    """A block does not fit the repository any more."""


def walk(title: str) -> list[Block]:
    """The blocks of a section, in order."""
    section = PAGE.read_text("utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return [Block(language, dedent(text)) for _, language, text in _BLOCK.findall(section)]


def apply(block: Block, folder: Path) -> None:
    """Does to a copy of the repository what a `diff` or `python` block says.

    Raises:
        Stale: what the block shows of a file is not there, or more than once; or the new file is there.
    """
    if block.language == "diff":
        for name, hunks in _files(block.text):
            for hunk in hunks:
                _change(folder / name, hunk, name)
        return
    first, _, source = block.text.partition("\n")
    file = folder / first.removeprefix(_NEW)
    if not first.startswith(_NEW) or file.exists():
        raise Stale(f"CONTRIBUTING.md: `{first}` must name a file that is not there yet")
    file.write_text(source, "utf-8")


def _files(text: str) -> list[tuple[str, list[list[str]]]]:
    parts = re.split(r"^--- (.*)\n", text, flags=re.MULTILINE)[1:]
    return [
        (name, [hunk.splitlines() for hunk in re.split(r"^@@\n", body, flags=re.MULTILINE)])
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    ]


def _change(file: Path, hunk: list[str], name: str) -> None:
    old = "".join(f"{line[1:]}\n" for line in hunk if not line.startswith("+"))
    new = "".join(f"{line[1:]}\n" for line in hunk if not line.startswith("-"))
    source = file.read_text("utf-8")
    found = [each.start() for each in re.finditer(f"^(?={re.escape(old)})", source, re.MULTILINE)]
    if len(found) != 1:
        raise Stale(
            f"CONTRIBUTING.md shows lines of {name} that are there {len(found)} times, not once:\n{old}"
        )
    (start,) = found
    file.write_text(source[:start] + new + source[start + len(old) :], "utf-8")
