"""The console's calendar: what is at stake by plan, and files that hold no formula."""

import asyncio
from pathlib import Path

import httpx
import pytest

from consumer.api.console.session import COOKIE
from consumer.errors import ServiceUnavailable
from consumer.telemetry.http import HttpServer
from tests.unit.api.browsing import browser
from tests.unit.api.conftest import Api, made_api


async def test_what_is_at_stake_is_told_by_plan(api: Api) -> None:
    for account, plan, fee in (("a", "basic", 10), ("b", "basic", 5), ("c", "professional", 20)):
        await api.kit.create(
            account, contract_type=plan, auto_renewal=False, term_months=1, base_monthly_fee=fee
        )
    await api.kit.create("d", contract_type="basic", auto_renewal=True, term_months=1, base_monthly_fee=99)
    async with browser(api, "reader") as http:
        page = (await http.get("/console/calendar")).text
    assert "basic 15 USD, professional 20 USD" in page
    assert "1 renew" in page


async def test_files_have_all_and_no_formula(api: Api) -> None:
    contact = {"name": "=1+1", "email": "pay@acme.example"}
    given = {"contract_type": "basic", "term_months": 1, "primary_contact": contact}
    await api.kit.create("=cmd|x", external_reference="@SUM(1)", **given)
    for number in range(3):
        await api.kit.create(f"-{number}", **given)
    async with browser(api, "privy") as http:
        table = await http.get("/console/calendar/expiring.csv?days=400")
        events = await http.get("/console/calendar/expiring.ics?days=400")
        assert (await http.get("/console/calendar/expiring.csv?days=x")).status_code == 400
    async with browser(api, "reader") as http:
        without = (await http.get("/console/calendar/expiring.csv")).text
    assert table.headers["content-disposition"] == 'attachment; filename="expiring.csv"'
    assert len(table.text.splitlines()) == 5
    assert "pay@acme.example" in table.text
    assert "pay@acme.example" not in without
    for cell in ("'=cmd|x", "'@SUM(1)", "'=1+1", "'-0"):
        assert f",{cell}" in table.text
    assert events.headers["content-type"].startswith("text/calendar")
    assert events.text.count("BEGIN:VEVENT") >= 4


async def test_add_ons_are_at_stake_too(api: Api) -> None:
    add_ons = [{"name": "desk", "monthly_fee": 7}, {"name": "old", "monthly_fee": 90, "active": False}]
    given = {"auto_renewal": False, "term_months": 1, "base_monthly_fee": 10, "add_ons": add_ons}
    await api.kit.create("a", contract_type="basic", **given)
    async with browser(api, "reader") as http:
        assert "basic 17 USD" in (await http.get("/console/calendar")).text


async def test_totals_are_of_all_and_not_only_of_those_that_are_shown(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.api.console.calendar.SHOWN", 2)
    for number, months in enumerate((1, 1, 1, 2)):
        given = {"auto_renewal": False, "term_months": months, "base_monthly_fee": 10}
        await api.kit.create(f"a-{number}", contract_type="basic", **given)
    async with browser(api, "reader") as http:
        page = (await http.get("/console/calendar")).text
    assert "basic 30 USD" in page
    assert "basic 10 USD" in page
    assert page.count("/console/accounts/a-") == 2
    assert "Only the first 2 are listed" in page


@pytest.mark.parametrize("name", ["expiring.csv", "expiring.ics"])
@pytest.mark.parametrize("answers", [0, 1])
async def test_a_file_that_cannot_be_finished_does_not_look_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, answers: int
) -> None:
    """Over a real connection: what cannot begin is a page, and what breaks off ends without its end."""
    monkeypatch.setattr("consumer.reading.calendar._CHUNK", 1)
    api = made_api(tmp_path)
    for number in range(3):
        await api.kit.create(f"a-{number}", contract_type="basic", term_months=1)
    asked, ending = 0, api.queries.ending

    async def failing(*given):
        nonlocal asked
        asked += 1
        if asked > answers:
            raise ServiceUnavailable("mongo-7.internal does not answer")
        return await ending(*given)

    monkeypatch.setattr(api.queries, "ending", failing)
    server = HttpServer(api.app, "127.0.0.1", 0)
    serving = asyncio.create_task(server.serve())
    async with httpx.AsyncClient(base_url=server.url, cookies={COOKIE: api.tokens["reader"]}) as http:
        asking = http.get(f"/console/calendar/{name}")
        if answers:
            with pytest.raises(httpx.RemoteProtocolError):
                await asking
        else:
            page = await asking
            assert (page.status_code, "content-disposition" in page.headers) == (503, False)
            assert "mongo-7" not in page.text
    server.stop()
    await serving
