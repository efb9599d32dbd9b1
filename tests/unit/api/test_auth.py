"""Every end point with every token, and with none."""

from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from consumer.api.auth import ACCESS, check_complete
from consumer.api.tokens import ROLES
from tests.unit.api.browsing import browser
from tests.unit.api.conftest import Api, made_api

ROWS = [tuple(row.split(" ")) for row in ACCESS]


def address(path: str) -> str:
    return (
        path.replace("{account_id}", "acme")
        .replace("{contract_id}", "contract_1")
        .replace("{command_id}", "c")
    )


async def ask(api: Api, method: str, path: str, **headers: str) -> httpx.Response:
    async with api.client(None) as http:
        return await http.request(method, address(path), headers=headers)


STRANGERS = (None, "Bearer wrong", "Bearer ", "Basic {reader}", "{reader}", "Bearer {reader}x", "Bearer a b")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    """One for the whole file: it takes a moment to build, and nothing here needs an empty one."""
    return made_api(tmp_path_factory.mktemp("api"))


@pytest.mark.parametrize(("method", "path"), ROWS)
async def test_nothing_without_a_token_that_is_known(api: Api, method: str, path: str) -> None:
    before = len(api.kit.results)
    for given in STRANGERS:
        headers = {"authorization": given.format(**api.tokens)} if given else {}
        answer = await ask(api, method, path, **headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), given
        assert answer.headers["www-authenticate"] == "Bearer"
    assert len(api.kit.results) == before


@pytest.mark.parametrize(("method", "path"), ROWS)
async def test_a_weaker_token_is_refused_and_one_strong_enough_is_not(
    api: Api, method: str, path: str
) -> None:
    for role in ROLES:
        before = len(api.kit.results)
        answer = await ask(api, method, path, authorization=f"Bearer {api.tokens[role]}")
        assert answer.status_code < 500
        if ROLES.index(role) >= ROLES.index(ACCESS[f"{method} {path}"]):
            assert answer.status_code != 403
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
            assert len(api.kit.results) == before


def test_an_end_point_without_a_row_stops_the_start() -> None:
    with pytest.raises(RuntimeError, match="does not fit"):
        check_complete([])


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/docs", "/openapi.json", "/v1/nothing", "/metrics", "/healthz/"]
)
async def test_an_address_that_is_none_tells_strangers_no_more_than_others(api: Api, path: str) -> None:
    assert (await ask(api, "GET", path)).status_code == 401
    known = await ask(api, "GET", path, authorization=f"Bearer {api.tokens['reader']}")
    assert (known.status_code, known.json()["code"]) == (404, "not_found")


async def test_another_method_is_a_405(api: Api) -> None:
    path = "/v1/accounts/acme/contract"
    answer = await ask(api, "DELETE", path, authorization=f"Bearer {api.tokens['operator']}")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


async def test_probes_need_no_token_and_are_told_no_more_than_a_status(api: Api) -> None:
    assert (await ask(api, "GET", "/healthz")).json() == {"status": "ok"}
    assert (await ask(api, "GET", "/readyz")).json() == {"status": "ok"}


async def test_no_other_site_may_ask_from_a_browser(api: Api) -> None:
    known = {"authorization": f"Bearer {api.tokens['reader']}", "origin": "https://evil.example"}
    answer = await ask(api, "GET", "/v1/openapi.json", **known)
    assert "access-control-allow-origin" not in answer.headers
    assert (await ask(api, "OPTIONS", "/v1/openapi.json", **known)).status_code == 405


async def test_a_caller_that_asks_too_often_has_to_wait(tmp_path: Path) -> None:
    api = made_api(tmp_path, requests_per_second=0.01)
    path = "/v1/accounts/acme/contract"
    known = {"authorization": f"Bearer {api.tokens['reader']}"}
    answers = [await ask(api, "GET", path, **known) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [404, 429]
    assert 90 <= int(answers[1].headers["retry-after"]) <= 100
    other = {"authorization": f"Bearer {api.tokens['publisher']}"}
    assert (await ask(api, "GET", path, **other)).status_code == 404


async def test_what_a_caller_may_not_do_is_in_the_audit_log(api: Api) -> None:
    command = "/v1/accounts/acme/commands/renew"
    page = "/console/accounts/acme/commands/renew"
    with capture_logs() as lines:
        async with api.client("reader") as http:
            assert (await http.post(command, json={})).status_code == 403
        async with browser(api, "reader") as http:
            assert (await http.get(page)).status_code == 403
            assert (await http.post(page, data={"form_token": "another site's"})).status_code == 403
        async with browser(api) as http:
            assert (await http.post("/console/sign-in", data={"token": "wrong"})).status_code == 403
    told = [
        (line["asked_by"], line["role"], line["method"], line["path"])
        for line in lines
        if line["event"] == "a request was refused"
    ]
    assert told == [
        ("reader", "reader", "POST", command),
        ("reader", "reader", "GET", page),
        ("reader", "reader", "POST", page),
        (None, None, "POST", "/console/sign-in"),
    ]
