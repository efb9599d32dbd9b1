"""The platform's walk, run as its users run it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.running import running, settings_for

EXAMPLES = Path(__file__).parents[2] / "examples"


async def test_the_walk_runs(kafka: Any, mongo: Any, test_id: str) -> None:
    settings = settings_for(kafka, mongo, f"t{test_id}")
    environment = {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "CONTRACTS_MONGO_DATABASE": settings.mongo_database,
        "CONTRACTS_TOPIC_PREFIX": settings.topic_prefix,
        "PYTHONPATH": str(EXAMPLES.parent),
    }
    async with running(settings):
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, EXAMPLES / "contract_manager.py", mongo.uri],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    lines = {line.split()[0]: line.split()[1:] for line in ran.stdout.splitlines()}
    assert len(lines["created"]) == 3
    assert lines["read"] == ["basic", "active", "99.0"]
    assert lines["updated"] == ["89.0", "a", "loyal", "customer", "version", "2"]
    assert [len(lines[name]) for name in ("active", "enterprise", "expiring")] == [3, 1, 1]
    assert lines["deleted"] == ["3"]
