"""Reported usage over HTTP and in the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.api.browsing import browser

if TYPE_CHECKING:
    from tests.unit.api.conftest import Api


async def used(api: Api) -> str:
    """An account whose usage is reported; its month."""
    await api.kit.create("acme", contract_type="basic", primary_contact={"name": "Ann"})
    period = f"{api.kit.now:%Y-%m}"
    await api.kit.report_usage("acme", period=period, metric="monthly_trades", value=8_250)
    await api.kit.report_usage("acme", period=period, metric="concurrent_trades", value=7)
    return period


async def test_usage_is_answered_against_its_limits(api: Api) -> None:
    period = await used(api)
    async with api.client("reader") as http:
        answer = await http.get("/v1/accounts/acme/usage")
        nobody = await http.get("/v1/accounts/nobody/usage")
    told = answer.json()
    assert told.pop("contract_id").startswith("contract_")
    assert told == {
        "account_id": "acme",
        "contract_type": "basic",
        "thresholds": [80, 100, 120],
        "metrics": [
            {
                "period": period,
                "metric": "monthly_trades",
                "value": 8250,
                "limit": 10_000,
                "percent": 82.5,
                "threshold": 80,
            },
            {
                "period": period,
                "metric": "concurrent_trades",
                "value": 7,
                "limit": None,
                "percent": None,
                "threshold": None,
            },
        ],
    }
    assert answer.headers["cache-control"] == "no-store"
    assert (nobody.status_code, nobody.json()["code"]) == (404, "contract_not_found")


async def test_a_position_can_be_asked_for(api: Api) -> None:
    await used(api)
    async with api.client("publisher") as http:
        wrote = await http.post(
            "/v1/accounts/acme/commands/report_usage",
            json={"period": f"{api.kit.now:%Y-%m}", "metric": "monthly_trades", "value": 9_999},
            headers={"prefer": "wait=5"},
        )
        seen = {"contracts-at-least": wrote.headers["contracts-position"]}
        answer = await http.get("/v1/accounts/acme/usage", headers=seen)
    assert answer.json()["metrics"][0]["value"] == 9_999
    assert answer.headers["contracts-position"]


async def test_the_console_shows_it_with_the_contract(api: Api) -> None:
    period = await used(api)
    await api.kit.create("quiet", contract_type="basic")
    async with browser(api, "reader") as http:
        page = (await http.get("/console/accounts/acme")).text
        quiet = (await http.get("/console/accounts/quiet")).text
    shown = page.partition("<h2>Usage</h2>")[2].partition("<h2>")[0]
    for text in (period, "monthly_trades", "8250", "10000", "82.5", "concurrent_trades"):
        assert f"<td>{text}" in shown, shown
    assert "<h2>Usage</h2>" not in quiet
