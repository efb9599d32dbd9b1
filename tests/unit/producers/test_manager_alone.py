"""The platform's API without servers: what it says then, and what needs none."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from consumer.domain.catalogue_file import version_data
from consumer.errors import InputRefused, ServiceUnavailable, SettingsError, TemplatesRefused
from consumer.settings import load_settings
from devstack.ports import reserve_port
from producers import manager as module
from producers.contract_dicts import given, with_floats
from producers.manager import (
    ContractManager,
    ContractStatus,
    ContractType,
    create_basic_contract_template,
    create_enterprise_contract_template,
    create_professional_contract_template,
    get_mongo_manager,
    initialize_mongodb,
)
from producers.messages import command_message
from schemas.contract import to_json
from schemas.types import ContractTypeName, StatusName
from tests.unit.domain.catalogues import version


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


def test_templates_are_those_in_force_by_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "templates.json"
    monkeypatch.setenv("CONTRACTS_TEMPLATES", str(file))
    later = version(3, "2999-01-01", dearer=20)
    file.write_bytes(
        to_json({"versions": [*map(version_data, (version(2, "2026-01-01", dearer=10), later))]})
    )
    fees = [
        create(f"a-{create.__name__}")["base_monthly_fee"]
        for create in (
            create_basic_contract_template,
            create_professional_contract_template,
            create_enterprise_contract_template,
        )
    ]
    assert fees == [109, 309, 1009]
    monkeypatch.setenv("CONTRACTS_TEMPLATES", f"{file}.old")
    with pytest.raises(TemplatesRefused):
        create_basic_contract_template("a")


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


def test_other_mappings_than_dicts_are_taken_alike() -> None:
    contact = MappingProxyType({"name": "Ann", "email": None})
    renewed = MappingProxyType({"at": datetime(2026, 1, 2)})  # noqa: DTZ001 - meant in UTC
    assert given({"primary_contact": contact, "metadata": renewed}) == {
        "primary_contact": {"name": "Ann"},
        "metadata": {"at": datetime(2026, 1, 2, tzinfo=UTC)},
    }


def test_what_contains_itself_is_left_to_the_check_of_its_path() -> None:
    endless: list[Any] = []
    endless.append(endless)
    said = given({"metadata": {"x": endless}})
    with pytest.raises(InputRefused, match="nested deeper than 64 levels"):
        command_message("create", "a", {"contract_type": "basic", **said}, source="/tests")
