"""What `contracts checkpoint create` does to its folder, and how it reads what has changed."""

import fcntl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from consumer.errors import InputRefused
from consumer.operator.checkpoint.creation import SPOOL, Creation
from consumer.operator.checkpoint.locks import LOCK
from consumer.storage import snapshot as module
from consumer.storage.protocols import Origin, Position

TOPIC = "contracts.commands"


class Empty:
    """A database in which the service has applied nothing."""

    begun: dict[int, Any] = {}  # noqa: RUF012 - it stays empty

    async def begin(self) -> None: ...


def creation(folder: Path) -> Creation:
    made: Any = Empty()
    return Creation(made, made, folder, release="1", topic=TOPIC, settings={})


async def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    """Each would empty the spool of the other, and remove its files after the manifest was written."""
    (spool := tmp_path / SPOOL).mkdir()
    (spool / "contracts").write_bytes(b"of the other run")
    with (tmp_path / LOCK).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(InputRefused, match="being written to or read from"):
            await creation(tmp_path).run()
        assert (spool / "contracts").exists()
    with pytest.raises(InputRefused, match="no positions"):  # the lock ended with the file of its process
        await creation(tmp_path).run()


async def test_only_the_user_may_read_the_files(tmp_path: Path) -> None:
    with pytest.raises(InputRefused):
        await creation(tmp_path / "new").run()
    assert (tmp_path / "new" / "files").stat().st_mode & 0o077 == 0


class History:
    """The entries of a partition; every third offset has one. Other collections are empty."""

    def __init__(self, count: int) -> None:
        self.limits: list[int] = []
        self._offsets = [3 * number for number in range(count)]

    def __getitem__(self, name: str) -> Any:
        return SimpleNamespace(find=self.find)

    def find(self, wanted: Any, _: Any, *, session: Any, sort: Any, limit: int) -> Any:
        assert sort == [("partition", 1), ("offset", 1)]
        self.limits.append(limit)
        span = wanted["offset"]
        found = [o for o in self._offsets if span["$gte"] <= o < span["$lt"]][:limit]

        async def to_list(_: None) -> list[Any]:
            return [RawBSONDocument(bson.encode({"offset": each})) for each in found]

        return SimpleNamespace(to_list=to_list)


@pytest.mark.parametrize("count", [0, 3, 4, 5, 8, 9])
async def test_new_entries_are_read_page_by_page(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is read once, however many were written while the contracts were read."""
    monkeypatch.setattr(module, "PAGE", 4)
    history = History(count)
    reader = module._Reader(history, 1.0)
    origin = Origin("cluster", "contracts", 1)
    since, now = (Position(f"{TOPIC}/0", origin, end) for end in (0, 1_000))
    base = now.base()
    history._offsets = [base + offset for offset in history._offsets]
    await reader.read({0: since}, {0: now})
    read = [bson.decode(entry)["offset"] - base for entry in reader.changes.entries[0]]
    assert read == [3 * number for number in range(count)]
    assert set(history.limits) == {4}
