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
from consumer.storage import paging
from consumer.storage import snapshot as module
from consumer.storage.chain_pages import ChainPages
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


ORIGIN = Origin("cluster", "contracts", 1)
BASE = Position(f"{TOPIC}/0", ORIGIN, 0).base()


class History:
    """The entries of a partition; every third offset has one. Other collections are empty."""

    def __init__(self, count: int) -> None:
        self.limits: list[int] = []
        self.positions = None
        self._offsets = [BASE + 3 * number for number in range(count)]

    def get_database(self, *_: Any, **__: Any) -> Any:
        return self

    @property
    def history(self) -> Any:
        return self

    def __getitem__(self, _: str) -> Any:
        return self

    def find(self, wanted: Any, _: Any = None, *, session: Any, sort: Any, limit: int = 0) -> Any:
        if not limit:
            return Found([])
        assert sort == [("partition", 1), ("offset", 1)]
        self.limits.append(limit)
        span = wanted["offset"]
        return Found([o for o in self._offsets if span["$gte"] <= o < span["$lt"]][:limit])


class Found:
    """A cursor."""

    def __init__(self, offsets: list[int]) -> None:
        self._left = offsets

    async def to_list(self, length: int | None) -> list[Any]:
        some, self._left = self._left[:length], self._left[len(self._left) if length is None else length :]
        return [RawBSONDocument(bson.encode({"_id": each, "offset": each})) for each in some]

    async def close(self) -> None: ...


def reader_of(database: Any) -> Any:
    return module._Reader(database, ChainPages(database, "", TOPIC))


@pytest.mark.parametrize("count", [0, 3, 4, 5, 8, 9])
async def test_new_entries_are_read_page_by_page(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is read once, however many were written while the contracts were read."""
    monkeypatch.setattr(paging, "PAGE", 4)
    history = History(count)
    reader = reader_of(history)
    since, now = (Position(f"{TOPIC}/0", ORIGIN, end) for end in (0, 1_000))
    await reader.read({0: since}, {0: now})
    read = [bson.decode(entry)["offset"] - BASE for entry in reader.changes.entries[0]]
    assert read == [3 * number for number in range(count)]
    assert set(history.limits) <= {4, 5}


class Told:
    """New entries, and which accounts' history is read because of them."""

    def __init__(self) -> None:
        self.new: list[dict[str, Any]] = []
        self.read: list[list[str]] = []

    def __getitem__(self, name: str) -> Any:
        def find(wanted: Any, *_: Any, **__: Any) -> Any:
            if name == "history":
                self.read.append(wanted["account_id"]["$in"])
            return Found([])

        return SimpleNamespace(find=find)

    async def entries(self, *_: Any) -> Any:
        found = [{"_id": bytes(16), "offset": BASE, **each} for each in self.new]
        yield [RawBSONDocument(bson.encode(each)) for each in found]


async def test_only_an_applied_erasure_of_an_account_has_rewritten_entries() -> None:
    """A dead letter may have no account: every entry without one would count as erased."""
    told = Told()
    reader = module._Reader(told, told)  # type: ignore[arg-type]
    at = {0: Position(f"{TOPIC}/0", ORIGIN, 0)}
    told.new = [
        {"type": "erase", "outcome": "dead_letter"},
        {"type": "erase", "outcome": "rejected", "account_id": "b"},
        {"type": "erase", "outcome": "applied", "account_id": "c"},
        {"type": "update", "outcome": "applied", "account_id": "d"},
    ]
    await reader.read(at, at)
    assert (told.read, reader.changes.erased) == ([["c"]], {"c"})
    assert reader.changes.accounts == {"b", "c", "d"}


async def test_entries_after_an_erasure_are_read_as_they_are() -> None:
    """They have personal data again, and would otherwise count as pruned entries from before it."""
    told = Told()
    reader = module._Reader(told, told)  # type: ignore[arg-type]
    at = {0: Position(f"{TOPIC}/0", ORIGIN, 0)}
    for kind, account in (("erase", "c"), ("create", "c"), ("create", "d")):
        told.new = [{"type": kind, "outcome": "applied", "account_id": account}]
        await reader.read(at, at)
    assert told.read == [["c"], ["c"]]
