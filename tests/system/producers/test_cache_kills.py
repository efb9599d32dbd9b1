"""The cache while Redis, the service and readers are killed under load: never too old, ahead, or invented."""

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, pairwise
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import pytest

from consumer.kafka import topics
from consumer.settings import Settings
from devstack.kafka import ApacheKafka
from devstack.process import Process
from producers.connect import make_command_producer
from tests.contract.reading.redis_server import RedisServer
from tests.running import settings_for, until
from tests.system.faults.workers import FAST, ROOT, Worker

AGE = 1
SLACK = 0.1
"""Redis has a clock of its own, with milliseconds."""

ACCOUNTS = ("acme", "umbra", "sirius")
ROUNDS = 2


class Read(NamedTuple):
    account: str
    began: float
    ended: float
    version: int
    notes: str | None
    source: str


class Load:
    """Updates one account after another; the notes of a version are its number."""

    def __init__(self, settings: Settings) -> None:
        self.sent: dict[tuple[str, int], float] = {}
        self.told: dict[tuple[str, int], float] = {}
        self.stopped = False
        self._settings = settings

    async def run(self) -> None:
        async with make_command_producer(self._settings) as commands:
            awaiting = commands.awaiting(timeout=60)
            for version in count(1):
                for account in ACCOUNTS:
                    self.sent[account, version] = monotonic()
                    if version == 1:
                        await awaiting.create(account, contract_type="basic", notes="1")
                    else:
                        await awaiting.update(account, changes={"notes": str(version)})
                    self.told[account, version] = monotonic()
                if self.stopped:
                    return
                await asyncio.sleep(0.05)


class Readers:
    """One reading process at a time; the file of each."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self.files: list[Path] = []
        self.start()

    def start(self) -> None:
        name = f"reader-{len(self.files)}"
        self.files.append(self._folder / name)
        command = [
            sys.executable,
            "-m",
            "tests.system.producers.cached_reads",
            str(self.files[-1]),
            *ACCOUNTS,
        ]
        log = self._folder / f"{name}.log"
        self._process = Process(command, folder=ROOT, log=log, env={**FAST, **self._environment})

    def kill(self) -> None:
        assert self._process.exit_code is None, "a reader ended by itself"
        self._process.kill()

    def reads(self, file: Path) -> Iterator[Read]:
        with suppress(FileNotFoundError):
            for line in file.read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    yield Read(*json.loads(line))


def check(read: Read, load: Load) -> None:
    version, account = read.version, read.account
    if version:
        assert read.notes == str(version), ("invented", read)
        assert load.sent.get((account, version), read.ended + 1) <= read.ended, ("ahead", read)
    newer = load.told.get((account, version + 1), read.began)
    assert newer >= read.began - AGE - SLACK, ("too old", read.began - newer, read)


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


async def test_under_kills_of_all_no_read_is_too_old_ahead_or_invented(
    apache_kafka: ApacheKafka, mongo: Any, database: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    settings = settings_for(apache_kafka, mongo, database)
    await topics.ensure(settings)
    environment = {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "CONTRACTS_MONGO_URI": mongo.uri,
        "CONTRACTS_MONGO_DATABASE": database,
        "CONTRACTS_TOPIC_PREFIX": settings.topic_prefix,
        "CONTRACTS_GROUP_ID": settings.group_id,
        "CONTRACTS_CACHE_URL": redis_server.url,
        "CONTRACTS_CACHE_MAX_AGE_SECONDS": str(AGE),
    }
    load, numbers = Load(settings), count()

    def start_worker(*, follows: bool) -> Worker:
        more = {} if follows else {"CONTRACTS_CACHE_URL": ""}
        return Worker(tmp_path, f"worker-{next(numbers)}", environment | more)

    worker, readers = start_worker(follows=True), Readers(tmp_path, environment)
    loading = asyncio.create_task(load.run())

    async def goes_on() -> None:
        """Since now a command was applied and told, and an answer came from the cache."""
        since = monotonic()

        async def both() -> bool:
            if loading.done():
                loading.result()
            told = any(sent > since for place, sent in load.sent.items() if place in load.told)
            reads = await asyncio.to_thread(lambda: list(readers.reads(readers.files[-1])))
            return told and any(each.source == "cache" and each.began > since for each in reads)

        await until(both)

    try:
        await goes_on()
        for _ in range(ROUNDS):
            await asyncio.to_thread(redis_server.kill)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(redis_server.start)
            await goes_on()
            for follows in (False, True):  # without it only their age keeps entries from being too old
                await asyncio.to_thread(worker.kill)
                worker = start_worker(follows=follows)
                await goes_on()
            await asyncio.to_thread(readers.kill)
            readers.start()
            await goes_on()
        load.stopped = True
        await loading
    finally:
        loading.cancel()
        readers.kill()
        worker.kill()
    sources = defaultdict(int)
    for file in readers.files:
        reads = list(readers.reads(file))
        for each in reads:
            check(each, load)
            sources[each.source] += 1
        for account in ACCOUNTS:
            of_account = [each for each in reads if each.account == account]
            back = [pair for pair in pairwise(of_account) if pair[1].version < pair[0].version]
            assert back == []
    assert len(readers.files) == ROUNDS + 1
    assert sources["cache"] > 200
    assert sources["database_alone"] > 0
