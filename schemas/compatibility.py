"""Which changes of the published schemas are compatible, for those who produce and those who consume.

Two questions decide, for every message that both versions have:

- Does the new schema accept all that the old one did? Then producers need not change.
- Does the new schema accept nothing that the old one did not? Then consumers need not change.

Others produce commands: what breaks their producers is a breaking change. Others consume events: what
breaks their consumers is one. It needs a new version of the type, under a name of its own, beside the
old one, which stays as it was.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.differences import Schema, differences
from schemas.events import EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PUBLISHED_IN_GIT: Final = "schemas/published"
_CONSUMED: Final = frozenset({*EVENTS, "contract"})


@dataclass(frozen=True, slots=True)
class Change:
    """One change of what is published; `path` is a JSON Pointer into the message's data."""

    label: str
    path: str
    text: str
    breaks_producers: bool = False
    breaks_consumers: bool = False

    @property
    def breaking(self) -> bool:
        """Whether it breaks those who are not us, so that the type needs a new version."""
        consumed = self.label.partition(".")[0] in _CONSUMED
        return self.breaks_consumers if consumed else self.breaks_producers

    def __str__(self) -> str:
        verdict = "BREAKING" if self.breaking else "compatible"
        return f"{verdict}: {self.label} {self.path or '(whole)'} {self.text}"


def changes(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[Change]:
    """Every change between two published versions, each a schema by label (`update.v1`)."""
    return list(_changes(old, new))


def _changes(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> Iterator[Change]:
    for label, schema in old.items():
        if label not in new:
            yield Change(label, "", "is no longer published", breaks_producers=True, breaks_consumers=True)
            continue
        for path, text, accepts_less, accepts_more in differences(schema, new[label]):
            yield Change(label, path, text, breaks_producers=accepts_less, breaks_consumers=accepts_more)
    for label in new:
        if label not in old:
            yield Change(label, "", "is new")


def in_folder(folder: Path) -> dict[str, Schema]:
    """The schemas published in a folder.

    Raises:
        OSError, ValueError: a file cannot be read, or is not JSON.
    """
    texts = {file.name: file.read_bytes() for file in sorted(folder.glob("*.json"))}
    return _schemas(texts)


def in_git(reference: str, repository: Path = Path()) -> dict[str, Schema]:
    """The schemas published in a commit, branch or tag of a git repository.

    Raises:
        subprocess.CalledProcessError: there is no such reference; its `stderr` says so.
    """
    folder = f"{reference}:{PUBLISHED_IN_GIT}"
    names = _git(repository, "ls-tree", "--name-only", "--end-of-options", folder).decode().split()
    texts = {name: _git(repository, "show", "--end-of-options", f"{folder}/{name}") for name in names}
    return _schemas(texts)


def _schemas(texts: Mapping[str, bytes]) -> dict[str, Schema]:
    parsed = {Path(name).stem: _json(name, text) for name, text in texts.items() if name.endswith(".json")}
    return {
        label: schema for label, schema in parsed.items() if isinstance(schema, dict) and "$schema" in schema
    }


def _json(name: str, text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{name} is not JSON: {error}") from error


def _git(repository: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - arguments, no shell
