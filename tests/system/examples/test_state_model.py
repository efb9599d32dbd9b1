"""`contracts.state`: a read model from it, killed in the middle of a load; and what is stored, published."""

import asyncio
import json
import sys
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import pytest
from confluent_kafka import Producer

from consumer.kafka.tail import tail
from producers.connect import make_command_producer
from schemas.topics import STATE
from tests.running import Running, until
from tests.system.examples.conftest import Examples
from tests.system.examples.under_load import ACCOUNTS, in_sqlite, killed_under_load, load, rows, stored

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]
KILLS = 4


async def test_it_equals_the_model(service: Running, examples: Examples, tmp_path: Path) -> None:
    file = tmp_path / "model.db"
    enough = asyncio.Event()
    loading = asyncio.create_task(load(service, Random(7), name="model", enough=enough))
    await killed_under_load(
        loading, lambda: examples.start("state_model.py", file), lambda: in_sqlite(file), KILLS
    )
    enough.set()
    await loading

    async def equal() -> bool:
        return in_sqlite(file) == wanted

    async with (
        examples.following("state_model.py", file),
        make_command_producer(service.settings) as commands,
    ):
        await commands.awaiting().update("model-0", changes={"notes": "after the last kill"})
        wanted = await stored(service)
        await until(equal)
    told = defaultdict(list)
    query = "SELECT account_id, sequence, version, change FROM handled"
    for account, sequence, version, change in rows(file, query):
        told[account].append((sequence, version, change))
    assert sum(map(len, told.values())) > ACCOUNTS
    for account, events in told.items():
        assert events == sorted(set(events)), account
        versions = [version for _, version, _ in events]
        for before, after, (_, _, change) in zip(versions, versions[1:], events[1:], strict=False):
            assert after == (1 if change == "created" else before + 1), account


async def newest(service: Running) -> dict[str, Any]:
    """What compaction would leave of the topic: positions and contracts."""
    found: dict[str, Any] = {}
    async with tail(service.settings, [STATE]) as states:
        async for record in states.to_end():
            position = dict(record.headers).get("ce_sequence", b"").decode()
            contract = json.loads(record.value)["contract"] if record.value else None
            found[record.key.decode()] = (position, contract)
    return found


def leave_behind(service: Running, account: str, state: dict[str, Any]) -> None:
    """A state whose contract was deleted while states were turned off."""
    settings = service.settings
    producer = Producer(
        {"bootstrap.servers": settings.kafka_bootstrap_servers, "partitioner": "murmur2_random"}
    )
    producer.produce(settings.topic_prefix + STATE, key=account, value=json.dumps({"contract": state}))
    assert producer.flush(30) == 0


async def test_what_is_stored_is_published_among_live_changes(
    service: Running, examples: Examples, account: str
) -> None:
    async with make_command_producer(service.settings) as commands:
        await commands.awaiting().create(account, contract_type="basic")
        await commands.awaiting().update(account, changes={"notes": "before"})
    await asyncio.to_thread(leave_behind, service, f"gone-{account}", (await stored(service))[account])
    before = await newest(service)
    enough = asyncio.Event()
    loading = asyncio.create_task(load(service, Random(11), name="filled", enough=enough))
    report = json.loads(
        "".join(await examples.run(sys.executable, "-m", "consumer", "state", "backfill", "--json"))
    )
    assert not loading.done()
    enough.set()
    await loading
    after = await newest(service)
    assert report["rows"] == report["applied"] + report["unchanged"] > 1
    assert {name: contract for name, (_, contract) in after.items() if contract} == await stored(service)
    assert after[account][0] > before[account][0]
    assert after[f"gone-{account}"][1] is None
