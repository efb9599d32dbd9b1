"""A checkpoint replaces an earlier one of the same service, and no other."""

import fcntl
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson
import pytest

from consumer.cli.checkpoint import verify
from consumer.errors import CheckpointDamaged, InputRefused
from consumer.operator.checkpoint import creation as module
from consumer.operator.checkpoint import manifest as manifests
from consumer.operator.checkpoint.check import CheckpointCheck
from consumer.operator.checkpoint.creation import Created, Creation
from consumer.operator.checkpoint.export import export
from consumer.operator.checkpoint.files import FOLDER
from consumer.operator.checkpoint.locks import LOCK, reading
from consumer.operator.checkpoint.manifest import NAME, read_manifest
from consumer.operator.checkpoint.restoring import opened
from consumer.storage.changes import Changes
from consumer.storage.protocols import Origin, Position

TOPIC = "contracts.commands"
ORIGIN = Origin("cluster", "contracts", 2)


def positions(*nexts: int, origin: Origin = ORIGIN, generation: int = 1) -> dict[int, Position]:
    return {n: Position(f"{TOPIC}/{n}", origin, at, generation) for n, at in enumerate(nexts)}


class Still:
    """A database that does not change while it is read; its former contract depends on the positions."""

    def __init__(self, begun: dict[int, Position]) -> None:
        self.begun = begun

    async def begin(self) -> None: ...

    async def contracts(self, collection: str) -> AsyncIterator[list[bytes]]:
        if collection == "former_contracts":
            total = sum(position.next for position in self.begun.values())
            yield [bson.encode({"_id": bson.ObjectId(total.to_bytes(12)), "account_id": "a"})]

    async def entries(self, _: int) -> AsyncIterator[list[bytes]]:
        for page in ():
            yield page

    async def changes(self) -> tuple[dict[int, Position], Changes]:
        return self.begun, Changes(entries={number: [] for number in self.begun})


@pytest.fixture(autouse=True)
def _published(monkeypatch: pytest.MonkeyPatch) -> None:
    async def until_published(*_: object) -> None: ...

    monkeypatch.setattr(module, "until_published", until_published)


async def create(
    folder: Path, begun: dict[int, Position], *, topic: str = TOPIC, force: bool = False
) -> Created:
    database: Any = Still(begun)
    return await Creation(
        database, database, folder, release="1", topic=topic, settings={}, force=force
    ).run()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / NAME, *(folder / FOLDER).iterdir())}


OTHERS = {
    "rebuilt to a few percent": (
        positions(5, 5),
        "is later: partition 0 is at 5 in the database, and at 100",
    ),
    "one partition behind": (positions(900, 99), "partition 1 is at 99 in the database, and at 100"),
    "cluster": (positions(200, 200, origin=replace(ORIGIN, cluster="other")), "cluster cluster, not other"),
    "group": (positions(200, 200, origin=replace(ORIGIN, group="other")), "group contracts, not other"),
    "partitioner": (positions(200, 200, origin=replace(ORIGIN, partitioner="crc32")), "not crc32"),
    "partitions": (positions(200, 200, 200, origin=replace(ORIGIN, partitions=3)), "partitions 2, not 3"),
}


@pytest.mark.parametrize("other", OTHERS)
async def test_a_worse_one_is_refused(tmp_path: Path, other: str) -> None:
    """The database was lost, and a timer writes its checkpoint over the good one."""
    begun, says = OTHERS[other]
    await create(tmp_path, positions(100, 100))
    before = contents(tmp_path)
    with pytest.raises(InputRefused, match=says) as refused:
        await create(tmp_path, begun)
    assert "--force" in (refused.value.hint or "")
    assert contents(tmp_path) == before
    created = await create(tmp_path, begun, force=True)
    assert read_manifest(tmp_path) == created.manifest
    assert not {*before} & {*contents(tmp_path)} - {NAME}


async def test_one_of_another_topic_is_refused(tmp_path: Path) -> None:
    await create(tmp_path, positions(100, 100))
    before = contents(tmp_path)
    with pytest.raises(InputRefused, match=r"topic contracts\.commands, not another"):
        await create(tmp_path, positions(200, 200), topic="another")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("begun", [positions(100, 100), positions(100, 101), positions(3, 0, generation=2)])
