"""The platform's API, against a running service."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from consumer import clients
from consumer.errors import CommandRejected, InputRefused
from producers import manager as module
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
from tests.running import Running

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]


@pytest.fixture
async def manager(service: Running, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The manager as the platform gets it; its calls block, so they run beside the service's loop."""
    settings = service.settings
    monkeypatch.setenv("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", settings.kafka_bootstrap_servers)
    monkeypatch.setenv("CONTRACTS_MONGO_DATABASE", settings.mongo_database)
    monkeypatch.setenv("CONTRACTS_TOPIC_PREFIX", settings.topic_prefix)
    assert await asyncio.to_thread(initialize_mongodb, settings.mongo_uri.get_secret_value()) is True
    yield get_mongo_manager()
    await asyncio.to_thread(module._shared.close)


async def test_the_documented_walk(manager: ContractManager, account: str) -> None:
    await asyncio.to_thread(partial(walk, manager, account))


def walk(manager: ContractManager, account: str) -> None:
    before = manager.get_contract_count()
    basic = create_basic_contract_template(f"{account}-b")
    professional = create_professional_contract_template(f"{account}-p")
    professional |= {"end_date": datetime.now(UTC) + timedelta(days=20), "primary_contact": None}
    enterprise = create_enterprise_contract_template(f"{account}-e") | {"status": ContractStatus.DRAFT}
    ids = [manager.create_contract(template) for template in (basic, professional, enterprise)]
    assert manager.get_contract_count() == before + 3

    contract = manager.get_contract_by_account_id(f"{account}-b")
    assert contract == manager.get_contract_by_id(ids[0])
    assert (contract["contract_id"], contract["status"]) == (ids[0], ContractStatus.ACTIVE)
    assert type(contract["base_monthly_fee"]) is float
    assert type(contract["usage_limits"]["max_trade_value"]) is float
    assert contract["end_date"].tzinfo is UTC

    assert manager.update_contract(f"{account}-b", {"base_monthly_fee": 89.5, "tags": ["loyal"]}) is True
    assert manager.get_contract_by_id(ids[0])["base_monthly_fee"] == 89.5
    assert manager.update_contract(f"{account}-b", {"notes": None}) is True
    assert manager.update_contract(f"{account}-nobody", {"notes": "x"}) is False

    def ours(contracts: list[dict[str, Any]]) -> list[str]:
        return [each["contract_id"] for each in contracts if each["account_id"].startswith(account)]

    assert ours(manager.get_contracts_by_status(ContractStatus.ACTIVE)) == ids[:2]
    assert ours(manager.get_contracts_by_status("draft")) == [ids[2]]
    assert ours(manager.get_contracts_by_type(ContractType.PROFESSIONAL)) == [ids[1]]
    assert ours(manager.get_expiring_contracts()) == [ids[1]]
    assert ours(manager.get_expiring_contracts(days_ahead=10)) == []

    assert manager.delete_contract(f"{account}-b") is True
    assert manager.delete_contract(f"{account}-b") is False
    assert manager.get_contract_by_account_id(f"{account}-b") is None
    assert manager.get_contract_by_id(ids[0]) is None
    assert manager.get_contract_count() == before + 2


async def test_refusals_are_errors_that_say_why(manager: ContractManager, account: str) -> None:
    await asyncio.to_thread(partial(refusals, manager, account))


def refusals(manager: ContractManager, account: str) -> None:
    template = create_basic_contract_template(account)
    manager.create_contract(template)
    with pytest.raises(CommandRejected, match="contract_exists"):
        manager.create_contract(template)
    with pytest.raises(CommandRejected, match="protected_field"):
        manager.update_contract(account, {"status": ContractStatus.EXPIRED})
    with pytest.raises(InputRefused, match="/base_monthly_feee unknown field"):
        manager.create_contract({**template, "base_monthly_feee": 1.0})
    with pytest.raises(InputRefused, match="account_id"):
        manager.create_contract({"contract_type": "basic"})
    with pytest.raises(InputRefused, match="'gold' is none of: basic"):
        manager.get_contracts_by_type("gold")


async def test_naive_datetimes_are_taken_for_utc(manager: ContractManager, account: str) -> None:
    end = datetime(2040, 5, 17, 12, 30)  # noqa: DTZ001 - as the platform's code has them
    template = create_basic_contract_template(account) | {"end_date": end}
    await asyncio.to_thread(manager.create_contract, template)
    contract = await asyncio.to_thread(manager.get_contract_by_account_id, account)
    assert contract["end_date"] == end.replace(tzinfo=UTC)


async def test_the_same_for_asyncio(service: Running, account: str) -> None:
    async with clients.contract_manager(service.settings) as manager:
        contract_id = await manager.create_contract(create_basic_contract_template(account))
        contract = await manager.get_contract_by_account_id(account)
        assert contract["contract_id"] == contract_id
        assert await manager.delete_contract(account)
    # Both have the same methods.
    names = {name for name in dir(ContractManager) if not name.startswith("_")}
    assert names == {name for name in dir(manager) if not name.startswith("_")}


async def test_one_manager_for_the_process(manager: ContractManager) -> None:
    assert get_mongo_manager() is manager
