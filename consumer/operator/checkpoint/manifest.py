"""What a checkpoint consists of. It has no time of its creation: equal states have equal manifests."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson

from consumer.errors import CheckpointDamaged, InputRefused
from consumer.storage.history import Chain
from consumer.storage.protocols import LastRecord, Origin, Position

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from consumer.settings import Settings

FORMAT: Final = 1
NAME: Final = "manifest.json"
PART: Final = ".part"

DECIDING: Final = (
    "renewal_window_days",
    "renewal_grace_days",
    "notice_days",
    "usage_thresholds",
    "max_command_bytes",
)
"""The settings on which decisions depend, besides those of the position. Templates are in the database."""


@dataclass(frozen=True, slots=True)
class File:
    """One file: its documents one after the other, compressed. `sha256` and `bytes` are of the documents.

    `partition`: of entries of the history.
    """

    collection: str
    documents: int
    bytes: int
    sha256: str
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files in the order in which they are read, and the positions of the moment.

    `settings` are those that decide.
    """

    release: str
    topic: str
    settings: Mapping[str, Any]
    positions: Mapping[int, Position]
    files: Sequence[File]

    @property
    def origin(self) -> Origin:
        """The log, which is the same for all positions."""
        return next(iter(self.positions.values())).origin

    def documents(self, collection: str) -> int:
        """How many documents a collection has."""
        return sum(file.documents for file in self.files if file.collection == collection)

    def id(self) -> str:
        """The hash of the manifest. Whoever knows it can tell that nothing was changed."""
        return sha256(self.encoded()).hexdigest()

    def encoded(self) -> bytes:
        """As it is stored."""
        fields = {
            "format": FORMAT,
            "release": self.release,
            "topic": self.topic,
            **asdict(self.origin),
            "settings": self.settings,
            "positions": [_stored(number, position) for number, position in sorted(self.positions.items())],
            "files": [
                {name: value for name, value in asdict(file).items() if value is not None}
                for file in self.files
            ],
        }
        return orjson.dumps(fields, option=orjson.OPT_INDENT_2) + b"\n"

    def write(self, folder: Path) -> None:
        """Stores it, whole or not at all.

        Raises:
            CheckpointDamaged: it could not be read afterwards. The one before is still there.
        """
        encoded = self.encoded()
        _understood(encoded, folder / NAME)
        write_whole(folder / NAME, encoded)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file, whole or not at all; an interruption leaves its beginning in `<name>.part`.

    Its name, too, is on disk afterwards: a manifest must not survive a power failure that its files do not.
    """
    part = path.with_name(path.name + PART)
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a folder.

    Raises:
        InputRefused: there is none, or a newer release has written it.
        CheckpointDamaged: it is not one that was written.
    """
    path = folder / NAME
    try:
        stored = path.read_bytes()
    except OSError as error:
        raise InputRefused(
            f"{folder} is no checkpoint: {NAME}: {error.strerror}",
            hint="`contracts checkpoint create` writes it last: run it again if it was interrupted",
        ) from error
    return _understood(stored, path)


def _understood(stored: bytes, path: Path) -> Manifest:
    try:
        fields = orjson.loads(stored)
        if fields["format"] != FORMAT:
            raise InputRefused(f"{path} has format {fields['format']}; this program reads {FORMAT}")
        manifest = _manifest(fields)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointDamaged(f"{path} is no manifest: {error!r}") from error
    if manifest.encoded() != stored:
        raise CheckpointDamaged(f"{path} was changed: it is not as the service writes it")
    return manifest


def deciding(settings: Settings) -> dict[str, Any]:
    """The settings that decide."""
    found = {name: getattr(settings, name) for name in DECIDING}
    return {name: [*value] if isinstance(value, tuple) else value for name, value in found.items()}


def _stored(number: int, position: Position) -> dict[str, Any]:
    chain, last = position.chain, position.last
    return {
        "partition": number,
        "next": position.next,
        "generation": position.generation,
        "last": last and asdict(last),
        "chain": chain and {"start": chain.start, "number": chain.number, "head": chain.head.hex()},
        "tallies": {
            label: tally if isinstance(tally, int) else str(tally)
            for label, tally in sorted(position.tallies.items())
        },
    }


def _manifest(fields: Mapping[str, Any]) -> Manifest:
    origin = Origin(fields["cluster"], fields["group"], fields["partitions"], fields["partitioner"])
    topic = fields["topic"]
    positions = {each["partition"]: _position(topic, origin, each) for each in fields["positions"]}
    if positions.keys() != {*range(origin.partitions)}:
        raise ValueError("not every partition has a position")
    files = [File(**each) for each in fields["files"]]
    return Manifest(fields["release"], topic, fields["settings"], positions, files)


def _position(topic: str, origin: Origin, fields: Mapping[str, Any]) -> Position:
    chain, last = fields["chain"], fields["last"]
    return Position(
        f"{topic}/{fields['partition']}",
        origin,
        next=fields["next"],
        generation=fields["generation"],
        last=last and LastRecord(**last),
        tallies={
            label: tally if isinstance(tally, int) else Decimal(tally)
            for label, tally in fields["tallies"].items()
        },
        chain=chain and Chain(chain["start"], chain["number"], bytes.fromhex(chain["head"])),
    )
