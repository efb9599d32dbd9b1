"""Where the version of a release stands, and whether it is everywhere the same."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
HEADING: Final = re.compile(r"^## (\d\S*)(?: \(not released yet\)| - (\d{4}-\d{2}-\d{2}))$", re.MULTILINE)
_IN_DOCS = re.compile(
    r"(?:newTag: \"?|contracts:|contract_service_client-|CONTRACTS_VERSION=)(\d+\.\d+\.\d+)"
)
_TAG = re.compile(r"^\s*newTag: \"?([^\"\s]+)", re.MULTILINE)


def version(root: Path = ROOT) -> str:
    """The one in pyproject.toml, to which all others are held."""
    found: str = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return found


def places(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Every other place with the version that stands there."""
    newest = HEADING.search((root / "CHANGELOG.md").read_text("utf-8"))
    yield "CHANGELOG.md, newest section", newest[1] if newest else "none"
    document = json.loads((root / "schemas/published/asyncapi.json").read_text("utf-8"))
    yield "schemas/published/asyncapi.json", document["info"]["version"]
    for path in sorted((root / "ops/kubernetes").rglob("kustomization.yaml")):
        for tag in _TAG.findall(path.read_text("utf-8")):
            yield str(path.relative_to(root)), tag
    for path in sorted([*(root / "docs").rglob("*.md"), root / "README.md"]):
        for named in _IN_DOCS.findall(path.read_text("utf-8")):
            yield str(path.relative_to(root)), named


def differences(root: Path = ROOT) -> list[str]:
    """One readable line for each place that has another version than pyproject.toml."""
    right = version(root)
    return [f"{place}: {found}, not {right}" for place, found in places(root) if found != right]


def notes(root: Path = ROOT) -> str:
    """The newest section of the changelog, without its heading."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    heading = HEADING.search(text)
    if heading is None:
        raise ValueError("CHANGELOG.md has no section of a version: `## 1.2.3 - 2026-01-31`")
    return text[heading.end() :].partition("\n## ")[0].strip() + "\n"


def is_dated(root: Path = ROOT) -> bool:
    """Whether the newest section says when it was released."""
    heading = HEADING.search((root / "CHANGELOG.md").read_text("utf-8"))
    return heading is not None and heading[2] is not None
