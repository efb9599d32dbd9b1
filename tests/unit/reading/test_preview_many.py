"""What a bulk change would do is what the same rows then do."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from consumer.errors import InputRefused
from producers.bulk import BulkImport
from producers.bulk_rows import Row
from producers.messages import unchecked_message
from producers.testkit import Testkit
from tests.unit.producers.test_bulk import MIXED, KitCommands, contracts

JANUARY = datetime(2026, 1, 31, tzinfo=UTC)
ADOPTED = {
    "contract_id": "old-7",
    "contract_type": "basic",
    "status": "active",
    "usage_limits": {},
    "start_date": JANUARY,
    "end_date": JANUARY + timedelta(days=365),
    "base_monthly_fee": 1,
}
ROWS = [
    *MIXED,
    Row("8", "cancel", "known", {"effective": "immediately"}),
    Row("9", "create", "known", {"contract_type": "basic", "base_monthly_fee": 50, "currency": "USD"}),
    Row("10", "adopt", "first", ADOPTED),
    Row("11", "adopt", "second", ADOPTED),
    Row("12", "change_plan", "kept", {"contract_type": "professional", "effective": "immediately"}),
]


async def stored() -> Testkit:
    kit = Testkit(now=JANUARY)
    await kit.create("known", contract_type="basic", base_monthly_fee=20, currency="EUR")
    await kit.create("kept", contract_type="basic", base_monthly_fee=30, currency="EUR")
    return kit


async def test_the_summary_is_what_the_import_then_does() -> None:
    kit = await stored()
    published, refused = len(kit.events), []
    looking = BulkImport("f", on_refused=refused.append)
    previewed = kit.preview().many()
    foreseen = await looking.preview(ROWS, previewed)
    assert len(kit.events) == published, "a preview publishes nothing"
    told = []
    done = await BulkImport("f", on_refused=told.append).run(ROWS, KitCommands(kit))
    assert asdict(foreseen) == asdict(done)
    assert sorted(refused, key=repr) == sorted(told, key=repr)
    changes = [event.data["change"] for event in kit.events[published:] if event.name == "changed"]
    assert sorted(previewed.changes.elements()) == sorted(changes)
    assert previewed.refused == [("nobody", "contract_not_found"), ("second", "contract_id_taken")]


async def test_revenue_is_told_by_currency_before_and_after() -> None:
    kit = await stored()
    previewed = kit.preview().many()
    await BulkImport("f").preview(ROWS[7:9], previewed)
    data = previewed.as_data()
    assert data["monthly_before"] == {"EUR": Decimal(20)}
    assert data["monthly_after"] == {"USD": Decimal(50)}
    assert (data["accounts"], data["refused_accounts"]) == (1, [])


async def test_rows_that_were_imported_are_duplicates() -> None:
    kit = Testkit()
    await BulkImport("f").run(contracts(3), KitCommands(kit))
    report = await BulkImport("f").preview(contracts(4), kit.preview().many())
    assert (report.applied, report.duplicates) == (1, 3)


async def test_what_falls_due_until_then_is_counted_apart() -> None:
    kit = Testkit(now=JANUARY)
    await kit.create("a1", contract_type="basic", term_months=12, auto_renewal=True)
    previewed = kit.preview().many(JANUARY + timedelta(days=400))
    await BulkImport("f").preview([Row("1", "cancel", "a1", {"effective": "immediately"})], previewed)
    assert previewed.due == {"renewal_started": 1, "renewed": 1}
    assert previewed.changes == {"cancelled": 1}


async def test_a_dead_letter_among_them_has_the_code_of_its_result() -> None:
    kit = Testkit(now=JANUARY)
    message = unchecked_message("cancel", "a1", b'{"effective": "yesterday"}', source="/crm")
    (foreseen,) = await kit.preview().many().apply([message])
    await kit.deliver(message.key, message.value, message.headers)
    assert (foreseen["outcome"], foreseen["code"]) == ("rejected", "schema_violation")
    assert foreseen == kit.events[-1].data


async def test_of_the_past_there_is_none() -> None:
    with pytest.raises(InputRefused, match="is past"):
        Testkit(now=JANUARY).preview().many(JANUARY - timedelta(days=1))
