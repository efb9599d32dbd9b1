"""The activity in Temporal's own environment for activities."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.converter import default
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from consumer.errors import ServiceUnavailable
from consumer.reading.reader import ContractReader
from consumer.reading.temporal import ContractActivities, ContractData, UsageData
from consumer.storage.mongo import connect
from consumer.storage.mongo_queries import MongoQueries
from devstack.ports import reserve_port
from producers.testkit import Testkit


@pytest.fixture
def fetch(kit: Testkit, reader: ContractReader) -> Any:
    """`fetch_contract` as a worker would run it."""
    activities = ContractActivities(reader, clock=lambda: kit.now)

    async def run(account_id: str) -> ContractData:
        return await ActivityEnvironment().run(activities.fetch_contract, account_id)

    return run


async def test_what_an_upsell_decision_needs(kit: Testkit, fetch: Any) -> None:
    await kit.create(
        "acme",
        contract_type="basic",
        base_monthly_fee=99.5,
        sla_terms={"uptime_guarantee": 99.9, "penalty_terms": "none"},
        auto_renewal=False,
    )
    await kit.move(timedelta(days=1))
    found = await fetch("acme")
    assert found == ContractData(
        account_id="acme",
        contract_id=kit.contract("acme")["contract_id"],
        current_plan="basic",
        contract_end_date="2027-01-01T00:00:00Z",
        status="active",
        monthly_fee=99.5,
        currency="USD",
        auto_renewal=False,
        days_to_end=364,
        usage_limits={
            "max_monthly_trades": 10_000.0,
            "max_trade_value": 100_000.0,
            "sla_threshold_seconds": 23.0,
        },
        sla_terms={"uptime_guarantee": 99.9, "penalty_terms": "none"},
        features=["basic_analytics", "email_support"],
    )
    await kit.move(timedelta(days=365))
    assert ((await fetch("acme")).status, (await fetch("acme")).days_to_end) == ("expired", -1)


async def test_it_travels_through_temporals_converter(kit: Testkit, fetch: Any) -> None:
    await kit.create("acme", contract_type="enterprise")
    found = await fetch("acme")
    payloads = await default().encode([found])
    assert await default().decode(payloads, [ContractData]) == [found]


async def test_usage_and_open_offers(kit: Testkit, fetch: Any) -> None:
    await kit.create("acme", contract_type="basic")
    await kit.move(timedelta(days=3))
    await kit.report_usage("acme", period="2026-01", metric="monthly_trades", value=9_000)
    await kit.offer_renewal(
        "acme",
        offer_id="more-room",
        terms={"contract_type": "enterprise", "uplift_percent": 2.5},
        valid_until="2026-03-01",
    )
    found = await fetch("acme")
    assert found.usage == [UsageData("2026-01", "monthly_trades", 9_000.0, 10_000.0, 90.0)]
    [offer] = found.offers
    assert (offer.offer_id, offer.valid_until) == ("more-room", "2026-03-01T00:00:00Z")
    assert offer.terms == {"contract_type": "enterprise", "uplift_percent": 2.5}
    payloads = await default().encode([found])
    assert await default().decode(payloads, [ContractData]) == [found]


async def test_no_contract_is_not_retried(fetch: Any) -> None:
    with pytest.raises(ApplicationError) as failed:
        await fetch("nobody")
    assert (failed.value.type, failed.value.non_retryable) == ("ContractNotFound", True)


async def test_a_server_that_is_away_is_retried() -> None:
    """Anything but an ApplicationError marked as final is tried again."""
    port = reserve_port()
    client = connect(f"mongodb://127.0.0.1:{port.number}/", timeout_ms=200, max_pool_size=1)
    activities = ContractActivities(ContractReader(MongoQueries(client, "contracts")))
    try:
        with pytest.raises(ServiceUnavailable):
            await ActivityEnvironment().run(activities.fetch_contract, "acme")
    finally:
        client.close()
        port.release()
