"""Contracts over HTTP."""

from datetime import timedelta

import httpx
import pytest

from tests.unit.api.test_commands import PATH, WAIT, create


async def test_a_contract_by_account_and_by_id(privy: httpx.AsyncClient) -> None:
    await create(privy, base_monthly_fee=12.5)
    found = await privy.get("/v1/accounts/acme/contract")
    contract = found.json()
    assert (contract["status"], contract["base_monthly_fee"], contract["version"]) == ("active", 12.5, 1)
    assert found.headers["etag"] == f'"{contract["contract_id"]}.1"'
    assert found.headers["cache-control"] == "no-store"
    by_id = await privy.get(f"/v1/contracts/{contract['contract_id']}")
    assert by_id.json() == {**contract, "current": True}


async def test_no_contract_is_a_404(privy: httpx.AsyncClient) -> None:
    for path in ("/v1/accounts/nobody/contract", "/v1/contracts/contract_1"):
        answer = await privy.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "contract_not_found")


async def test_an_id_with_a_slash_stays_one_segment(privy: httpx.AsyncClient) -> None:
    await privy.post(
        "/v1/accounts/a%2Fb%20%C3%BC/commands/create", json={"contract_type": "basic"}, headers=WAIT
    )
    answer = await privy.get("/v1/accounts/a%2Fb%20%C3%BC/contract")
    assert answer.json()["account_id"] == "a/b ü"
    assert (await privy.get("/v1/accounts/a/b/contract")).status_code == 404
    assert (await privy.get("/v1/accounts/%FF/contract")).status_code == 400


async def test_personal_data_only_for_those_who_may_see_it(api, privy: httpx.AsyncClient) -> None:
    await create(privy, notes="calls at night", primary_contact={"name": "Ann", "email": "ann@acme.com"})
    await privy.post(PATH + "cancel", json={"effective": "end_of_term", "reason": "ill"}, headers=WAIT)
    seen = await privy.get("/v1/accounts/acme/contract")
    assert seen.json()["primary_contact"]["name"] == "Ann"
    assert "contracts-withheld" not in seen.headers
    async with api.client("operator") as operator:
        answer = await operator.get("/v1/accounts/acme/contract")
    assert answer.headers["contracts-withheld"] == "personal"
    for word in ("Ann", "ann@acme.com", "night", "ill", "privy"):
        assert f'"{word}' not in answer.text
    assert answer.json()["scheduled_changes"][0]["kind"] == "cancellation"
    assert set(seen.json()) - set(answer.json()) == {
        "notes",
        "primary_contact",
        "metadata",
        "created_by",
        "last_modified_by",
    }


async def test_an_answer_names_what_it_has_seen_and_can_be_asked_for_more(privy: httpx.AsyncClient) -> None:
    wrote = await create(privy)
    position = wrote.headers["contracts-position"]
    read = await privy.get("/v1/accounts/acme/contract", headers={"Contracts-At-Least": position})
    assert read.headers["contracts-position"] == position == "0/0"
    late = await privy.get("/v1/accounts/acme/contract", headers={"Contracts-At-Least": "0/1"})
    assert (late.status_code, late.json()["code"]) == (504, "position_not_reached")
    odd = await privy.get("/v1/accounts/acme/contract", headers={"Contracts-At-Least": "0:1"})
    assert (odd.status_code, odd.json()["errors"][0]["path"]) == (400, "Contracts-At-Least")


async def test_a_contract_at_a_version_and_as_of_a_time(api, privy: httpx.AsyncClient) -> None:
    await create(privy)
    await api.kit.move(timedelta(days=2))
    await privy.post(PATH + "update", json={"changes": {"notes": "later"}}, headers=WAIT)
    now = (await privy.get("/v1/accounts/acme/contract")).json()
    first = await privy.get(f"/v1/contracts/{now['contract_id']}", params={"version": 1})
    assert "notes" not in first.json()
    assert first.json()["made_by"]["change"] == "created"
    assert first.headers["etag"] == f'"{now["contract_id"]}.1"'
    then = await privy.get("/v1/accounts/acme/contract", params={"as_of": "2026-01-02"})
    assert (then.json()["version"], now["version"]) == (1, 2)
    for path, asked in (
        ("/v1/accounts/acme/contract", {"as_of": "2020-01-01"}),
        (f"/v1/contracts/{now['contract_id']}", {"version": 9}),
    ):
        assert (await privy.get(path, params=asked)).status_code == 404
    async with api.client("reader") as reader:
        shown = await reader.get(f"/v1/contracts/{now['contract_id']}", params={"version": 2})
    assert "later" not in shown.text
    assert "by" not in shown.json()["made_by"]


