"""Consumers in JavaScript, Go and Java read what the service publishes: once, and only what happened."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Producer

from producers.connect import make_command_producer
from tests.running import Running, until
from tests.system.examples.conftest import EXAMPLES, Examples

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]
REQUIRED = os.environ.get("CI", "").lower() in {"1", "true"}
BUILD_SECONDS = 300


class Language(NamedTuple):
    needs: tuple[str, ...]
    build: tuple[str, ...]
    command: tuple[str, ...]
    """What runs it, in the folder where it was built."""
    ends: int = 0
    """Its exit code after Ctrl-C."""


LANGUAGES = {
    "javascript/follow.js": Language(
        ("node", "npm"), ("npm", "ci", "--no-audit", "--no-fund"), ("node", "follow.js")
    ),
    "go/follow.go": Language(("go",), ("go", "build", "-o", "follow", "."), ("./follow",)),
    "java/src/FollowChanges.java": Language(
        ("javac", "mvn"),
        ("mvn", "-q", "-B", "package"),
        ("java", "-cp", "target/classes:target/jars/*", "FollowChanges"),
        ends=130,
    ),
}


@pytest.fixture(scope="module", params=LANGUAGES)
def source(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def language(source: str) -> Language:
    found = LANGUAGES[source]
    missing = [program for program in found.needs if not shutil.which(program)]
    if missing and REQUIRED:
        pytest.fail(f"required in CI: {', '.join(missing)}", pytrace=False)
    if missing:
        pytest.skip(f"{source} was NOT tested: {', '.join(missing)} not installed")
    return found


@pytest.fixture(scope="module")
def built(source: str, language: Language, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example as its readers build it."""
    top = source.partition("/")[0]
    folder = tmp_path_factory.mktemp("built") / top
    shutil.copytree(EXAMPLES / top, folder, ignore=shutil.ignore_patterns("target", "node_modules"))
    made = subprocess.run(
        language.build, cwd=folder, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def publish_what_never_happened(service: Running, account: str) -> None:
    """An event in a transaction that is aborted: it lies in the log, and no consumer may see it."""
    settings = service.settings
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "transactional.id": f"never-{account}",
            "compression.type": "zstd",
        }
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    data = json.dumps({"change": "never", "version": 1})
    topic = f"{settings.topic_prefix}contracts.changed"
    producer.produce(topic, key=account, value=data, headers={"ce_id": f"never-{account}"})
    assert producer.flush(30) == 0
    producer.abort_transaction(30)


def done(file: Path, account: str) -> list[tuple[str, ...]]:
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return [tuple(line[2:]) for line in lines if line[1] == account]


async def follow_until(
    examples: Examples, folder: Path, language: Language, *arguments: object, holds: Callable[[], bool]
) -> None:
    async def held() -> bool:
        return holds()

    async with examples.following(*language.command, *arguments, folder=folder, ends=language.ends):
        await until(held)


async def test_a_consumer_handles_every_change_once(
    examples: Examples, service: Running, language: Language, built: Path, account: str, tmp_path: Path
) -> None:
    file = tmp_path / "done.txt"
    await asyncio.to_thread(publish_what_never_happened, service, account)
    async with make_command_producer(service.settings) as commands:
        await commands.create(account, contract_type="basic")
        await commands.awaiting().change_plan(account, contract_type="enterprise")
        expected: list[Any] = [("created", "1"), ("plan_changed", "2")]

        async def follows(group: str) -> None:
            arguments = (file, f"{account}-{group}")
            await follow_until(
                examples, built, language, *arguments, holds=lambda: done(file, account) == expected
            )

        await follows("one")
        # Another group reads from the beginning: every event comes again, and nothing is done twice.
        await commands.awaiting().update(account, changes={"notes": "VIP"})
        expected.append(("updated", "3"))
        await follows("two")
        ids = [line.split()[0] for line in file.read_text().splitlines()]
        assert len(ids) == len(set(ids))
        # The first group goes on behind what it committed.
        await commands.awaiting().update(account, changes={"notes": "again"})
        expected.append(("updated", "4"))
        await follows("one")
