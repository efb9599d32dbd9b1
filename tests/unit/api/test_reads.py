"""Contracts over HTTP."""

import httpx

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
