"""`contracts serve` as a process of its own, mostly with neither Kafka nor MongoDB there."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import orjson
from pymongo import AsyncMongoClient

from consumer.api.tokens import new_token
from consumer.storage.known_templates import KnownTemplates
from devstack.given import GivenMongo
from devstack.mongo import MongoServer
from tests.unit.domain.catalogues import version


def told(log: Path, event: str) -> str:
    """The address in a line of the log."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for line in log.read_text().splitlines():
            if (said := orjson.loads(line))["event"] == event:
                return str(said["url"])
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def settings_of(tokens: Path, **more: str) -> dict[str, str]:
    """The environment of the process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTS_")}
    return kept | {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "CONTRACTS_MONGO_URI": "mongodb://127.0.0.1:9",
        "CONTRACTS_MONGO_TIMEOUT_MS": "500",
        "CONTRACTS_LOG_FORMAT": "json",
        "CONTRACTS_API_PORT": "0",
        "CONTRACTS_HTTP_PORT": "0",
        "CONTRACTS_API_TOKENS_PATH": str(tokens),
        **more,
    }


def test_it_is_alive_measured_and_ends_when_told(tmp_path: Path) -> None:
    token, line = new_token("desk", "reader")
    (tmp_path / "tokens").write_text(line)
    environment = settings_of(tmp_path / "tokens")
    log = tmp_path / "log"
    with log.open("w") as written:
        running = subprocess.Popen(
            [sys.executable, "-m", "consumer", "serve"], env=environment, stderr=written
        )
    try:
        api, watched = told(log, "the API listens"), told(log, "listening")
        assert httpx.get(f"{api}/healthz").json() == {"status": "ok"}
        assert httpx.get(f"{watched}/readyz").status_code == 503
        known = {"authorization": f"Bearer {token}"}
        away = httpx.get(f"{api}/v1/contracts", headers=known, timeout=30)
        assert (away.status_code, away.json()["code"]) == (503, "unavailable")
        sample = 'contracts_api_requests_total{method="GET",route="/v1/contracts",status="5xx"} 1.0'
        assert sample in httpx.get(f"{watched}/metrics").text
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    finally:
        running.kill()
        running.wait()


async def register(uri: str, database: str) -> None:
    """A version in force that the process has not, and a command that was decided."""
    async with AsyncMongoClient[Any](uri) as client:
        await KnownTemplates(client[database]).add(version(2, "2026-06-01", dearer=10))
        await client[database].positions.insert_one({"_id": "contracts.commands/0", "last": {"timestamp": 1}})


def test_with_other_templates_than_those_in_force_it_ends(
    tmp_path: Path, mongo: MongoServer | GivenMongo, database: str
) -> None:
    """Its previews would show other prices than the service decides."""
    asyncio.run(register(mongo.uri, database))
    (tmp_path / "tokens").write_text(new_token("desk", "reader")[1])
    environment = settings_of(
        tmp_path / "tokens", CONTRACTS_MONGO_URI=mongo.uri, CONTRACTS_MONGO_DATABASE=database
    )
    command = [sys.executable, "-m", "consumer", "serve"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 21, ran.stderr
    last = orjson.loads(ran.stderr.splitlines()[-1])
    assert last["error"].startswith("version 2 of the templates is another one in other processes")
    assert "restart" in last["hint"]
