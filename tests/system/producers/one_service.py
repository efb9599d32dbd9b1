"""The command line that meets the service of a file."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.running import Running

Run = Callable[..., Any]


@pytest.fixture
def environment(service: Running) -> dict[str, str]:
    """What `contracts …` needs to know of the service."""
    settings = service.settings
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTS_")}
    return kept | {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "CONTRACTS_MONGO_URI": settings.mongo_uri.get_secret_value(),
        "CONTRACTS_MONGO_DATABASE": settings.mongo_database,
        "CONTRACTS_TOPIC_PREFIX": settings.topic_prefix,
    }


@pytest.fixture
def contracts(environment: dict[str, str]) -> Run:
    """Runs `contracts …` as a process; returns (code, output lines as JSON, errors)."""

    async def run(*arguments: object) -> tuple[int, list[Any], str]:
        command = [sys.executable, "-m", "consumer", *map(str, arguments), "--json"]
        ran = await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, text=True, check=False
        )
        return ran.returncode, [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr

    return run
