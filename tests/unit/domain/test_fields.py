"""What a field declares beside its type, and the tables that follow."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NotRequired

import pytest

from schemas.about import About
from schemas.contract import Continuation, ContractState
from schemas.fields import FIELDS, OPTIONAL, Undeclared, _declared, columns


def test_every_field_is_declared_in_the_order_of_the_contract():
    assert [*FIELDS] == [*ContractState.__annotations__]
    assert all(about.meaning.endswith(".") for about in FIELDS.values())


def test_a_field_that_declares_nothing_is_told_by_name():
    for hint in (datetime, NotRequired[str], Annotated[int, "positive"]):
        with pytest.raises(Undeclared, match=r"^since in ContractState, schemas/contract\.py"):
            _declared("since", hint)


def test_whether_a_field_is_personal_cannot_be_left_open():
    with pytest.raises(TypeError, match="personal"):
        About("Free text.", "always")


def test_what_a_contract_can_do_without():
    assert {"usage_based_pricing", "primary_contact", "external_reference", "cancelled_at"} <= OPTIONAL
    assert OPTIONAL.isdisjoint({"usage_limits", "features", "metadata", "version"})


def test_a_table_has_every_field_and_what_decides_its_future():
    tops = [column.partition(".")[0] for column in columns()]
    assert {*tops} == FIELDS.keys() | {"lifecycle"}
    assert [column for column in columns() if column.startswith("lifecycle.")] == [
        f"lifecycle.{name}" for name in Continuation.__annotations__
    ]


def test_columns_stand_where_released_tables_have_them():
    assert columns()[:2] == ("account_id", "contract_id")
    assert columns()[14:21] == (
        *("base_monthly_fee", "currency", "usage_limits.max_monthly_trades", "usage_limits.max_trade_value"),
        *("usage_limits.max_concurrent_trades", "usage_limits.sla_threshold_seconds", "usage_based_pricing"),
    )
