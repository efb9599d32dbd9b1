"""Listings and single contracts, as readers get them."""

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from consumer.errors import InputRefused, ServiceUnavailable
from consumer.reading.reader import ContractReader
from consumer.reading.views import MetricUsage, Page
from consumer.storage.mongo import connect
from consumer.storage.mongo_queries import MongoQueries
from devstack.ports import reserve_port
from producers.testkit import Testkit
from schemas.views import HIDDEN_FIELDS


async def accounts(listing: Page) -> list[str]:
    return [contract["account_id"] for contract in listing.items]


async def test_the_contract_of_an_account(kit: Testkit, reader: ContractReader) -> None:
    await kit.create("acme", contract_type="basic", metadata={"a.b": "$1", "%": "x"}, base_monthly_fee=12.5)
    contract = await reader.by_account("acme")
    assert contract == kit.contract("acme")
    assert (contract["base_monthly_fee"], contract["metadata"]) == (Decimal("12.5"), {"a.b": "$1", "%": "x"})
    assert not HIDDEN_FIELDS & contract.keys()
    assert await reader.by_account("nobody") is None


async def test_former_contracts_are_found_by_id_and_marked(kit: Testkit, reader: ContractReader) -> None:
    first = await kit.create("acme", contract_type="basic")
    await kit.cancel("acme")
    second = await kit.create("acme", contract_type="professional")
    await kit.create("gone", contract_type="basic")
    third = await kit.delete("gone")
    found = await reader.by_contract_id(first.contract_id)
    assert (found.current, found.contract["status"]) == (False, "cancelled")
    found = await reader.by_contract_id(second.contract_id)
    assert (found.current, found.contract["contract_type"]) == (True, "professional")
    assert (await reader.by_contract_id(third.contract_id)).current is False
    assert await reader.by_contract_id("contract_20260101_000000_000000000000") is None


async def test_contracts_are_found_by_their_properties(kit: Testkit, reader: ContractReader) -> None:
    await kit.create("a", contract_type="basic", external_reference="crm-1")
    await kit.create("b", contract_type="professional", external_reference="crm-1")
    await kit.create("c", contract_type="basic", status="draft")
    assert await accounts(await reader.find()) == ["a", "b", "c"]
    assert await accounts(await reader.find(status="draft")) == ["c"]
    assert await accounts(await reader.find(contract_type="basic")) == ["a", "c"]
    assert await accounts(await reader.find(contract_type="basic", status="active")) == ["a"]
    assert await accounts(await reader.find(external_reference="crm-1")) == ["a", "b"]
    assert await accounts(await reader.find(external_reference="crm-2")) == []


async def test_pages_neither_repeat_nor_skip_while_contracts_come_and_go(
    kit: Testkit, reader: ContractReader
) -> None:
    for number in range(10):
        await kit.create(f"a{number}", contract_type="basic")
    seen: list[str] = []
    page = await reader.find(status="active", limit=3)
    while True:
        seen += await accounts(page)
        # Before the cursor, at it, and after it, something changes between any two pages.
        await kit.create(f"a{len(seen) - 1}-new", contract_type="basic")
        await kit.cancel(seen[0])
        await kit.create(seen[0], contract_type="basic")
        if page.next is None:
            break
        page = await reader.find(status="active", limit=3, after=page.next)
    assert len(seen) == len(set(seen))
    assert set(seen) >= {f"a{number}" for number in range(10)}


async def test_a_full_last_page_is_the_last(kit: Testkit, reader: ContractReader) -> None:
    await kit.create("a", contract_type="basic")
    await kit.create("b", contract_type="basic")
    assert (await reader.find(limit=2)).next is None
    page = await reader.find(limit=1)
    assert await accounts(await reader.find(limit=1, after=page.next)) == ["b"]


async def test_an_export_goes_through_all(kit: Testkit, reader: ContractReader) -> None:
    for number in range(7):
        await kit.create(f"a{number}", contract_type="basic")
    found = [contract["account_id"] async for contract in reader.each(chunk=3)]
    assert found == [f"a{number}" for number in range(7)]
    assert [contract async for contract in reader.each(status="expired")] == []


async def test_what_expires_comes_soonest_first_and_says_what_happens(
    kit: Testkit, reader: ContractReader
) -> None:
    def day(number: int) -> datetime:
        return kit.now + timedelta(days=number)

    await kit.create("renews", contract_type="basic", end_date=day(20))
    await kit.create("lapses", contract_type="basic", end_date=day(10), auto_renewal=False)
    await kit.create("cancelled-later", contract_type="basic", end_date=day(20))
    await kit.cancel("cancelled-later", effective="end_of_term")
    await kit.create("far", contract_type="basic", end_date=day(31))
    await kit.create("draft", contract_type="basic", end_date=day(5), status="draft")
    await kit.create("over", contract_type="basic", end_date=day(5))
    await kit.cancel("over")
    found = (await reader.expiring(30)).items
    assert [(each.contract["account_id"], each.days_left, each.action, each.reason) for each in found] == [
        ("lapses", 10, "lapses", "no_auto_renewal"),
        ("cancelled-later", 20, "lapses", "cancellation_scheduled"),
        ("renews", 20, "renews", None),
    ]
    await kit.move(timedelta(days=12))
    # Both statuses count: the far one's window opens after half its term.
    assert {
        each.contract["account_id"]: each.contract["status"] for each in (await reader.expiring(30)).items
    } == {
        "renews": "pending_renewal",
        "cancelled-later": "pending_renewal",
        "far": "active",
    }


