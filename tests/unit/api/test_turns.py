"""Previews of far times, asked for by many at once."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx

from consumer.api.limits import Turns
from consumer.domain.model import Policy
from consumer.reading.preview import ContractPreview
from tests.unit.api.conftest import Api, made_api

PATH = "/v1/accounts/acme/commands/update/preview"
CHANGE = {"changes": {"auto_renewal": False}}


async def test_one_works_and_so_many_wait() -> None:
    turns, at_once, most = Turns(3), 0, 0

    async def work() -> None:
        nonlocal at_once, most
        async with turns.turn():
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1

    for _ in range(2):  # what was refused or has ended counts no more
        done = await asyncio.gather(*(work() for _ in range(5)), return_exceptions=True)
        assert [getattr(each, "code", None) for each in done] == [None] * 3 + ["busy"] * 2
    assert most == 1


async def asked(http: httpx.AsyncClient, api: Api, days: int) -> httpx.Response:
    at = (api.kit.now + timedelta(days=days)).isoformat()
    return await http.post(PATH, json=CHANGE, params={"at": at})


async def test_previews_with_something_due_take_turns_and_others_do_not(tmp_path: Path) -> None:
    api = made_api(tmp_path)
    await api.kit.create("acme", contract_type="basic", term_months=1, auto_renewal=True)
    preview = ContractPreview(api.queries, Policy(), clock=lambda: api.kit.now, turn=Turns(0).turn)
    busy = made_api(tmp_path, preview=preview)
    async with busy.client("publisher") as http:
        far, near = await asked(http, api, 400), await asked(http, api, 0)
    assert (far.status_code, far.json()["code"], far.headers["retry-after"]) == (503, "busy", "1")
    assert near.status_code == 200


async def test_too_far_is_told(tmp_path: Path) -> None:
    api = made_api(tmp_path)
    await api.kit.create("acme", contract_type="basic", term_months=1, auto_renewal=True)
    async with api.client("publisher") as http:
        answer = await asked(http, api, 365 * 100)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert "more than 1,000 events" in answer.json()["detail"]
