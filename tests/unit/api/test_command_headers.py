"""Headers of requests that publish or preview a command."""

import httpx
import pytest

from tests.unit.api.test_commands import PATH, WAIT, create


@pytest.mark.parametrize("name", ["create", "adopt"])
async def test_what_opens_a_contract_takes_no_if_match(api, name: str) -> None:
    """In the log it would be refused whatever the ETag: no contract that is not there has one."""
    async with api.client("privy") as operator:
        for path in (PATH + name, f"{PATH}{name}/preview"):
            answer = await operator.post(path, json={"contract_type": "basic"}, headers={"If-Match": '"1"'})
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
            assert answer.json()["errors"][0]["path"] == "If-Match"
    assert not api.kit.results


@pytest.mark.parametrize("key", ["é".encode(), b"\xff", b"a\tb"])
async def test_a_key_that_is_no_ascii_is_refused(api, publisher: httpx.AsyncClient, key: bytes) -> None:
    """What its bytes mean depends on the client; the address of the result could not name it."""
    for path in (PATH + "renew", PATH + "renew/preview"):
        answer = await publisher.post(path, json={}, headers={b"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "idempotency-key")
        assert answer.json()["errors"][0]["message"] == "must be printable ASCII"
    assert not api.kit.results


async def test_a_preview_with_the_key_of_a_command_tells_of_the_duplicate(
    publisher: httpx.AsyncClient,
) -> None:
    await create(publisher)
    data, key = {"changes": {"auto_renewal": False}}, {"Idempotency-Key": "order-7"}
    await publisher.post(PATH + "update", json=data, headers={**WAIT, **key})
    seen = await publisher.post(PATH + "update/preview", json=data, headers=key)
    assert seen.json()["result"]["outcome"] == "duplicate"
    other = {"changes": {"auto_renewal": True}}
    seen = await publisher.post(PATH + "update/preview", json=other, headers=key)
    assert seen.json()["result"]["code"] == "id_reused"


async def test_a_preview_names_its_position_and_can_be_asked_for_more(publisher: httpx.AsyncClient) -> None:
    made = await create(publisher)
    data, position = {"changes": {"auto_renewal": False}}, made.headers["contracts-position"]
    path = PATH + "update/preview"
    seen = await publisher.post(path, json=data, headers={"Contracts-At-Least": position})
    assert (seen.status_code, seen.headers["contracts-position"]) == (200, position)
    late = await publisher.post(path, json=data, headers={"Contracts-At-Least": "0/7"})
    assert (late.status_code, late.json()["code"]) == (504, "position_not_reached")
