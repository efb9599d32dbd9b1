"""The console over the service in memory, asked as a browser without scripts asks."""

import re
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from consumer.api.auth import PUBLISHED
from consumer.api.console.session import COOKIE, safe_target
from consumer.api.let_in import secure_cookies
from consumer.settings import Settings
from tests.unit.api.browsing import browser, filled, hidden
from tests.unit.api.conftest import Api, made_api

HOSTILE = "<script>alert(1)</script>\"'{{7*7}}"


async def test_signing_in_and_out(api: Api) -> None:
    await api.kit.create("acc-1", contract_type="basic")
    async with browser(api) as http:
        refused = await http.get("/console/accounts/acc-1")
        assert refused.status_code == 303
        assert refused.headers["location"] == "/console/sign-in?to=%2Fconsole%2Faccounts%2Facc-1"
        form = {"token": "wrong", "to": "/console/accounts/acc-1"}
        assert (await http.post("/console/sign-in", data=form)).status_code == 403
        signed = await http.post("/console/sign-in", data=form | {"token": api.tokens["reader"]})
        assert (signed.status_code, signed.headers["location"]) == (303, "/console/accounts/acc-1")
        cookie = signed.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        page = await http.get("/console/accounts/acc-1")
        assert page.status_code == 200
        out = await http.post("/console/sign-out", data={"form_token": hidden(page, "form_token")})
        assert out.headers["location"] == "/console/sign-in"
        assert (await http.get("/console")).status_code == 303


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("url", ["https://contracts.example", "http://localhost"])
async def test_the_cookie_is_secure_whatever_host_a_request_names(
    tmp_path: Path, url: str, secure: bool
) -> None:
    api = made_api(tmp_path, secure_cookies=secure)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api.app), base_url=url) as http:
        signed = await http.post("/console/sign-in", data={"token": api.tokens["reader"]})
    assert ("secure" in signed.headers["set-cookie"].lower()) is secure


@pytest.mark.parametrize(
    ("url", "host", "secure"),
    [
        ("https://contracts.example", "127.0.0.1", True),
        ("http://localhost:8081", "0.0.0.0", False),
        (None, "127.0.0.1", False),
        (None, "0.0.0.0", True),
    ],
)
def test_the_settings_say_whether_cookies_are_secure(url: str | None, host: str, secure: bool) -> None:
    assert secure_cookies(Settings(api_url=url, api_host=host)) is secure


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/console//evil", "/console/\\evil", "/v1", None]
)
def test_no_page_sends_people_elsewhere(target: str | None) -> None:
    assert safe_target(target) == "/console"


@pytest.mark.parametrize(
    "path", ["/console", "/console/calendar", "/console/statistics", "/console/accounts/acc-1"]
)
async def test_every_page_is_for_those_who_are_signed_in(api: Api, path: str) -> None:
    async with browser(api) as http:
        assert (await http.get(path)).headers["location"].startswith("/console/sign-in")
        http.cookies.set(COOKIE, "ct_unknown")
        assert (await http.get(path)).headers["location"].startswith("/console/sign-in")
    async with browser(api, "reader") as http:
        page = await http.get(path)
    assert page.status_code == 200
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text


@pytest.mark.parametrize("command", PUBLISHED)
@pytest.mark.parametrize("caller", ["reader", "publisher", "operator"])
async def test_a_command_needs_the_role_that_the_api_asks_for(api: Api, caller: str, command: str) -> None:
    async with api.client(caller) as http:
        by_api = await http.post(f"/v1/accounts/acc-1/commands/{command}/preview", json={})
    async with browser(api, caller) as http:
        page = await http.get(f"/console/accounts/acc-1/commands/{command}")
        listed = (await http.get("/console/accounts/acc-1")).text
    assert page.status_code == (403 if by_api.status_code == 403 else 200)
    assert (f'/commands/{command}"' in listed) == (page.status_code == 200)


async def test_a_form_of_another_site_does_nothing(api: Api) -> None:
    await api.kit.create("acc-1", contract_type="basic")
    events = len(api.kit.events)
    async with browser(api, "operator") as http:
        for proof in ({}, {"form_token": "0" * 64}):
            form = {"do": "send", "command_id": "1", "data": "{}", **proof}
            assert (await http.post("/console/accounts/acc-1/commands/delete", data=form)).status_code == 403
        assert (await http.post("/console/sign-out", data={})).status_code == 403
    assert len(api.kit.events) == events


