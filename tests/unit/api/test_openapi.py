"""The published description of the API."""

import httpx
import orjson
import pytest
from jsonschema import Draft202012Validator

from consumer.api.app import unserved
from consumer.api.auth import ACCESS, PUBLISHED
from consumer.api.openapi import described, rendered
from schemas.export import OPENAPI


@pytest.fixture(scope="module")
def document() -> dict:
    return described(unserved())


def test_the_file_is_what_the_end_points_make() -> None:
    assert OPENAPI.read_bytes() == rendered(unserved()), "run `make docs`"


async def test_it_is_served_as_it_is_published(privy: httpx.AsyncClient) -> None:
    assert (await privy.get("/v1/openapi.json")).json() == orjson.loads(OPENAPI.read_bytes())


def test_it_has_every_end_point_and_its_role(document: dict) -> None:
    assert document["openapi"].startswith("3.1")
    found = {
        f"{method.upper()} {path}": operation["x-role"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert found == ACCESS


def test_every_reference_leads_somewhere(document: dict) -> None:
    names = {
        part.split('"')[0] for part in orjson.dumps(document).decode().split("#/components/schemas/")[1:]
    }
    assert names <= set(document["components"]["schemas"])
    assert "#/$defs/" not in orjson.dumps(document).decode()


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_body_is_that_of_the_command_without_who_asks(document: dict, name: str) -> None:
    body = document["paths"][f"/v1/accounts/{{account_id}}/commands/{name}"]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["$ref"].endswith(f"/{name}.v1")
    schema = document["components"]["schemas"][f"{name}.v1"]
    assert "requested_by" not in schema["properties"]
    assert schema["additionalProperties"] is False
    for example in schema["examples"]:
        whole = {**schema, "components": document["components"]}
        Draft202012Validator(whole).validate(example)
