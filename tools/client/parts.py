"""Which modules of this repository the client is made of, and what they are called there.

Nothing is listed but what other teams import: the rest is found by following imports.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
OURS: Final = ("consumer", "producers", "schemas", "devstack")
PACKAGE: Final = "contracts_client"

PUBLIC: Final = {
    "consumer.clients": f"{PACKAGE}.readers",
    "consumer.errors": f"{PACKAGE}.errors",
    "consumer.reading.temporal": f"{PACKAGE}.temporal",
    "consumer.settings": f"{PACKAGE}.settings",
    "consumer.telemetry.trace_context": f"{PACKAGE}.tracing",
    "producers.testkit": f"{PACKAGE}.testkit",
    "producers.manager": f"{PACKAGE}.manager",
    "tools.client.facade": PACKAGE,
    **{
        f"schemas.{name}": f"{PACKAGE}.schemas.{name}"
        for name in ("commands", "contract", "events", "terms", "topics", "types")
    },
}
"""What other teams import, and how they call it."""

INSIDE: Final = f"{PACKAGE}._parts"

_IMPORT = re.compile(r"^(\s*(?:from|import) )((?:consumer|producers|schemas)(?:\.\w+)*)\b", re.MULTILINE)


def path_of(module: str) -> Path | None:
    """The module's file, or None for what is no module."""
    place = ROOT.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.exists()), None)


def client_name(module: str) -> str:
    """What a module is called in the client."""
    if module in PUBLIC:
        return PUBLIC[module]
    return f"{PACKAGE}.{module}" if module.startswith("schemas") else f"{INSIDE}.{module}"


def imported(source: str) -> Iterator[str]:
    """Every module that a source imports, for its types and inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            # `from package import module` is an import of the module, too.
            yield from (name for each in node.names if path_of(name := f"{node.module}.{each.name}"))
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def closure() -> dict[str, str]:
    """The source of every module that the client needs, by its name here."""
    found: dict[str, str] = {}
    waiting = list(PUBLIC)
    while waiting:
        module = waiting.pop()
        path = path_of(module)
        if module in found or path is None:
            continue
        found[module] = path.read_text("utf-8")
        waiting += [name for name in imported(found[module]) if name.partition(".")[0] in OURS]
    return found


def third_parties(sources: dict[str, str]) -> set[str]:
    """The top-level modules of other projects that these sources import."""
    tops = {name.partition(".")[0] for source in sources.values() for name in imported(source)}
    return tops - {*OURS, "tools"} - sys.stdlib_module_names


def rewritten(source: str) -> str:
    """With our imports under their names in the client.

    Raises:
        ValueError: an import in a form that does not carry over, such as `import consumer.errors`.
    """
    changed = _IMPORT.sub(lambda found: found[1] + client_name(found[2]), source)
    for node in ast.walk(ast.parse(changed)):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        plain = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        wrong = [name for name in names if name.partition(".")[0] in OURS]
        wrong += [name for name in plain if name.partition(".")[0] in (*OURS, PACKAGE)]
        if wrong:
            raise ValueError(f"write `from package.module import name`: {', '.join(wrong)}")
    return changed