async def test_a_later_one_replaces_it(tmp_path: Path, begun: dict[int, Position]) -> None:
    await create(tmp_path, positions(100, 100))
    created = await create(tmp_path, begun)
    assert read_manifest(tmp_path) == created.manifest
    assert len(contents(tmp_path)) == 2


async def test_what_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    await create(tmp_path, positions(100, 100))
    (tmp_path / NAME).write_bytes(b"{}")
    with pytest.raises(CheckpointDamaged):
        await create(tmp_path, positions(200, 200))
    assert len(contents(tmp_path)) == 2
    await create(tmp_path, positions(200, 200), force=True)
    CheckpointCheck(tmp_path).run()


MIXED: Iterable[tuple[dict[int, Position], str]] = [
    (positions(7), "2 partitions, and the database 1 positions: partition 1 has none"),
    (positions(7, 8, 9), "2 partitions, and the database 3 positions"),
    (
        positions(7, 8) | {1: Position(f"{TOPIC}/1", replace(ORIGIN, group="x"), 8)},
        "of several logs: .*group x",
    ),
]


@pytest.mark.parametrize(("begun", "says"), MIXED)
@pytest.mark.parametrize("force", [False, True])
async def test_positions_that_are_no_whole_are_refused(
    tmp_path: Path, begun: dict[int, Position], says: str, *, force: bool
) -> None:
    """No program could read such a checkpoint."""
    with pytest.raises(InputRefused, match=says):
        await create(tmp_path, begun, force=force)
    assert not (tmp_path / NAME).exists()


async def test_old_files_stay_if_the_new_manifest_is_not_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(tmp_path, positions(100, 100))
    before = contents(tmp_path)
    write = manifests.write_whole

    def broken(path: Path, content: bytes) -> None:
        write(path, content.replace(b'"release": "1"', b'"release": "2"'))

    monkeypatch.setattr(manifests, "write_whole", broken)
    with pytest.raises(CheckpointDamaged, match="another manifest"):
        await create(tmp_path, positions(200, 200))
    assert {*before} <= {*contents(tmp_path)}


async def test_a_manifest_that_cannot_be_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(tmp_path, positions(100, 100))
    before = contents(tmp_path)
    monkeypatch.setattr(manifests.Manifest, "encoded", lambda _: b'{"format": 1}')
    with pytest.raises(CheckpointDamaged):
        await create(tmp_path, positions(200, 200), force=True)
    assert {*before.items()} <= {*contents(tmp_path).items()}


async def test_no_file_is_removed_while_a_checkpoint_is_read(tmp_path: Path) -> None:
    await create(tmp_path, positions(100, 100))
    with reading(tmp_path), reading(tmp_path):
        with pytest.raises(InputRefused, match="written to or read from"):
            await create(tmp_path, positions(200, 200))
        CheckpointCheck(tmp_path).run()
    await create(tmp_path, positions(200, 200))


def restored(folder: Path) -> None:
    nothing: Any = None
    with opened(folder, nothing):
        pass


def exported(folder: Path) -> None:
    export(folder, folder / "out")


@pytest.mark.parametrize("read", [lambda folder: CheckpointCheck(folder).run(), restored, exported])
async def test_a_checkpoint_is_not_read_while_files_are_removed(tmp_path: Path, read: Any) -> None:
    """It would seem to be damaged."""
    await create(tmp_path, positions(100, 100))
    with (tmp_path / LOCK).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(InputRefused, match="being written to"):
            read(tmp_path)
    read(tmp_path)


async def test_verify_takes_the_lock_once_for_all_that_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """A writer between two locks would remove the files whose sizes are still to be told."""
    await create(tmp_path, positions(100, 100))
    taken = list[int]()
    monkeypatch.setattr(fcntl, "flock", lambda _, kind: taken.append(kind))
    verify(tmp_path, as_json=True)
    assert taken == [fcntl.LOCK_SH | fcntl.LOCK_NB]
    assert '"former_contracts"' in capsys.readouterr().out


async def test_copies_that_cannot_be_written_to_are_read(tmp_path: Path) -> None:
    await create(tmp_path, positions(100, 100))
    (tmp_path / LOCK).unlink()
    CheckpointCheck(tmp_path).run()
    with pytest.raises(InputRefused, match="no checkpoint"):
        CheckpointCheck(tmp_path / "nothing").run()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputRefused, match="no checkpoint"):
        CheckpointCheck(tmp_path / "empty").run()
    assert [*(tmp_path / "empty").iterdir()] == []
