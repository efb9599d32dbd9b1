"""`POST …/commands/NAME`."""

import httpx
import pytest
from structlog.testing import capture_logs

from consumer.errors import BrokerUnavailable

WAIT = {"Prefer": "wait=5"}
PATH = "/v1/accounts/acme/commands/"


async def create(http: httpx.AsyncClient, **data) -> httpx.Response:
    answer = await http.post(PATH + "create", json={"contract_type": "basic", **data}, headers=WAIT)
    assert answer.status_code == 200, answer.text
    return answer


async def test_who_waits_gets_the_result(publisher: httpx.AsyncClient) -> None:
    answer = await publisher.post(
        PATH + "create", json={"contract_type": "basic"}, headers={**WAIT, "Idempotency-Key": "k1"}
    )
    assert answer.status_code == 200
    assert answer.headers["contracts-position"] == "0/0"
    assert answer.headers["preference-applied"] == "wait=5"
    told = answer.json()
    assert told["command"] == {
        "id": "k1",
        "source": "/contracts/api/publisher",
        "type": "com.easytrade.contract.create.v1",
    }
    assert (told["result"]["outcome"], told["result"]["version"]) == ("applied", 1)


async def test_who_does_not_wait_is_told_where_the_result_will_be(publisher: httpx.AsyncClient) -> None:
    answer = await publisher.post(
        "/v1/accounts/a%2Fb/commands/create",
        json={"contract_type": "basic"},
        headers={"Idempotency-Key": "k/1"},
    )
    assert answer.status_code == 202
    assert (
        answer.headers["location"] == "/v1/accounts/a%2Fb/results/k%2F1?source=%2Fcontracts%2Fapi%2Fpublisher"
    )
    assert "result" not in answer.json()


async def test_a_result_that_does_not_come_in_time_is_a_202(api, publisher: httpx.AsyncClient) -> None:
    api.log.silent = True
    answer = await publisher.post(PATH + "create", json={"contract_type": "basic"}, headers=WAIT)
    assert answer.status_code == 202
    assert answer.headers["location"]


async def test_the_same_key_again_changes_nothing_and_says_so(publisher: httpx.AsyncClient) -> None:
    headers = {**WAIT, "Idempotency-Key": "once"}
    first = await publisher.post(PATH + "create", json={"contract_type": "basic"}, headers=headers)
    again = await publisher.post(PATH + "create", json={"contract_type": "basic"}, headers=headers)
    assert "idempotent-replayed" not in first.headers
    assert again.status_code == 200
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["result"]["contract_id"] == first.json()["result"]["contract_id"]


async def test_a_key_belongs_to_its_token(api, publisher: httpx.AsyncClient) -> None:
    headers = {**WAIT, "Idempotency-Key": "same"}
    await publisher.post(PATH + "create", json={"contract_type": "basic"}, headers=headers)
    async with api.client("operator") as operator:
        answer = await operator.post(PATH + "renew", json={}, headers=headers)
    assert answer.json()["result"]["outcome"] == "applied"


async def test_another_command_under_the_same_key_is_refused(publisher: httpx.AsyncClient) -> None:
    headers = {**WAIT, "Idempotency-Key": "same"}
    await publisher.post(PATH + "create", json={"contract_type": "basic"}, headers=headers)
    answer = await publisher.post(PATH + "renew", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "id_reused")


async def test_who_asked_is_the_token_and_nobody_else(api, publisher: httpx.AsyncClient) -> None:
    await create(publisher)
    contract = api.kit.contract("acme")
    assert contract is not None
    assert contract["created_by"] == "publisher"
    answer = await publisher.post(PATH + "renew", json={"requested_by": "the queen"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"path": "/requested_by", "message": "is set by the token"}]
    assert len(api.kit.results) == 1


@pytest.mark.parametrize(
    ("name", "data", "status", "code", "path"),
    [
        ("create", {"contract_type": "basic"}, 409, "contract_exists", None),
        ("activate", {}, 409, "invalid_transition", None),
        ("update", {"changes": {"status": "expired"}}, 422, "protected_field", "/changes/status"),
        ("update", {"changes": {"end_date": "2020-01-01"}}, 422, "invalid_terms", "/changes/end_date"),
        ("update", {"changes": {}, "expected_version": 7}, 409, "version_conflict", None),
        ("update", {"changes": {"nots": "x"}}, 422, "schema_violation", "/changes/nots"),
        ("renew", {"term_months": "6"}, 422, "schema_violation", "/term_months"),
    ],
)
async def test_a_refused_command_is_a_problem_with_its_code(
    publisher: httpx.AsyncClient, name: str, data: dict, status: int, code: str, path: str | None
) -> None:
    await create(publisher)
    answer = await publisher.post(PATH + name, json=data, headers=WAIT)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:contracts:problem:{code}"
    assert path is None or answer.json()["errors"][0]["path"] == path


