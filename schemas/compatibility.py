"""Decides which changes of the published schemas are compatible, for producers and for consumers.

For every message that both versions have, two questions decide:

- Does the new schema accept everything that the old one accepted? Then producers need not change.
- Does the new schema accept nothing that the old one refused? Then consumers need not change.

Commands are produced by other programs, so a change of a command is breaking if it breaks producers. Events
are consumed by other programs, so a change of an event is breaking if it breaks consumers. A breaking
change needs a new version of the type, with a name of its own, next to the old one, which stays unchanged.
For callers of the HTTP API see schemas/operations.py.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.differences import Schema, differences
from schemas.events import OUTPUTS
from schemas.operations import operation_changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PUBLISHED_IN_GIT: Final = "schemas/published"
OPENAPI_LABEL: Final = "openapi"
_CONSUMED: Final = frozenset({*OUTPUTS, "contract"})


@dataclass(frozen=True, slots=True)
class Change:
    """One change between two published versions.

    Args:
        label: of a message, or an operation of the HTTP API: `GET /v1/contracts`.
        path: JSON Pointer into the message's data, or into the operation's request and answer.
        text: the change.
        breaks_producers, breaks_consumers: whether they must change.
    """

    label: str
    path: str
    text: str
    breaks_producers: bool = False
    breaks_consumers: bool = False

    @property
    def breaking(self) -> bool:
        """Whether the change breaks other programs, so that the type needs a new version."""
        consumed = self.label.partition(".")[0] in _CONSUMED
        return self.breaks_consumers if consumed else self.breaks_producers

    def __str__(self) -> str:
        verdict = "BREAKING" if self.breaking else "compatible"
        return f"{verdict}: {self.label} {self.path or '(whole)'} {self.text}"


def changes(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[Change]:
    """Every change between two published versions: a schema by label (`update.v1`), and `openapi`."""
    return list(_changes(old, new))


def _changes(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> Iterator[Change]:
    for label, schema in old.items():
        if label not in new:
            yield Change(label, "", "is no longer published", breaks_producers=True, breaks_consumers=True)
            continue
        if label == OPENAPI_LABEL:
            for name, path, text, breaks in operation_changes(schema, new[label]):
                yield Change(name, path, text, breaks_producers=breaks, breaks_consumers=breaks)
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
        label: schema
        for label, schema in parsed.items()
        if isinstance(schema, dict) and ("$schema" in schema or label == OPENAPI_LABEL)
    }


def _json(name: str, text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{name} is not JSON: {error}") from error


def _git(repository: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - arguments, no shell
