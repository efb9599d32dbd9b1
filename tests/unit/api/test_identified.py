"""A request's id, and who is told to have sent a command."""

import pytest
import structlog
from structlog.testing import capture_logs

from consumer.api.tokens import SOURCE
from tests.issuer import local_issuer
from tests.unit.api.conftest import Api, made_api
from tests.unit.api.test_oidc import Clock, tokens_of

COMMANDS = "/v1/accounts/acme/commands/"


async def test_the_callers_id_is_in_the_answer_and_in_the_log(api: Api) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        async with api.client("publisher") as http:
            headers = {"X-Request-Id": "edge:7f3a/1"}
            answer = await http.post(COMMANDS + "cancel", json={"no": 1}, headers=headers)
            assert answer.headers["x-request-id"] == "edge:7f3a/1"
            await http.post(COMMANDS + "erase", json={}, headers={"X-Request-Id": "second"})
    assert [(line["event"], line["request_id"]) for line in lines] == [
        ("a command was asked for", "edge:7f3a/1"),
        ("a request was refused", "second"),
    ]


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, 'a"}'])
async def test_others_get_a_new_one_each(api: Api, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given}
    async with api.client(None) as http:
        made = [(await http.get(path, headers=headers)).headers["x-request-id"] for path in ("/", "/healthz")]
    assert len({*made, given}) == 3


async def test_a_command_with_an_issuers_token_names_its_subject_everywhere(tmp_path) -> None:
    with local_issuer() as issuer:
        api = made_api(tmp_path, authenticators=[tokens_of(issuer, Clock())])
        async with api.client(None) as http:
            http.headers["authorization"] = f"Bearer {issuer.token(sub='auth0|42')}"
            with capture_logs() as lines:
                headers = {"Prefer": "wait=1", "X-Request-Id": "r-1"}
                told = await http.post(COMMANDS + "create", json={"contract_type": "basic"}, headers=headers)
            assert told.json()["command"]["source"] == f"{SOURCE}oidc%3Aauth0%7C42"
            assert (await http.get("/v1/accounts/acme/contract")).json()["created_by"] == "oidc:auth0|42"
            refused = await http.post(COMMANDS + "cancel", json={"requested_by": "somebody"})
            assert refused.json()["errors"] == [{"path": "/requested_by", "message": "is set by the token"}]
    [line] = lines
    assert (line["event"], line["asked_by"], line["role"], line["what"], line["status"]) == (
        ("a command was asked for", "oidc:auth0|42", "operator", "create", 200)
    )