async def test_from_the_search_to_the_event(api: Api) -> None:
    await api.kit.create("acc-1", contract_type="basic", external_reference="crm-9", auto_renewal=False)
    path = "/console/accounts/acc-1/commands/change_plan"
    async with browser(api, "privy") as http:
        found = await http.get("/console", params={"q": "crm-9"})
        assert found.headers["location"] == "/console/accounts/acc-1"
        contract = await http.get(found.headers["location"])
        assert path in contract.text
        events = len(api.kit.events)
        plan = {"contract_type": "enterprise", "effective": "immediately"}
        seen = await filled(http, path, do="preview", **plan)
        assert "applied" in seen.text
        assert len(api.kit.events) == events, "a preview sends nothing"
        names = ("form_token", "command_id", "data")
        form = {name: hidden(seen, name) for name in names} | {"do": "send"}
        assert '"expected_version":1' in form["data"]
        sent = await http.post(path, data=form)
        assert "Result: <span" in sent.text
        assert [event.name for event in api.kit.events[events:]] == ["changed", "command_result"]
        assert api.kit.changes("acc-1")[-1].data["requested_by"] == "privy"
        again = await http.post(path, data=form)
        assert "duplicate" in again.text
        history = (await http.get("/console/accounts/acc-1")).text
    assert "plan_changed" in history
    assert "version=2" in history


async def test_a_refusal_is_seen_before_it_is_sent(api: Api) -> None:
    async with browser(api, "operator") as http:
        seen = await filled(http, "/console/accounts/nobody/commands/renew", do="preview")
    assert "rejected" in seen.text


async def test_what_is_filled_in_wrongly_stays_and_is_explained(api: Api) -> None:
    await api.kit.create("acc-1", contract_type="basic")
    async with browser(api, "operator") as http:
        path = "/console/accounts/acc-1/commands/update"
        page = await filled(
            http, path, do="preview", **{"changes.term_months": "many", "changes.notes": "kept"}
        )
        assert page.status_code == 400
        assert "changes.term_months must be a number" in page.text
        assert ">kept<" in page.text or 'value="kept"' in page.text
        page = await filled(http, path, do="preview", **{"changes.term_months": "0"})
        assert page.status_code == 400
        assert "/changes/term_months" in page.text


async def test_versions_can_be_gone_through(api: Api) -> None:
    await api.kit.create("acc-1", contract_type="basic", notes="first")
    await api.kit.update("acc-1", changes={"notes": "second"})
    contract_id = api.kit.contract("acc-1")["contract_id"]
    async with browser(api, "privy") as http:
        page = await http.get("/console/accounts/acc-1", params={"contract": contract_id, "version": 1})
        assert "first" in page.text
        assert ", version 1" in page.text
        for version in ("3", "0", "x", "99999999999999999999"):
            missing = await http.get(
                "/console/accounts/acc-1", params={"contract": contract_id, "version": version}
            )
            assert missing.status_code == 404
        other = await http.get("/console/accounts/acc-2", params={"contract": contract_id, "version": 1})
        assert other.status_code == 404, "an address names whose contract it is"


async def test_personal_data_needs_the_permission(api: Api) -> None:
    await api.kit.create("acc-1", contract_type="basic", notes="secret-notes")
    await api.kit.update("acc-1", changes={"notes": "secret-again"})
    async with browser(api, "operator") as http:
        page = await http.get("/console/accounts/acc-1")
        seen = await filled(
            http, "/console/accounts/acc-1/commands/update", do="preview", **{"changes.tags": '["a"]'}
        )
        assert "secret" not in page.text + seen.text
        assert "no access to personal data" in page.text
    async with browser(api, "privy") as http:
        assert "secret-again" in (await http.get("/console/accounts/acc-1")).text


async def test_whatever_is_stored_is_text_on_a_page(api: Api) -> None:
    account = "a/b<b>&?#%"
    await api.kit.create(
        account,
        contract_type="basic",
        notes=HOSTILE,
        tags=[HOSTILE],
        external_reference=HOSTILE[:40],
        metadata={"k": "javascript:alert(1)"},
    )
    await api.kit.update(account, changes={"notes": HOSTILE + "2"})
    async with browser(api, "privy") as http:
        path = f"/console/accounts/{quote(account, safe='')}"
        pages = [await http.get(path), await http.get(f"{path}/commands/update")]
        pages += [
            await http.get("/console", params={"q": HOSTILE}),
            await http.get("/console/calendar?days=400"),
        ]
    for page in pages:
        assert page.status_code in {200, 303}
        assert "<script" not in page.text
        assert 'href="javascript' not in page.text
        assert "49" not in re.findall(r"alert\(1\).{0,40}", page.text)


async def test_the_calendar_names_what_is_at_stake(api: Api) -> None:
    await api.kit.create("acc-1", contract_type="basic", auto_renewal=False, term_months=1)
    async with browser(api, "reader") as http:
        page = await http.get("/console/calendar")
        assert "1 lapse" in page.text
        assert "Monthly fees that lapse, by plan" in page.text
        for days in ("0", "-1", "x", "99999"):
            assert (await http.get("/console/calendar", params={"days": days})).status_code == 400


@pytest.mark.parametrize(
    "path", ["/console/nothing", "/console/accounts/a/commands/advance", "/console/static/x"]
)
async def test_what_is_not_there_is_told_on_a_page(api: Api, path: str) -> None:
    async with browser(api, "operator") as http:
        page = await http.get(path)
    assert page.status_code == 404
    assert "Traceback" not in page.text
