"""`contracts tokens new`, and what `contracts serve` needs of it."""

import json
from typing import get_args

import pytest

from consumer.api.tokens import Role, parse_tokens
from consumer.cli.tokens import RoleName

pytestmark = pytest.mark.usefixtures("as_it_was")


def test_a_new_token_and_its_line(contracts) -> None:
    (made,) = contracts("tokens", "new", "billing", "--role", "publisher", "--personal", "--json").json
    (caller,) = parse_tokens(str(made["line"])).values()
    assert (caller.name, caller.role, caller.personal) == ("billing", "publisher", True)
    assert str(made["token"]).startswith("ct_")


def test_the_roles_are_those_of_the_api() -> None:
    assert tuple(RoleName) == get_args(Role)


def test_a_name_that_cannot_be_one(contracts) -> None:
    ran = contracts("tokens", "new", "a b")
    assert (ran.code, ran.out) == (13, "")
    assert ran.err.startswith("error: a token's name has 1 to 64 letters")


def test_without_tokens_nothing_is_served(contracts, monkeypatch) -> None:
    monkeypatch.setenv("CONTRACTS_LOG_FORMAT", "console")
    ran = contracts("serve")
    assert ran.code == 4
    assert "the API has neither a token file nor an issuer" in ran.err
    assert "CONTRACTS_API_TOKENS_PATH" in ran.err


def test_tokens_that_cannot_be_read_name_their_setting(contracts, monkeypatch) -> None:
    monkeypatch.setenv("CONTRACTS_LOG_FORMAT", "console")
    monkeypatch.setenv("CONTRACTS_API_TOKENS_PATH", "/nowhere/tokens")
    ran = contracts("serve")
    assert ran.code == 13
    assert ran.err.startswith("error: cannot read /nowhere/tokens: No such file")
    assert "CONTRACTS_API_TOKENS_PATH" in ran.err


@pytest.mark.parametrize("command", ["run", "consume", "serve"])
def test_wrong_settings_end_a_service_in_the_format_of_its_logs(contracts, monkeypatch, command) -> None:
    monkeypatch.setenv("CONTRACTS_LOG_FORMAT", "json")
    monkeypatch.setenv("CONTRACTS_HTTP_PORT", "x")
    ran = contracts(command)
    (line,) = map(json.loads, ran.err.splitlines())
    assert (ran.code, line["exit_code"], line["event"]) == (3, 3, "the service ended")
    assert "CONTRACTS_HTTP_PORT" in line["error"]
    monkeypatch.setenv("CONTRACTS_LOG_FORMAT", "console")
    assert contracts(command).err.startswith("error: CONTRACTS_HTTP_PORT")