@pytest.mark.parametrize(
    ("path", "asked", "parameter"),
    [
        ("/v1/accounts/acme/contract", {"as_of": "yesterday"}, "as_of"),
        ("/v1/contracts/c", {"version": "0"}, "version"),
        ("/v1/contracts", {"limit": "0"}, "limit"),
        ("/v1/contracts", {"status": "gone"}, "status"),
        ("/v1/expiring", {"within_days": "-1"}, "within_days"),
        ("/v1/accounts/acme/history", {"oldest_first": "perhaps"}, "oldest_first"),
        ("/v1/statistics", {"from": "2026-01-01"}, "from"),
    ],
)
async def test_a_parameter_that_is_wrong_is_named(
    privy: httpx.AsyncClient, path: str, asked: dict[str, str], parameter: str
) -> None:
    answer = await privy.get(path, params=asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["errors"][0]["path"] == parameter


async def test_listings_come_in_pages(api, privy: httpx.AsyncClient) -> None:
    for name, plan in (("a", "basic"), ("b", "professional"), ("c", "basic")):
        await privy.post(f"/v1/accounts/{name}/commands/create", json={"contract_type": plan}, headers=WAIT)
    first = (await privy.get("/v1/contracts", params={"contract_type": "basic", "limit": 1})).json()
    assert ([each["account_id"] for each in first["data"]], first["has_more"]) == (["a"], True)
    asked = {"contract_type": "basic", "limit": 1, "after": first["next"]}
    last = (await privy.get("/v1/contracts", params=asked)).json()
    assert ([each["account_id"] for each in last["data"]], last["next"]) == (["c"], None)
    odd = await privy.get("/v1/contracts", params={"after": "rubbish"})
    assert (odd.status_code, odd.json()["code"]) == (400, "invalid_request")
    soon = (await privy.get("/v1/expiring", params={"within_days": 366})).json()
    assert [(each["contract"]["account_id"], each["action"]) for each in soon["data"]] == [
        ("a", "renews"),
        ("b", "renews"),
        ("c", "renews"),
    ]
    figures = (await privy.get("/v1/statistics")).json()
    assert figures["contracts"] == {"basic": {"active": 2}, "professional": {"active": 1}}


async def test_a_history_hides_people_from_those_who_may_not_see_them(api, privy: httpx.AsyncClient) -> None:
    await create(privy)
    change = {"changes": {"notes": "calls at night", "auto_renewal": False}}
    await privy.post(PATH + "update", json=change, headers=WAIT)
    await privy.post(PATH + "delete", json={"reason": "died"}, headers=WAIT)
    whole = await privy.get("/v1/accounts/acme/history", params={"oldest_first": True})
    assert [item["command"] for item in whole.json()["data"]] == ["create", "update", "delete"]
    assert "night" in whole.text
    assert "died" in whole.text
    async with api.client("reader") as reader:
        answer = await reader.get("/v1/accounts/acme/history", params={"oldest_first": True})
    assert "night" not in answer.text
    assert "died" not in answer.text
    assert answer.headers["contracts-withheld"] == "personal"
    fields = answer.json()["data"][1]["changes"][0]["fields"]
    assert {"path": "/notes", "withheld": True} in fields
    assert {"path": "/auto_renewal", "before": True, "after": False} in fields


async def test_a_result_can_be_fetched_from_where_the_202_said(api, privy: httpx.AsyncClient) -> None:
    sent = await privy.post(PATH + "create", json={"contract_type": "basic"})
    found = await privy.get(sent.headers["location"])
    assert found.json()["result"]["outcome"] == "applied"
    refused = await privy.post(PATH + "activate", json={})
    assert (await privy.get(refused.headers["location"])).json()["result"] == {
        "outcome": "rejected",
        "code": "invalid_transition",
        "contract_id": found.json()["result"]["contract_id"],
        "version": 1,
    }
    own = f"/v1/accounts/acme/results/{sent.json()['command']['id']}"
    assert (await privy.get(own)).status_code == 200
    async with api.client("reader") as reader:
        assert (await reader.get(own)).json()["code"] == "result_not_found"
        assert (await reader.get(sent.headers["location"])).status_code == 200


async def test_a_preview_tells_what_a_command_would_do_and_does_nothing(
    api, privy: httpx.AsyncClient
) -> None:
    await create(privy, primary_contact={"name": "Ann", "email": "ann@acme.com"})
    answer = await privy.post(PATH + "cancel/preview", json={"reason": "ill"})
    told = answer.json()
    assert (told["result"]["outcome"], told["after"]["status"]) == ("applied", "cancelled")
    assert told["events"][0]["data"]["change"] == "cancelled"
    assert (await privy.get("/v1/accounts/acme/contract")).json()["status"] == "active"
    assert len(api.kit.results) == 1
    odd = await privy.post(PATH + "cancel/preview", json={"effective": "soon"})
    assert (odd.status_code, odd.json()["code"]) == (422, "schema_violation")
    asked = {"at": "2026-12-20"}
    async with api.client("publisher") as publisher:
        hidden = await publisher.post(PATH + "cancel/preview", json={"reason": "ill"}, params=asked)
    for word in ("Ann", "ann@acme.com", "ill"):
        assert f'"{word}' not in hidden.text
    assert {each["name"] for each in hidden.json()["due"]} >= {"renewal_notice", "changed"}


async def test_the_differences_of_a_preview_hide_persons_from_who_may_not_see_them(
    api, privy: httpx.AsyncClient
) -> None:
    await create(privy, primary_contact={"name": "Ann", "email": "ann@acme.com"})
    change = {"changes": {"primary_contact": {"name": "Bob"}, "tags": ["emea"]}}
    told = (await privy.post(PATH + "update/preview", json=change)).json()["changed_fields"]
    tags = {"path": "/tags", "before": [], "after": ["emea"]}
    assert {"path": "/primary_contact/name", "before": "Ann", "after": "Bob"} in told
    assert tags in told
    async with api.client("publisher") as publisher:
        hidden = await publisher.post(PATH + "update/preview", json=change)
    assert "Ann" not in hidden.text
    assert "Bob" not in hidden.text
    fields = hidden.json()["changed_fields"]
    assert {"path": "/primary_contact/name", "withheld": True} in fields
    assert tags in fields


async def test_a_number_is_no_time(publisher) -> None:
    """It could be seconds or milliseconds, or a year."""
    for text in ("12345", "2026", "1.7e9"):
        answer = await publisher.get("/v1/accounts/acme/contract", params={"as_of": text})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "as_of")
