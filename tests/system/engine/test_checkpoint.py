"""A lost database comes back from a checkpoint and the rest of the log, as from the whole log."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from consumer import clients
from consumer.errors import InputRefused
from consumer.operator.checkpoint.check import CheckpointCheck
from consumer.operator.choices import Decision
from consumer.operator.shadowing import compare
from consumer.storage import paging, snapshot
from consumer.storage.redrives import MongoRedriveStore
from tests.running import positions, running, settings_for
from tests.system.engine import checkpoints
from tests.system.engine.test_replay import at_rest, movements, stored

SLOW_MS = 60_000
"""An embedded server takes long to drop a database on a busy machine; this is not about time-outs."""

THIRD = checkpoints.RECORDS // 3
FIFTH = checkpoints.RECORDS // 5


async def test_a_checkpoint_and_the_rest_of_the_log_equal_the_whole_log(
    kafka: Any, mongo: Any, database: str, tmp_path: Path
) -> None:
    """A third of the log is in the checkpoint, one was applied later, and one comes after the loss."""
    settings = settings_for(kafka, mongo, database, max_batch_commands=50, mongo_timeout_ms=SLOW_MS)
    commands = checkpoints.messages()
    async with running(settings):
        await asyncio.to_thread(checkpoints.send, settings, commands[:THIRD])
        await at_rest(settings)
        created = await checkpoints.create(settings, tmp_path)
        await asyncio.to_thread(checkpoints.send, settings, commands[THIRD : 2 * THIRD])
        await at_rest(settings)
    assert CheckpointCheck(tmp_path).run() == created.manifest
    assert created.manifest.documents("history") == THIRD

    await checkpoints.lose(settings)
    await checkpoints.restore(settings, tmp_path)
    await asyncio.to_thread(checkpoints.send, settings, commands[2 * THIRD :])
    async with running(settings):
        await at_rest(settings)
    restored = stored(settings), movements(settings)
    again = await checkpoints.create(settings, tmp_path / "restored")
    report = await compare(settings)  # applies the whole log, and compares what was published, too
    assert report.differences == (), report.differences[0]
    assert report.outputs > checkpoints.RECORDS

    await checkpoints.lose(settings)
    async with positions(settings) as admin:
        await admin.reset(Decision.REBUILD)
    async with running(settings):
        await at_rest(settings)
    assert (stored(settings), movements(settings)) == restored
    assert (await checkpoints.create(settings, tmp_path / "rebuilt")).manifest == again.manifest


async def test_a_dead_letter_that_was_replaced_is_not_sent_after_a_restore(
    kafka: Any, mongo: Any, database: str, tmp_path: Path
) -> None:
    """The corrected command has another id: both would be applied."""
    settings = settings_for(kafka, mongo, database, mongo_timeout_ms=SLOW_MS)
    async with running(settings):
        await asyncio.to_thread(checkpoints.send, settings, checkpoints.messages(10))
        await at_rest(settings)
    async with clients.opened_mongo(settings) as client:
        redrives = MongoRedriveStore(client, settings.mongo_database)
        assert await redrives.remember("letter", "/crm")
        replaced = await redrives.when("letter")
        created = await checkpoints.create(settings, tmp_path)
        await checkpoints.lose(settings)
        await checkpoints.restore(settings, tmp_path)
        assert await redrives.when("letter") == replaced
        assert not await redrives.remember("letter", "/crm")
    assert (await checkpoints.create(settings, tmp_path / "restored")).manifest == created.manifest


@pytest.mark.parametrize("few", [10, 2_000], ids=["in rounds", "in the last transaction"])
async def test_it_is_of_one_moment_while_the_database_changes(
    kafka: Any, mongo: Any, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Contracts are created, replaced, deleted and erased between the pages that are read."""
    monkeypatch.setattr(paging, "PAGE", 5)
    monkeypatch.setattr(snapshot, "FEW", few)
    settings = settings_for(kafka, mongo, database, mongo_timeout_ms=SLOW_MS)
    commands = checkpoints.messages()
    parts = [commands[first : first + FIFTH] for first in range(0, len(commands), FIFTH)]
    accounts = dict.fromkeys(message.key for message in parts[0] if dict(message.headers).get("ce_type"))
    for part, account in zip(parts[1:], accounts, strict=False):
        part.insert(FIFTH // 2, checkpoints.erase(account))
    everything = sum(map(len, parts))

    async def apply() -> None:
        await asyncio.to_thread(checkpoints.send, settings, parts.pop(0))
        await at_rest(settings)

    async with running(settings):
        await apply()
        created = await checkpoints.create(settings, tmp_path, partial(checkpoints.Changing, apply))
        assert len(parts) == (few > FIFTH)
        assert created.manifest.documents("history") == everything - sum(map(len, parts))
        quiet = await checkpoints.create(settings, tmp_path / "quiet")
    assert created.manifest == quiet.manifest
    assert CheckpointCheck(tmp_path).run() == created.manifest


async def test_the_log_is_cut_before_a_checkpoint(
    kafka: Any, mongo: Any, database: str, tmp_path: Path
) -> None:
    settings = settings_for(kafka, mongo, database, mongo_timeout_ms=SLOW_MS)
    commands = checkpoints.messages()
    async with running(settings):
        await asyncio.to_thread(checkpoints.send, settings, commands[:THIRD])
        await at_rest(settings)
        created = await checkpoints.create(settings, tmp_path)
        await asyncio.to_thread(checkpoints.send, settings, commands[THIRD:])
        await at_rest(settings)
        cut = await checkpoints.cut(settings, created.manifest)
        assert sum(one.offset for one in cut) >= THIRD
        with pytest.raises(InputRefused, match=r"commands before offset [1-9]"):
            await compare(settings)
        report = await compare(settings, checkpoint=tmp_path)
    assert report.differences == (), report.differences[0]
    assert report.commands == checkpoints.RECORDS - THIRD
    assert report.outputs > report.commands
    lived = stored(settings), movements(settings)

    await checkpoints.lose(settings)
    async with positions(settings) as admin:
        with pytest.raises(InputRefused, match="earlier commands were deleted"):
            await admin.reset(Decision.REBUILD)
        assert {row.decision for row in await admin.show()} == {"--from-checkpoint FOLDER"}
    await checkpoints.restore(settings, tmp_path)
    async with running(settings):
        await at_rest(settings)
    assert (stored(settings), movements(settings)) == lived
