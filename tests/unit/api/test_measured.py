"""What the API counts of its requests."""

import asyncio
from pathlib import Path

from consumer.api.auth import ACCESS
from consumer.errors import ServiceUnavailable
from tests.unit.api.conftest import Api, made_api

CONTRACT = "/v1/accounts/{account_id}/contract"


def counted(api: Api, status: str, route: str = CONTRACT, method: str = "GET") -> float | None:
    return api.metrics.value("api_requests_total", route=route, method=method, status=status)


def refused(api: Api, reason: str) -> float | None:
    return api.metrics.value("api_refusals_total", reason=reason)


async def test_requests_are_counted_by_their_route_and_no_id_is_a_label(api: Api) -> None:
    async with api.client("reader") as http:
        for account in ("acme", "globex", "a%2Fb"):
            await http.get(f"/v1/accounts/{account}/contract")
        await http.get("/v1/statistics")
        await http.get("/v1/nothing/secret-id")
        await http.request("BREW", "/v1/statistics")
    assert (counted(api, "4xx"), counted(api, "2xx", "/v1/statistics")) == (3, 1)
    assert counted(api, "4xx", "none") == 1
    assert counted(api, "4xx", "/v1/statistics", "other") == 1
    assert api.metrics.value("api_request_duration_seconds_count", route=CONTRACT) == 3
    labels = {str(each.labels) for family in api.metrics.registry.collect() for each in family.samples}
    assert not any(word in text for text in labels for word in ("acme", "globex", "secret-id", "BREW"))


async def test_a_series_is_there_before_its_first_failure(api: Api) -> None:
    for row in ACCESS:
        method, route = row.split(" ")
        assert [counted(api, status, route, method) for status in ("2xx", "4xx", "5xx")] == [0, 0, 0], row


async def test_refusals_are_counted_by_their_reason(tmp_path: Path) -> None:
    api = made_api(tmp_path, requests_per_second=1, max_body_bytes=10)
    async with api.client(None) as http:
        await http.get("/v1/statistics")
    async with api.client("reader") as http:
        await http.post("/v1/accounts/acme/commands/cancel", json={})
        answers = [await http.get("/v1/statistics") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 429, 429]
    async with api.client("publisher") as http:
        await http.post("/v1/accounts/acme/commands/cancel", json={"reason": "too much of it"})
    reasons = ("unauthenticated", "forbidden", "rate_limited", "too_large")
    assert [refused(api, reason) for reason in reasons] == [1, 1, 2, 1]


async def test_failures_are_counted_and_so_is_the_console(api: Api) -> None:
    api.log.down = ServiceUnavailable("away")
    route = "/v1/accounts/{account_id}/commands/erase"
    async with api.client("operator") as http:
        assert (await http.post(route.format(account_id="acme"), json={})).status_code == 503
        await http.get("/console/sign-in")
        await http.get("/console/accounts/acme")
    assert counted(api, "5xx", route, "POST") == 1
    assert counted(api, "2xx", "/console") == 1
    assert counted(api, "3xx", "/console") == 1


async def test_what_is_not_answered_yet_is_in_flight(api: Api) -> None:
    waiting = {"Contracts-At-Least": "0/99"}
    async with api.client("reader") as http:
        asked = asyncio.create_task(http.get("/v1/accounts/acme/contract", headers=waiting))
        await asyncio.sleep(0.1)
        assert api.metrics.value("api_requests_in_flight") == 1
        assert (await asked).status_code == 504
    assert api.metrics.value("api_requests_in_flight") == 0