async def test_if_match_holds_the_contract_to_its_version(publisher: httpx.AsyncClient) -> None:
    await create(publisher)
    tag = (await publisher.get("/v1/accounts/acme/contract")).headers["etag"]
    change = {"changes": {"auto_renewal": False}}
    first = await publisher.post(PATH + "update", json=change, headers={**WAIT, "If-Match": tag})
    assert first.json()["result"]["version"] == 2
    late = await publisher.post(PATH + "update", json=change, headers={**WAIT, "If-Match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "version_conflict")
    plain = await publisher.post(PATH + "update", json=change, headers={**WAIT, "If-Match": '"2"'})
    assert plain.json()["result"]["outcome"] == "unchanged"
    other = {**WAIT, "If-Match": '"contract_20200101_000000_000000000000.2"'}
    answer = await publisher.post(PATH + "update", json=change, headers=other)
    assert (answer.status_code, answer.json()["code"]) == (412, "contract_id_mismatch")


@pytest.mark.parametrize("tag", ["2", "*", 'W/"2"', '"two"', '"1", "2"', '""'])
async def test_what_is_no_etag_of_a_contract_is_refused(publisher: httpx.AsyncClient, tag: str) -> None:
    answer = await publisher.post(PATH + "renew", json={}, headers={"If-Match": tag})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "If-Match")


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed"),
        (b'{"a": 1, "a": 2}', "application/json", 400, "malformed"),
        (b'{"a": NaN}', "application/json", 400, "malformed"),
        (b"[" * 100 + b"]" * 100, "application/json", 400, "malformed"),
        (b"\xff", "application/json", 400, "malformed"),
        (b"[]", "application/json", 422, "schema_violation"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{}", None, 415, "unsupported_media_type"),
        (b'{"changes": {"notes": "%b"}}' % (b"x" * 10_000), "application/json", 413, "too_large"),
    ],
)
async def test_a_body_that_is_none_is_refused(
    api, publisher: httpx.AsyncClient, body: bytes, media_type: str | None, status: int, code: str
) -> None:
    headers = {"content-type": media_type} if media_type else {}
    answer = await publisher.post(PATH + "update", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not api.kit.results


async def test_money_keeps_its_digits_or_is_refused(publisher: httpx.AsyncClient) -> None:
    data = b'{"contract_type": "basic", "base_monthly_fee": 99.123456789012345678}'
    headers = {"content-type": "application/json"}
    answer = await publisher.post(PATH + "create", content=data, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "/base_monthly_fee"


async def test_a_command_without_data_needs_no_body(publisher: httpx.AsyncClient) -> None:
    await create(publisher)
    assert (await publisher.post(PATH + "renew", headers=WAIT)).status_code == 200


async def test_a_broker_that_is_away_is_a_503_without_its_address(api, publisher: httpx.AsyncClient) -> None:
    api.log.down = BrokerUnavailable("Kafka at kafka-7.internal:9092 is away")
    answer = await publisher.post(PATH + "renew", json={})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "kafka-7" not in answer.text
    assert answer.headers["retry-after"] == "1"


async def test_a_defect_shows_nothing_of_itself(api, publisher: httpx.AsyncClient) -> None:
    api.log.down = RuntimeError("secret of the house")
    answer = await publisher.post(PATH + "renew", json={})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


async def test_every_write_leaves_a_line_of_who_did_what(publisher: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await create(publisher)
        await publisher.post(PATH + "update", json={"changes": {"nots": "hello"}})
    assert [(line["asked_by"], line["what"], line["status"], line["code"]) for line in lines] == [
        ("publisher", "create", 200, None),
        ("publisher", "update", 422, "schema_violation"),
    ]
    assert "hello" not in str(lines)


async def test_who_goes_away_before_the_end_of_the_body_is_no_defect(api) -> None:
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    answers = []

    async def receive() -> dict:
        return next(messages)

    async def send(message: dict) -> None:
        answers.append(message)

    path = (PATH + "renew").encode()
    headers = [
        (b"authorization", f"Bearer {api.tokens['publisher']}".encode()),
        (b"content-type", b"application/json"),
    ]
    scope = {"type": "http", "method": "POST", "path": path.decode(), "raw_path": path, "headers": headers}
    with capture_logs() as logs:
        await api.app(scope | {"query_string": b"", "http_version": "1.1"}, receive, send)
    assert answers[0]["status"] == 400
    assert not [line for line in logs if line["log_level"] == "error"]