async def test_pages_of_what_expires_pass_ties(kit: Testkit, reader: ContractReader) -> None:
    for number in range(9):
        end = kit.now + timedelta(days=10 + number // 4)
        await kit.create(f"a{8 - number}", contract_type="basic", end_date=end)
    whole = [each.contract["account_id"] for each in (await reader.expiring(30)).items]
    assert whole == ["a5", "a6", "a7", "a8", "a1", "a2", "a3", "a4", "a0"]
    for limit in (1, 2, 3, 4, 5):
        seen, page = [], await reader.expiring(30, limit=limit)
        seen += [each.contract["account_id"] for each in page.items]
        while page.next:
            page = await reader.expiring(30, limit=limit, after=page.next)
            seen += [each.contract["account_id"] for each in page.items]
        assert seen == whole


async def test_counts_come_without_looking_at_contracts(kit: Testkit, reader: ContractReader) -> None:
    for number, contract_type in enumerate(("basic", "basic", "professional")):
        await kit.create(f"a{number}", contract_type=contract_type)
    await kit.cancel("a0")
    await kit.delete("a1")
    assert await reader.count() == 2
    assert await reader.count(status="active") == 1
    assert await reader.count(status="cancelled", contract_type="basic") == 1
    assert await reader.count(status="cancelled", contract_type="professional") == 0


@pytest.mark.parametrize(
    "asked",
    [
        {"after": "nonsense"},
        {"after": base64.urlsafe_b64encode(b'["end",1,"x"]').decode()},
        {"after": "é"},
        {"after": ""},
        {"limit": 0},
        {"limit": 10_001},
    ],
)
async def test_what_cannot_be_asked_is_refused(reader: ContractReader, asked: dict) -> None:
    with pytest.raises(InputRefused):
        await reader.find(**asked)


async def test_a_cursor_of_another_listing_is_refused(kit: Testkit, reader: ContractReader) -> None:
    await kit.create("a", contract_type="basic")
    await kit.create("b", contract_type="basic")
    page = await reader.find(limit=1)
    with pytest.raises(InputRefused):
        await reader.expiring(after=page.next)
    with pytest.raises(InputRefused):
        await reader.expiring(-1)


async def test_without_a_server_nothing_is_invented() -> None:
    port = reserve_port()
    client = connect(f"mongodb://127.0.0.1:{port.number}/", timeout_ms=200, max_pool_size=1)
    reader = ContractReader(MongoQueries(client, "contracts"))
    try:
        for asking in (
            reader.by_account("acme"),
            reader.by_contract_id("x"),
            reader.find(),
            reader.expiring(),
            reader.count(),
            reader.history("acme"),
            reader.as_of("acme", datetime(2026, 1, 1, tzinfo=UTC)),
        ):
            with pytest.raises(ServiceUnavailable, match="does not answer"):
                await asking
    finally:
        client.close()
        port.release()


async def test_usage_of_this_month_and_the_last(kit: Testkit, reader: ContractReader) -> None:
    assert await reader.usage("acme") is None
    limits = {"max_trade_value": 1000}
    await kit.create("acme", contract_type="basic", usage_limits=limits, usage_thresholds=[90, 50])
    nothing = await reader.usage("acme")
    assert (nothing.metrics, nothing.thresholds) == ((), (50, 90))
    await kit.report_usage("acme", period="2026-01", metric="trade_value", value=512.7501)
    await kit.move_to(datetime(2026, 2, 3, tzinfo=UTC))
    await kit.report_usage("acme", period="2026-02", metric="concurrent_trades", value=7)
    found = await reader.usage("acme")
    assert (found.account_id, found.contract_type) == ("acme", "basic")
    assert found.contract_id == kit.contract("acme")["contract_id"]
    assert found.metrics == (
        MetricUsage("2026-01", "trade_value", Decimal("512.7501"), Decimal(1000), Decimal("51.27"), 50),
        MetricUsage("2026-02", "concurrent_trades", Decimal(7), None, None, None),
    )
    await kit.move_to(datetime(2026, 3, 1, tzinfo=UTC))
    assert [each.period for each in (await reader.usage("acme")).metrics] == ["2026-02"]
    reached = [change for item in (await reader.history("acme")).items for change in item.changes]
    limit = {"period": "2026-01", "metric": "trade_value", "threshold": 50}
    assert [(change.kind, change.limit) for change in reached] == [
        ("limit_reached", limit),
        ("created", None),
    ]
