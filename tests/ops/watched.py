"""A live service under the demo's load, scraped by a real Prometheus with the project's own rules."""

import asyncio
import json
import math
import os
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from consumer.api.tokens import new_token
from consumer.kafka import topics
from consumer.process import Process
from devstack.ports import reserve_port
from devstack.proof.load import Load
from devstack.proof.sending import Sender
from schemas.topics import COMMANDS
from tests.running import settings_for

RULES = Path(__file__).parents[2] / "ops/prometheus/rules"
READY_SECONDS = 60
SCRAPES = 8
PAUSE_SECONDS = 0.2
VARIABLES = {"$__rate_interval": "20s", "$job": ".+", "$instance": ".+"}
"""As Grafana would fill them in, for everything that is scraped."""


@dataclass(frozen=True)
class Watched:
    """Asks Prometheus."""

    client: httpx.AsyncClient

    async def query(self, expr: str) -> list[float]:
        """The numbers that the query yields now; NaN is none. Fails when it is rejected."""
        answer = (await self.client.get("/api/v1/query", params={"query": expr})).json()
        assert answer["status"] == "success", (expr, answer)
        values = [float(row["value"][1]) for row in answer["data"]["result"]]
        return [value for value in values if not math.isnan(value)]

    async def alerts(self) -> list[dict[str, Any]]:
        """Those pending or firing."""
        return list((await self.client.get("/api/v1/alerts")).json()["data"]["alerts"])


def expanded(expr: str) -> str:
    """A dashboard's query without its variables."""
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    return expr


def missing_prometheus() -> str | None:
    """Why Prometheus cannot be started; None when it can."""
    if shutil.which("prometheus"):
        return None
    reason = "prometheus is not installed (Debian: prometheus)"
    if os.environ.get("CI"):
        pytest.fail(f"required in CI: {reason}")
    return reason


@asynccontextmanager
async def prometheus(folder: Path, scraped: int) -> AsyncIterator[httpx.AsyncClient]:
    """The real Prometheus, scraping 127.0.0.1:`scraped` every second."""
    port = reserve_port()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules/*.yml"],
        "scrape_configs": [
            {"job_name": "contracts", "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}]}
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    (folder / "rules").symlink_to(RULES)
    port.release()
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - ends with the block
            [*command, f"--web.listen-address=127.0.0.1:{port.number}"],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port.number}") as client:
            yield client
    finally:
        process.terminate()
        process.wait(READY_SECONDS)


@asynccontextmanager
async def watched_service(kafka: Any, mongo: Any, folder: Path) -> AsyncIterator[Watched]:
    """The whole process of the service at work, and Prometheus with some scrapes of it."""
    token, line = new_token("watched", "reader")
    (folder / "tokens").write_text(line)
    port = reserve_port()
    api = {"api_port": port.number, "api_tokens_path": str(folder / "tokens")}
    settings = settings_for(kafka, mongo, "watched", http_port=0, scan_interval_seconds=1, **api)
    await topics.ensure(settings)
    port.release()
    process = Process(settings, with_api=True)
    running = asyncio.create_task(process.run())
    ended = threading.Event()
    loading = asyncio.create_task(asyncio.to_thread(_load, settings, token, ended))
    try:
        async with asyncio.timeout(READY_SECONDS):
            while process.http is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with prometheus(folder, int(process.http.url.rpartition(":")[2])) as client:
            watched = Watched(client)
            await _until_scraped(watched, running)
            yield watched
    finally:
        ended.set()
        await loading
        process.stop()
        await running


def _load(settings: Any, token: str, ended: threading.Event) -> None:
    """A steady stream: what came before the first scrape has no rate."""
    topic = settings.topic_prefix + COMMANDS
    sender = Sender(settings.kafka_bootstrap_servers, topic, settings.topic_partitions)
    load = Load(7, rubbish=0.03)
    url = f"http://{settings.api_host}:{settings.api_port}/v1/contracts"
    with httpx.Client(headers={"authorization": f"Bearer {token}"}) as api:
        while not ended.wait(PAUSE_SECONDS):
            sender.send(load.messages(50))
            sender.flush()
            with suppress(httpx.TransportError):  # not listening yet
                api.get(url)


async def _until_scraped(watched: Watched, running: asyncio.Task[None]) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            if running.done():
                running.result()
            try:
                if await watched.query(f"count_over_time(contracts_build_info[1m]) >= {SCRAPES}"):
                    return
            except (httpx.TransportError, json.JSONDecodeError):
                pass  # not listening, or not ready to answer
            await asyncio.sleep(0.1)
