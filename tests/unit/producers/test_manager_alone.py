"""The platform's API without servers: what it says then, and what needs none."""

import os
from decimal import Decimal
from functools import partial

import pytest

from consumer.errors import ServiceUnavailable, SettingsError
from consumer.settings import load_settings
from devstack.ports import reserve_port
from producers import manager as module
from producers.contract_dicts import given, with_floats
from producers.manager import (
    ContractManager,
    ContractStatus,
    ContractType,
    create_basic_contract_template,
    get_mongo_manager,
    initialize_mongodb,
)
from schemas.types import ContractTypeName, StatusName


def test_servers_that_are_away_are_named_and_nothing_is_invented(monkeypatch: pytest.MonkeyPatch) -> None:
    port = reserve_port()
    monkeypatch.setenv("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{port.number}")
    monkeypatch.setenv("CONTRACTS_MONGO_TIMEOUT_MS", "300")
    try:
        assert initialize_mongodb(f"mongodb://127.0.0.1:{port.number}/") is False
        manager = get_mongo_manager()
        for ask in (
            manager.get_contract_count,
            partial(manager.get_contract_by_id, "x"),
            partial(manager.get_contracts_by_status, "active"),
            manager.get_expiring_contracts,
        ):
            with pytest.raises(ServiceUnavailable, match="MongoDB"):
                ask()
        with pytest.raises(ServiceUnavailable, match="Kafka"):
            manager.create_contract(create_basic_contract_template("account-1"))
    finally:
        module._shared.close()
        port.release()


def test_what_is_no_connection_string_is_said() -> None:
    with pytest.raises(SettingsError):
        initialize_mongodb("localhost:27017")


def test_closing_ends_the_thread_and_is_harmless_twice() -> None:
    manager = ContractManager(load_settings(mongo_uri="mongodb://127.0.0.1:1/"))
    manager.close()
    manager.close()
    assert not manager._thread.is_alive()


def test_a_forked_child_gets_a_manager_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACTS_MONGO_URI", "mongodb://127.0.0.1:1/")
    parents = get_mongo_manager()
    monkeypatch.setattr(os, "getpid", lambda: 4711)
    childs = get_mongo_manager()
    try:
        assert childs is not parents
    finally:
        module._shared.close()
        parents.close()


def test_the_enums_have_the_names_of_the_wire() -> None:
    assert [each.value for each in ContractType] == list(ContractTypeName.__args__)
    assert [each.value for each in ContractStatus] == list(StatusName.__args__)


def test_templates_are_fresh_each_time() -> None:
    create_basic_contract_template("a")["features"].append("x")
    assert create_basic_contract_template("a")["features"] == ["basic_analytics", "email_support"]
    assert with_floats({"a": [Decimal("1.5")]}) == {"a": [1.5]}


def test_none_stands_for_left_out_at_any_depth_but_where_it_means_something() -> None:
    tier = {"min_trades": 0, "max_trades": None, "price_per_trade": 0.5}
    contract = {
        "account_id": "a",
        "notes": None,
        "primary_contact": {"name": "Ann", "email": None},
        "usage_based_pricing": {"trade_volume_tiers": [tier], "trade_value_tiers": None},
        "add_ons": [{"name": "x", "monthly_fee": 1, "active": None}],
    }
    assert given(contract) == {
        "account_id": "a",
        "primary_contact": {"name": "Ann"},
        "usage_based_pricing": {"trade_volume_tiers": [tier]},
        "add_ons": [{"name": "x", "monthly_fee": 1}],
    }
