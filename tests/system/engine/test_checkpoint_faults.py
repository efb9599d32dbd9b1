"""Checkpoints with real commands: killed half-way, refused where they do not fit, damaged."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer
from pymongo import MongoClient

from consumer.errors import CheckpointDamaged, InputRefused
from consumer.operator.checkpoint.check import CheckpointCheck
from consumer.operator.checkpoint.locks import LOCK
from consumer.operator.checkpoint.manifest import NAME
from consumer.operator.checkpoint.restoring import Restoration
from consumer.settings import Settings
from schemas.topics import COMMANDS
from tests.running import running, settings_for
from tests.system.engine import checkpoints
from tests.system.engine.test_checkpoint import SLOW_MS
from tests.system.engine.test_replay import at_rest, movements, stored

KILLED = """
import os, signal
from consumer.cli.main import main
from consumer.operator.checkpoint import files
from consumer.storage import restoring
files.MAX_DOCUMENTS, restoring.AT_ONCE, restoring.MESSAGES = 50, 20, 1
def killed(kind, name, left=[{after}]):
    work = getattr(kind, name)
    def until(*args):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*args)
    setattr(kind, name, until)
killed({what})
main()
"""
WRITE, STORE = "files.Files, '_write'", "restoring.Restoring, '_store'"
NEVER = 1_000_000


async def command(
    settings: Settings, *arguments: str, what: str = WRITE, after: int = NEVER
) -> tuple[int, str]:
    """Runs the command line, killed after so many calls; its exit code and what it says."""
    given = {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "MONGO_URI": settings.mongo_uri.get_secret_value(),
        "MONGO_DATABASE": settings.mongo_database,
        "MONGO_TIMEOUT_MS": str(SLOW_MS),
        "TOPIC_PREFIX": settings.topic_prefix,
        "GROUP_ID": settings.group_id,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        KILLED.format(what=what, after=after),
        *arguments,
        env=os.environ | {f"CONTRACTS_{name}": value for name, value in given.items()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest.fixture
async def applied(kafka: Any, mongo: Any, database: str) -> AsyncIterator[Settings]:
    settings = settings_for(kafka, mongo, database, mongo_timeout_ms=SLOW_MS)
    async with running(settings):
        await asyncio.to_thread(checkpoints.send, settings, checkpoints.messages(300))
        await at_rest(settings)
    return settings


async def test_killed_half_way_and_run_again(applied: Settings, tmp_path: Path) -> None:
    """Creating it and restoring it; what the kill has left is used, or does no harm."""
    folder, before = tmp_path / "checkpoint", (stored(applied), movements(applied))
    code, said = await command(applied, "checkpoint", "create", "--to", str(folder), after=4)
    assert code == -signal.SIGKILL, said
    assert len([*(folder / "files").iterdir()]) == 4
    assert not (folder / NAME).exists()
    code, said = await command(applied, "checkpoint", "verify", str(folder))
    assert (code, "is no checkpoint" in said) == (13, True), said
    code, said = await command(applied, "checkpoint", "create", "--to", str(folder))
    assert code == 0, said
    assert "4 files were there already" in said
    assert {path.name for path in folder.iterdir()} == {"files", NAME, LOCK}

    await checkpoints.lose(applied)
    reset = "positions", "reset", "--from-checkpoint", str(folder)
    code, said = await command(applied, *reset, what=STORE, after=7)
    assert code == -signal.SIGKILL, said
    partly = sum(map(len, stored(applied).values()))
    assert 0 < partly < sum(map(len, before[0].values()))
    code, said = await command(applied, "positions", "reset", "--rebuild", "--force")
    assert (code, "has begun in the database" in said) == (13, True), said
    code, said = await command(applied, *reset)
    assert code == 0, said
    code, said = await command(applied, *reset)  # changes nothing
    assert code == 0, said
    assert (stored(applied), movements(applied)) == before
    async with running(applied):
        await asyncio.to_thread(checkpoints.send, applied, checkpoints.messages(350)[300:])
        await at_rest(applied)
    code, said = await command(applied, *reset)
    assert (code, "only an empty database" in said) == (13, True), said
    code, said = await command(applied, "checkpoint", "offsets", str(folder), "--json")
    assert code == 0, said
    assert len([line for line in said.splitlines() if line.startswith("{")]) == 3


def changed(folder: Path, to: Path, **fields: Any) -> Path:
    """The checkpoint with another manifest."""
    to.mkdir()
    (to / "files").symlink_to(folder / "files")
    manifest = orjson.loads((folder / NAME).read_bytes())
    position = manifest["positions"][0]
    position |= {name: value for name, value in fields.items() if name in position}
    manifest |= {name: value for name, value in fields.items() if name in manifest}
    (to / NAME).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
    return to


async def test_a_checkpoint_that_does_not_fit_is_refused(applied: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    created = await checkpoints.create(applied, folder)
    with pytest.raises(InputRefused, match="only an empty database") as refused:
        await checkpoints.restore(applied, changed(folder, tmp_path / "used", next=1))
    assert refused.value.hint
    async with running(applied):
        with pytest.raises(InputRefused, match="running members"):
            await checkpoints.restore(applied, folder)
    await checkpoints.lose(applied)
    position = created.manifest.positions[0]
    assert position.last is not None
    last = {"offset": position.last.offset, "timestamp": 1, "checksum": 2}
    for name, fields, says in [
        ("topic", {"topic": "another"}, "of the topic another"),
        ("group", {"group": "another"}, "belongs to group another"),
        ("cluster", {"cluster": "another"}, "belongs to cluster another"),
        ("partitioner", {"partitioner": "crc32"}, "partitioner crc32"),
        ("beyond", {"next": position.next + 1_000}, "does not fit the log"),
        ("recreated", {"last": last}, "created again"),
        ("generation", {"generation": 2}, "generation 2"),
    ]:
        with pytest.raises(InputRefused, match=says):
            await checkpoints.restore(applied, changed(folder, tmp_path / name, **fields))
    assert all(not documents for documents in stored(applied).values())


async def test_a_database_with_other_contracts_and_no_positions_is_left_as_it_is(
    applied: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint"
    await checkpoints.create(applied, folder)
    with MongoClient[dict[str, Any]](applied.mongo_uri.get_secret_value()) as client:
        database = client[applied.mongo_database]
        database.positions.delete_many({})
        first = database.contracts.find_one({}) or {}
        database.contracts.update_one({"_id": first["_id"]}, {"$set": {"notes": "another"}})
        for collection in ("former_contracts", "history", "movements"):
            database[collection].delete_many({})
        database.history.drop_indexes()
        before = stored(applied)
        with pytest.raises(InputRefused, match="contracts has documents that the checkpoint has not"):
            await checkpoints.restore(applied, folder)
        assert [*database.history.index_information()] == ["_id_"]
    assert stored(applied) == before


async def test_a_service_that_starts_while_documents_are_stored(
    applied: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await checkpoints.create(applied, tmp_path)
    await checkpoints.lose(applied)
    store = Restoration.store

    async def meanwhile(self: Restoration) -> None:
        await store(self)
        started.enter_context(_member(applied))

    monkeypatch.setattr(Restoration, "store", meanwhile)
    with ExitStack() as started, pytest.raises(InputRefused, match="running members"):
        await checkpoints.restore(applied, tmp_path)
    with MongoClient[dict[str, Any]](applied.mongo_uri.get_secret_value()) as client:
        assert client[applied.mongo_database].positions.count_documents({}) == 0


@contextmanager
def _member(settings: Settings) -> Iterator[None]:
    """A member of the group, as an instance of the service is one."""
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka_bootstrap_servers, "group.id": settings.group_id, "log_level": 0}
    )
    with closing(consumer):
        consumer.subscribe([settings.topic_prefix + COMMANDS])
        until = time.monotonic() + 60
        while not consumer.assignment():
            assert time.monotonic() < until, "not in the group"
            consumer.poll(0.1)
        yield


async def test_a_damaged_checkpoint_is_not_restored(applied: Settings, tmp_path: Path) -> None:
    await checkpoints.create(applied, tmp_path)
    path = max((tmp_path / "files").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointDamaged, match=path.name):
        CheckpointCheck(tmp_path).run()
    code, said = await command(applied, "checkpoint", "verify", str(tmp_path))
    assert (code, path.name in said) == (24, True), said
    await checkpoints.lose(applied)
    with pytest.raises(CheckpointDamaged, match=path.name):
        await checkpoints.restore(applied, tmp_path)
    code, said = await command(applied, "positions", "show")
    assert "--rebuild" in said
