"""/metrics, /healthz and /readyz, asked over a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from consumer.errors import StartRefused
from consumer.telemetry.health import FRESH_SECONDS, Health
from consumer.telemetry.http import HttpServer, http_app
from consumer.telemetry.metrics import Metrics


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def running(
    health: Health, *, metrics: Metrics | None = None, token: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    server = HttpServer(http_app(metrics or Metrics(), health, bearer_token=token), "127.0.0.1", 0)
    task = asyncio.create_task(server.serve())
    async with httpx.AsyncClient(base_url=server.url, timeout=10) as client:
        yield client
    server.stop()
    await asyncio.wait_for(task, 10)


async def well() -> None:
    return None


async def test_healthz_fails_only_while_a_loop_is_silent_for_too_long() -> None:
    clock = Clock()
    health = Health(clock=clock)
    health.watch("partition 3", within=30)
    async with running(health) as http:
        clock.now += 30
        assert (await http.get("/healthz")).status_code == 200
        clock.now += 1
        answer = await http.get("/healthz")
        assert answer.status_code == 503
        assert answer.json() == {
            "status": "stuck",
            "failing": {"partition 3": "silent for 31 s, expected every 30 s"},
        }
        health.beat("partition 3")
        assert (await http.get("/healthz")).json() == {"status": "ok"}


async def test_healthz_forgets_a_loop_that_ended_as_it_should() -> None:
    clock = Clock()
    health = Health(clock=clock)
    health.watch("partition 3", within=30)
    health.forget("partition 3")
    health.beat("partition 3")
    clock.now += 100
    assert health.stuck() == {}


async def test_healthz_asks_no_dependency() -> None:
    health = Health()
    asked = []

    async def check() -> str:
        asked.append(1)
        return "MongoDB is away"

    health.add_check("mongo", check)
    async with running(health) as http:
        assert (await http.get("/healthz")).status_code == 200
    assert not asked


async def test_readyz_says_which_checks_fail_and_why() -> None:
    health = Health(check_seconds=0.05)

    async def lagging() -> str:
        return "12,000 commands wait in partition 3"

    async def raising() -> None:
        raise ConnectionError("mongodb://app:hunter2@db/contracts refused\nsecond line")

    async def hanging() -> None:
        await asyncio.Event().wait()

    for name, check in {"kafka": well, "lag": lagging, "mongo": raising, "topics": hanging}.items():
        health.add_check(name, check)
    async with running(health) as http:
        answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["failing"] == {
        "lag": "12,000 commands wait in partition 3",
        "mongo": "ConnectionError: mongodb://***@db/contracts refused",
        "topics": "no answer within 0.05 s",
    }


async def test_readyz_recovers_and_spares_the_dependencies() -> None:
    clock, answers = Clock(), ["away", None]
    health = Health(clock=clock)

    async def check() -> str | None:
        return answers.pop(0)

    health.add_check("mongo", check)
    async with running(health) as http:
        assert [(await http.get("/readyz")).status_code for _ in range(3)] == [503, 503, 503]
        clock.now += FRESH_SECONDS + 0.1
        assert [(await http.get("/readyz")).status_code for _ in range(2)] == [200, 200]
    assert answers == []


async def test_metrics_come_as_text_and_as_openmetrics() -> None:
    metrics = Metrics()
    metrics.command("create", "applied", 3)
    async with running(Health(), metrics=metrics) as http:
        text = await http.get("/metrics")
        openmetrics = await http.get(
            "/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}
        )
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'contracts_commands_total{outcome="applied",type="create"} 3.0' in text.text
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    families = {family.name: family for family in text_string_to_metric_families(openmetrics.text)}
    assert families["contracts_commands"].type == "counter"
    assert families["contracts_command_latency_seconds"].type == "histogram"


async def test_with_a_bearer_token_strangers_get_only_the_bare_status() -> None:
    health = Health()

    async def failing() -> str:
        return "partition 3 lags"

    health.add_check("lag", failing)
    async with running(health, token="sesame") as http:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "sesame"}):
            assert (await http.get("/metrics", headers=headers)).status_code == 401
            assert (await http.get("/readyz", headers=headers)).json() == {"status": "not ready"}
            assert (await http.get("/healthz", headers=headers)).status_code == 200
        known = {"authorization": "Bearer sesame"}
        assert (await http.get("/metrics", headers=known)).status_code == 200
        assert (await http.get("/readyz", headers=known)).json()["failing"] == {"lag": "partition 3 lags"}


async def test_a_taken_port_refuses_the_start_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartRefused, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            HttpServer(http_app(Metrics(), Health()), "127.0.0.1", port)


async def test_cancelling_frees_the_port() -> None:
    server = HttpServer(http_app(Metrics(), Health()), "127.0.0.1", 0)
    task = asyncio.create_task(server.serve())
    async with httpx.AsyncClient(base_url=server.url) as http:
        assert (await http.get("/healthz")).status_code == 200
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=5)


async def test_ipv6_addresses_are_written_as_urls_want_them() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        server = HttpServer(http_app(Metrics(), Health()), "::1", 0)
    except StartRefused:
        pytest.skip("no IPv6 loopback here")
    assert server.url.startswith("http://[::1]:")
    server.stop()
    await server.serve()


def test_the_hint_names_the_settings_of_the_address() -> None:
    for names, settings in ((("CONTRACTS_API_",), "CONTRACTS_API_HOST"), ((), "CONTRACTS_HTTP_HOST")):
        with pytest.raises(StartRefused) as refused:
            HttpServer(http_app(Metrics(), Health()), "http://x", 0, *names)
        assert settings in refused.value.hint
