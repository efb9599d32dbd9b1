"""Every text that a person reads: pages, docstrings, comments, and sentences in the code."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = ("consumer", "producers", "schemas", "devstack")
NAMED: Final = ("consumer", "producers")
GLOSSARY: Final = ROOT / "docs/glossary.md"

_CODE_BLOCK: Final = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_CODE_SPAN: Final = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True)
class Text:
    """One text and where it begins."""

    file: str
    line: int
    text: str


def prose(markdown: str) -> str:
    """A page without its code: names in code are checked where they are defined. Line numbers stay."""

    def blank(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n")

    return _CODE_SPAN.sub("", _CODE_BLOCK.sub(blank, markdown))


def texts() -> Iterator[Text]:
    """All texts of pages and sources. The changelog and the glossary may name old words."""
    for page in pages():
        for number, line in enumerate(prose(page.read_text("utf-8")).splitlines(), start=1):
            yield Text(str(page.relative_to(ROOT)), number, line)
    for source in SOURCES:
        for file in sorted((ROOT / source).rglob("*.py")):
            for line, text in python_texts(file.read_text("utf-8")):
                yield Text(str(file.relative_to(ROOT)), line, text)


def pages() -> list[Path]:
    """Hand-written and generated pages: the sources of the latter are checked, too."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if page != GLOSSARY]


def names() -> Iterator[Text]:
    """All names that the service and its client define."""
    for source in NAMED:
        for file in sorted((ROOT / source).rglob("*.py")):
            for line, name in python_names(file.read_text("utf-8")):
                yield Text(str(file.relative_to(ROOT)), line, name)


def python_names(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each function, class, parameter, variable and attribute that a module defines."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case (
                ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name))
            ):
                yield node.lineno, name


def python_texts(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring, sentence and comment in a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, _CODE_SPAN.sub("", node.value)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], _CODE_SPAN.sub("", token.string.lstrip("#:"))
