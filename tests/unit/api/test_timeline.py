"""Cause and effect on an account's page."""

from datetime import timedelta

from consumer.api.console.timeline import timeline
from consumer.api.tokens import Caller
from consumer.reading.reader import ContractReader
from tests.unit.api.browsing import browser
from tests.unit.api.conftest import Api

CALLER = Caller("me", "operator", personal=True)


async def told(api: Api) -> list[dict]:
    items = await ContractReader(api.queries).history("acme", limit=100)
    return timeline(items.items, CALLER)


def links(rows: list[dict], of: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        for change in row["changes"]:
            if change[of]:
                found[change["kind"]] = [each["text"].partition(",")[0] for each in change[of]]
    return found


async def test_what_was_scheduled_and_what_became_of_it_name_each_other(api: Api) -> None:
    await api.kit.create("acme", contract_type="basic", term_months=1)
    await api.kit.change_plan("acme", contract_type="professional", effective="at_renewal")
    await api.kit.move_to(api.kit.now + timedelta(days=40))
    await api.kit.cancel("acme", effective="end_of_term")
    await api.kit.move_to(api.kit.now + timedelta(days=40))
    rows = await told(api)
    assert links(rows, "causes") == {"plan_changed": ["change_plan"], "cancelled": ["cancel"]}
    effects = {"plan_change_scheduled": ["plan_changed"], "cancellation_scheduled": ["cancelled"]}
    assert links(rows, "effects") == effects
    async with browser(api, "operator") as http:
        page = (await http.get("/console/accounts/acme")).text
    for row in rows:
        assert page.count(f'id="s{row["sequence"]}"') == 1
    assert page.count('Cause:</span> <a href="#s') == 2
    assert page.count('Effect:</span> <a href="#s') == 2


async def test_what_a_command_does_itself_has_no_other_cause(api: Api) -> None:
    await api.kit.create("acme", contract_type="basic")
    await api.kit.cancel("acme", effective="end_of_term")
    await api.kit.cancel("acme", effective="immediately")
    assert links(await told(api), "causes") == {}


async def test_a_withdrawal_and_a_duplicate_name_what_they_are_about(api: Api) -> None:
    await api.kit.create("acme", contract_type="basic")
    cancel = api.kit.message("cancel", "acme", {"effective": "end_of_term"})
    await api.kit.result(cancel)
    await api.kit.result(cancel)
    await api.kit.withdraw_cancellation("acme")
    rows = await told(api)
    assert links(rows, "causes") == {"cancellation_withdrawn": ["cancel"]}
    [duplicate] = [row for row in rows if row["outcome"] == "duplicate"]
    [first] = [row for row in rows if row["command"] == "cancel" and row["outcome"] == "applied"]
    assert duplicate["first"]["sequence"] == first["sequence"]
