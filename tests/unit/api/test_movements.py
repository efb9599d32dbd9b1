"""Movements of revenue over HTTP and in the console."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from consumer.api.console.waterfall import Step, waterfalls
from consumer.reading.movements import Waterfall
from producers.testkit import START
from tests.unit.api.browsing import browser

if TYPE_CHECKING:
    from tests.unit.api.conftest import Api

DAY = timedelta(days=1)


async def moved(api: Api) -> None:
    await api.kit.create("acc-9", contract_type="basic", currency="EUR")
    await api.kit.change_plan("acc-9", contract_type="professional")


async def test_a_period_is_answered_by_plan_and_currency(api: Api) -> None:
    await moved(api)
    period = {"from": f"{START:%Y-%m-%d}", "to": f"{api.kit.now + DAY:%Y-%m-%d}"}
    async with api.client("reader") as http:
        answer = await http.get("/v1/statistics/movements", params=period)
        daily = await http.get("/v1/statistics/movements", params={**period, "daily": True})
        nothing = await http.get(
            "/v1/statistics/movements", params={"from": "2026-01-02", "to": "2026-01-02"}
        )
    euros = [row for row in answer.json()["items"] if row["currency"] == "EUR"]
    none = dict.fromkeys(("new", "expansion", "contraction", "churn", "reactivation", "moved"), 0)
    assert euros == [
        {
            "contract_type": "basic",
            "currency": "EUR",
            "opening": 0,
            **none,
            "new": 99,
            "moved": -99,
            "closing": 0,
            "times": {"new": 1, "moved": 1},
        },
        {
            "contract_type": "professional",
            "currency": "EUR",
            "opening": 0,
            **none,
            "moved": 99,
            "expansion": 200,
            "closing": 299,
            "times": {"moved": 1, "expansion": 1},
        },
    ]
    assert {row["day"] for row in daily.json()["items"]} == {f"{api.kit.now:%Y-%m-%d}"}
    assert nothing.status_code == 400


async def test_the_console_shows_the_last_days(api: Api) -> None:
    await moved(api)
    async with browser(api, "reader") as http:
        page = (await http.get("/console/statistics")).text
    assert "Revenue movements of the last 30 days" in page
    assert "<caption>EUR</caption>" in page
    assert "expansion" in page


def test_a_waterfall_goes_from_what_was_to_what_is() -> None:
    rows = [
        Waterfall("basic", "USD", Decimal(100), Decimal(40), {"moved": Decimal(-20), "churn": Decimal(-40)}),
        Waterfall("custom", "USD", Decimal(0), Decimal(60), {"moved": Decimal(20), "new": Decimal(40)}),
    ]
    ((currency, steps),) = waterfalls(rows)
    assert currency == "USD"
    assert [step for step in steps if step.value != "0"] == [
        Step("opening", "100", 0, 71, falls=False),
        Step("new", "40", 71, 29, falls=False),
        Step("churn", "-40", 71, 29, falls=True),
        Step("closing", "100", 0, 71, falls=False),
    ]
