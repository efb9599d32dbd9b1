"""The scanner beside a running service: what falls due happens, though nobody sends a command."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from consumer import bootstrap, clients
from consumer.kafka import topics
from consumer.process import Process
from consumer.settings import Settings
from consumer.telemetry.metrics import Metrics
from producers.connect import make_command_producer
from tests import servers as kinds
from tests.running import Running, running, settings_for, until
from tests.servers import Servers

ACCOUNTS = [f"acme-{number}" for number in range(20)]


@pytest.fixture
def mongo(servers: Servers) -> Any:
    """One database server is enough here: the brokers differ."""
    return servers.mongo(kinds.mongo_kind())


@pytest.fixture
def settings(kafka: Any, mongo: Any, test_id: str) -> Settings:
    return settings_for(kafka, mongo, f"t{test_id}", scan_interval_seconds=0.1, http_port=0)


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Running]:
    async with running(settings) as started:
        yield started


async def create_contracts_that_end_soon(settings: Settings) -> None:
    end = datetime.now(UTC) + timedelta(seconds=5)  # later than the creation, however busy the machine is
    data = {"contract_type": "basic", "end_date": end, "auto_renewal": False}
    async with make_command_producer(settings) as commands:
        await commands.publish_all([commands.message("create", name, data) for name in ACCOUNTS])
        await commands.awaiting(timeout=60).create("later", contract_type="basic")


async def all_expired(database: Any) -> bool:
    found = {each["account_id"]: each["status"] async for each in database.contracts.find()}
    return found == {**dict.fromkeys(ACCOUNTS, "expired"), "later": "active"}


async def has_passed(moment: datetime) -> bool:
    return moment < datetime.now(UTC)


async def test_what_falls_due_happens(service: Running) -> None:
    await create_contracts_that_end_soon(service.settings)
    async with bootstrap.scanner(service.settings, service.mongo, Metrics()) as scanner:

        async def scanned() -> bool:
            await scanner.run_once()
            return await all_expired(service.database)

        await until(scanned)
    entries = service.database.history.find({"type": "advance", "outcome": "applied"})
    assert {entry["account_id"] async for entry in entries} == set(ACCOUNTS)


async def test_a_process_scans_by_itself(settings: Settings) -> None:
    await topics.ensure(settings)
    process = Process(settings)
    task = asyncio.create_task(process.run())
    mongo = clients.open_mongo(settings)
    try:
        await create_contracts_that_end_soon(settings)
        await until(partial(all_expired, mongo[settings.mongo_database]))
        assert process.metrics.value("scan_last_success_timestamp_seconds") > 0
        assert process.metrics.value("expiring", within_days="7") is not None
    finally:
        process.stop()
        await task
        lease = await mongo[settings.mongo_database].leases.find_one({})
        mongo.close()
    assert lease is None  # the next scanner need not wait for it to run out


async def test_a_scan_by_hand_tells_what_it_found(service: Running) -> None:
    await create_contracts_that_end_soon(service.settings)
    first = await service.database.contracts.find_one({}, sort=[("end_date", 1)])
    await until(partial(has_passed, first["end_date"]))
    settings = service.settings
    environment = {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "CONTRACTS_MONGO_URI": settings.mongo_uri.get_secret_value(),
        "CONTRACTS_MONGO_DATABASE": settings.mongo_database,
        "CONTRACTS_TOPIC_PREFIX": settings.topic_prefix,
    }
    command = [sys.executable, "-m", "consumer", "scan", "--once", "--json"]
    ran = await asyncio.to_thread(
        subprocess.run, command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["active"] is True
    assert (found["due"], found["published"], found["held"]) == (20, 20, 0)
