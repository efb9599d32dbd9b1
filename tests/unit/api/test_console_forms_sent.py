"""Forms of the console as nobody means them: too large, too slow, from elsewhere, too late."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from consumer.api.console.session import FORM_BYTES, FORM_INPUTS
from consumer.errors import BrokerUnavailable
from tests.unit.api.browsing import browser, filled, hidden
from tests.unit.api.conftest import Api


@pytest.mark.parametrize("body", [b"a" * (FORM_BYTES + 1), b"&".join([b"a"] * (FORM_INPUTS + 1))])
async def test_a_form_that_no_page_has_is_refused_to_everybody(api: Api, body: bytes) -> None:
    with capture_logs() as logs:
        async with browser(api) as http:
            assert (await http.post("/console/sign-in", content=body)).status_code == 413
        async with browser(api, "reader") as http:
            assert (await http.post("/console/sign-out", content=body)).status_code == 413
    assert not [line for line in logs if line["log_level"] == "error"]


async def test_asking_for_the_headers_of_the_sign_in_is_no_sign_in(api: Api) -> None:
    async with browser(api) as http:
        assert (await http.head("/console/sign-in")).status_code == 200


async def test_what_was_seen_of_one_contract_is_not_sent_to_the_next(api: Api) -> None:
    """Both are at version 1, so the version alone does not tell them apart."""
    path = "/console/accounts/acc-1/commands/update"
    await api.kit.create("acc-1", contract_type="basic")
    async with browser(api, "operator") as http:
        seen = await filled(http, path, do="preview", **{"changes.tags": '["a"]'})
        await api.kit.delete("acc-1")
        await api.kit.create("acc-1", contract_type="enterprise")
        form = {name: hidden(seen, name) for name in ("form_token", "command_id", "data")}
        sent = await http.post(path, data=form | {"do": "send"})
    assert "contract_id_mismatch" in sent.text
    assert api.kit.contract("acc-1")["tags"] == []


async def test_an_account_whose_contract_has_ended_gets_its_next(api: Api) -> None:
    """The version that the preview saw is the former contract's: the new one has none yet."""
    path = "/console/accounts/acc-1/commands/create"
    await api.kit.create("acc-1", contract_type="basic")
    await api.kit.cancel("acc-1", effective="immediately")
    async with browser(api, "operator") as http:
        seen = await filled(http, path, do="preview", contract_type="enterprise")
        assert "applied" in seen.text
        form = {name: hidden(seen, name) for name in ("form_token", "command_id", "data")}
        sent = await http.post(path, data=form | {"do": "send"})
    assert "applied" in sent.text
    assert "version_conflict" not in sent.text
    assert api.kit.contract("acc-1")["contract_type"] == "enterprise"


async def test_a_text_can_be_removed(api: Api) -> None:
    path = "/console/accounts/acc-1/commands/update"
    await api.kit.create("acc-1", contract_type="basic", notes="call first")
    async with browser(api, "operator") as http:
        seen = await filled(http, path, do="preview", **{"remove.changes.notes": "yes"})
        assert 'name="remove.changes.notes" value="yes" checked' in seen.text
        form = {name: hidden(seen, name) for name in ("form_token", "command_id", "data")}
        await http.post(path, data=form | {"do": "send"})
    assert "notes" not in api.kit.contract("acc-1")


async def test_a_preview_may_be_of_a_time_to_come(api: Api) -> None:
    """Then there is nothing to send: the contract will have another version."""
    path = "/console/accounts/acc-1/commands/cancel"
    await api.kit.create("acc-1", contract_type="basic", term_months=1)
    async with browser(api, "operator") as http:
        later = f"{api.kit.now + timedelta(days=100):%Y-%m-%d}"
        seen = await filled(http, path, do="preview", preview_at=later)
        assert f"preview for {later}" in seen.text
        assert "events that are due" in seen.text
        assert 'value="send"' not in seen.text
        for wrong in ("tomorrow", "12345", "2020-01-01"):
            assert (await filled(http, path, do="preview", preview_at=wrong)).status_code == 400, wrong
    assert api.kit.contract("acc-1")["status"] == "active"


async def test_numbers_of_thousands_of_digits_are_no_numbers(api: Api) -> None:
    await api.kit.create("acc-1", contract_type="basic")
    asked = {"contract": api.kit.contract("acc-1")["contract_id"], "version": "9" * 5_000}
    async with browser(api, "operator") as http:
        assert (await http.get("/console/accounts/acc-1", params=asked)).status_code == 404
        assert (await http.get(f"/console/operations/{'9' * 5_000}")).status_code == 404


async def test_what_may_have_been_sent_is_in_the_audit_log(api: Api) -> None:
    api.log.down = BrokerUnavailable("kafka-1.internal does not answer")
    path = "/console/accounts/acc-1/commands/create"
    async with browser(api, "operator") as http:
        seen = await filled(http, path, do="preview", contract_type="basic")
        form = {name: hidden(seen, name) for name in ("form_token", "command_id", "data")}
        with capture_logs() as logs:
            assert (await http.post(path, data=form | {"do": "send"})).status_code == 503
    (line,) = [each for each in logs if each["event"] == "a command was sent from the console"]
    assert (line["asked_by"], line["account_id"], line["command_id"]) == (
        "operator",
        "acc-1",
        form["command_id"],
    )
    assert (line["outcome"], line["code"]) == (None, "BrokerUnavailable")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_no_other_site_signs_people_in(api: Api, site: str) -> None:
    form = {"token": api.tokens["reader"]}
    async with browser(api) as http:
        refused = await http.post("/console/sign-in", data=form, headers={"Sec-Fetch-Site": site})
        assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
        own = await http.post("/console/sign-in", data=form, headers={"Sec-Fetch-Site": "same-origin"})
        assert own.status_code == 303


async def test_a_body_that_never_ends_is_not_waited_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.api.limits.BODY_SECONDS", 0.05)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"token="
        await asyncio.sleep(5)

    async with browser(api) as http, asyncio.timeout(3):
        assert (await http.post("/console/sign-in", content=slowly())).status_code == 408
