"""Which changes of the HTTP API break its callers: each planted in the published description."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from consumer.api.tokens import ROLES as API_ROLES
from schemas.compatibility import changes
from schemas.export import compared
from schemas.operations import ROLES

LISTING = "/v1/contracts"
CANCEL = "/v1/accounts/{account_id}/commands/cancel"
CONTRACT = "/v1/accounts/{account_id}/contract"
TEXT = {"type": "string"}
CSV: dict[str, Any] = {"text/csv": {"schema": {}}}


def listing(document: Any) -> Any:
    return document["paths"][LISTING]["get"]


def cancel(document: Any) -> Any:
    return document["paths"][CANCEL]["post"]


def schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


def parameter(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": TEXT, **more}


def without(operation: Any, name: str) -> None:
    operation["parameters"] = [each for each in operation["parameters"] if each["name"] != name]


def the(operation: Any, name: str) -> Any:
    return next(each for each in operation["parameters"] if each["name"] == name)


BREAKING: dict[str, Callable[[Any], object]] = {
    "a path is gone": lambda d: d["paths"].pop(LISTING),
    "a method is gone": lambda d: d["paths"][CANCEL].pop("post"),
    "a status is gone": lambda d: cancel(d)["responses"].pop("202"),
    "an error is gone": lambda d: listing(d)["responses"].pop("404"),
    "a media type is gone": lambda d: listing(d)["responses"]["200"].update(content=CSV),
    "a parameter is gone": lambda d: without(listing(d), "status"),
    "a new parameter must be given": lambda d: listing(d)["parameters"].append(parameter("q", required=True)),
    "a parameter must now be given": lambda d: the(listing(d), "limit").update(required=True),
    "a parameter is narrower": lambda d: the(listing(d), "limit")["schema"].update(maximum=5),
    "a stronger role": lambda d: listing(d).update({"x-role": "operator"}),
    "a field must now be sent": lambda d: schema(d, "cancel.v1").update(required=["reason"]),
    "a field may no longer be sent": lambda d: schema(d, "cancel.v1")["properties"].pop("reason"),
    "a field is narrower": lambda d: schema(d, "cancel.v1")["properties"]["reason"].update(maxLength=1),
    "the body must be another": lambda d: cancel(d).update(requestBody={"content": CSV}),
    "the body must be given": lambda d: cancel(d)["requestBody"].update(required=True),
    "an answer leaves a field out": lambda d: schema(d, "contract.v1")["properties"].pop("base_monthly_fee"),
    "an answer may leave a field out": lambda d: schema(d, "contract.v1")["required"].remove("status"),
    "an answer's field may be of another type": lambda d: schema(d, "contract.v1")["properties"].update(
        version={"type": ["integer", "string"]}
    ),
    "no description at all": lambda d: d.clear(),
}

COMPATIBLE: dict[str, Callable[[Any], object]] = {
    "a path is new": lambda d: d["paths"].update({"/v1/new": d["paths"][LISTING]}),
    "a method is new": lambda d: d["paths"][LISTING].update(post=cancel(d)),
    "a status is new": lambda d: listing(d)["responses"].update({"418": {"description": "a teapot"}}),
    "a parameter is new": lambda d: listing(d)["parameters"].append(parameter("q")),
    "a parameter need no longer be given": lambda d: the(cancel(d), "account_id").update(required=False),
    "a parameter is wider": lambda d: the(listing(d), "limit")["schema"].update(maximum=100_000),
    "a weaker role": lambda d: cancel(d).update({"x-role": "reader"}),
    "a field may be sent": lambda d: schema(d, "cancel.v1")["properties"].update(new=TEXT),
    "a media type is new": lambda d: listing(d)["responses"]["200"]["content"].update({"text/csv": {}}),
    "an answer says more": lambda d: schema(d, "contract.v1")["properties"].update(new=TEXT),
    "an answer is surer": lambda d: schema(d, "contract.v1")["required"].append("notes"),
    "other words": lambda d: listing(d).update(summary="other", operationId="other"),
}


def found(plant: Callable[[Any], object]) -> list[str]:
    """The breaking changes that a planted one makes."""
    before, after = compared(), copy.deepcopy(compared())
    plant(after["openapi"])
    if not after["openapi"]:
        del after["openapi"]
    return [str(change) for change in changes(before, after) if change.breaking]


@pytest.mark.parametrize("name", BREAKING)
def test_what_callers_would_miss_is_refused(name: str) -> None:
    assert found(BREAKING[name]) != []


@pytest.mark.parametrize("name", COMPATIBLE)
def test_what_is_added_is_accepted(name: str) -> None:
    assert found(COMPATIBLE[name]) == []


def test_a_change_is_told_by_its_operation_and_place() -> None:
    assert found(lambda d: schema(d, "cancel.v1")["properties"].pop("reason"))[0] == (
        f"BREAKING: POST {CANCEL} /body/reason is gone"
    )
    assert found(lambda d: schema(d, "contract.v1")["properties"].pop("status"))[:2] == [
        f"BREAKING: GET {CONTRACT} /200/status is gone",
        f"BREAKING: GET {LISTING} /200/data/*/status is gone",
    ]


def test_the_roles_are_those_of_the_api() -> None:
    assert ROLES == API_ROLES
