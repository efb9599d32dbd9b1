"""The command line and the Python API as pages, from what `--help` and `help()` show."""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from typing import TYPE_CHECKING, Any, Final

import typer

from consumer.cli import main as cli
from docs.shapes import table
from tools.client.parts import OURS, PUBLIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

_NOT_SHOWN: Final = frozenset({"help", "install_completion", "show_completion"})
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")
_SECTIONS: Final = frozenset({"Args:", "Raises:", "Returns:", "Yields:"})
_KINDS: Final = {"int range": "whole number", "integer": "whole number", "float range": "number"}
_WIDTH: Final = 88
"""Of a line that fits beside two sidebars."""
SHAPES: Final = "contracts_client.schemas"
"""Modules of shapes: their fields are on pages of their own."""


def command_line_lines() -> Iterator[str]:
    """Each command with its arguments and options, in the order of `--help`."""
    yield from _command_lines("contracts", typer.main.get_command(cli.app))


def _command_lines(path: str, command: click.Command) -> Iterator[str]:
    yield from ("", f"## {path}", "", *_help(command), "")
    parameters = [each for each in command.params if each.name not in _NOT_SHOWN]
    if parameters:
        columns = ("argument or option", "values", "default", "meaning")
        yield from table(columns, (_parameter(each) for each in parameters))
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _command_lines(f"{path} {name}", inner)


def _help(command: click.Command) -> list[str]:
    """The text of `--help`; what is indented in it is shown as it is."""
    return _blocks(inspect.cleandoc(command.help or "").replace("\b", ""))


def _blocks(text: str) -> list[str]:
    """Paragraphs as they are, what is indented as code, and what follows `Raises:` and the like as a list."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        first, _, rest = paragraph.partition("\n")
        body = textwrap.dedent(rest)
        if first in _SECTIONS:
            items = re.sub(r"\n\s+", " ", body).splitlines()
            lines += [f"**{first}**", "", *(f"- {item}" for item in items), ""]
        elif example := re.fullmatch(r"Example: (.*)", paragraph):
            lines += ["```sh", example[1], "```", ""]
        elif first.startswith("  "):
            lines += ["```text", *textwrap.dedent(paragraph).splitlines(), "```", ""]
        else:
            lines += [*paragraph.splitlines(), ""]
    return lines[:-1]


def _parameter(parameter: click.Parameter) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    shown = f"`{parameter.human_readable_name}`" if parameter.param_type_name == "argument" else names
    choices = getattr(parameter.type, "choices", None)
    kind = ", ".join(f"`{getattr(each, 'value', each)}`" for each in choices or ())
    flag = getattr(parameter, "is_flag", False)
    default = getattr(parameter, "show_default", None)
    default = default if isinstance(default, str) else parameter.default
    plain = default if isinstance(default, str | int | float) and not isinstance(default, bool) else None
    given = "" if plain is None or flag else f"`{getattr(plain, 'value', plain)}`"
    return (
        f"{shown}{' (required)' if parameter.required else ''}",
        "" if flag else kind or _KINDS.get(parameter.type.name, parameter.type.name),
        given,
        " ".join((getattr(parameter, "help", None) or "").split()),
    )


def python_lines() -> Iterator[str]:
    """Each public module of the client, under the name that it has there."""
    for module, name in sorted(PUBLIC.items(), key=lambda item: item[1]):
        if not name.startswith(SHAPES):
            yield from _module_lines(importlib.import_module(module), name)


def _module_lines(module: Any, name: str) -> Iterator[str]:
    yield from ("", f"## {name}", "", *_documented(module)[:-1])
    for member in _names(module):
        yield from _member_lines(member, getattr(module, member))


def _names(module: Any) -> list[str]:
    """What `__all__` names, or what is public and written in the module itself, in its order."""
    listed = getattr(module, "__all__", None)
    if listed:
        return list(listed)
    return [
        name
        for name, each in vars(module).items()
        if not name.startswith("_")
        and getattr(each, "__module__", None) == module.__name__
        and callable(each)
    ]


def _member_lines(name: str, member: Any) -> Iterator[str]:
    yield from ("", f"### {name}", "")
    is_class = inspect.isclass(member)
    is_error = is_class and issubclass(member, BaseException)
    if not is_error and (not is_class or "__init__" in vars(member)):
        yield from _signature(name, member)
    yield from _documented(member)
    if is_class and not is_error:
        for method, function in _methods(member).items():
            yield from (*_signature(f"{name}.{method}", function), *_documented(function))


def _methods(member: type) -> dict[str, Any]:
    """Public methods, those that it inherits from classes of ours too."""
    ours = [each for each in reversed(member.__mro__) if each.__module__.partition(".")[0] in OURS]
    found = {name: each for base in ours for name, each in vars(base).items()}
    return {
        name: each for name, each in found.items() if not name.startswith("_") and inspect.isfunction(each)
    }


def _signature(name: str, member: Any) -> list[str]:
    text = str(inspect.signature(member))
    word = "async " if inspect.iscoroutinefunction(member) else ""
    shown = re.sub(r"\(self(, )?", "(", _ADDRESS.sub("", text).replace("'", ""), count=1)
    return ["```python", *_wrapped(f"{word}{name}", shown), "```", ""]


def _wrapped(name: str, signature: str) -> list[str]:
    """On one line, or each parameter on its own."""
    line = f"{name}{signature}"
    if len(line) <= _WIDTH:
        return [line]
    inside, _, back = signature.rpartition(")")
    parameters = re.split(r", (?![^\[]*\])", inside.removeprefix("("))
    return [f"{name}(", *(f"    {each}," for each in parameters), f"){back}"]


def _documented(member: Any) -> list[str]:
    text = member.__doc__ or ""
    made = text.startswith(f"{getattr(member, '__name__', '')}(")  # by dataclasses and NamedTuple
    return [] if made or not text else [*_blocks(inspect.cleandoc(text)), ""]
