"""People's ways through the console, in the real Chromium, over a live service."""

import re

import pytest
from playwright.async_api import expect

from tests.system.console.conftest import PHONE, Open
from tests.system.console.live import Console, going_on
from tests.system.console.stopping import stop_partition

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

PATHS = [
    "/console",
    "/console?q=nothing-of-this-name",
    "/console/accounts/acme",
    "/console/accounts/hostile",
    "/console/accounts/acme/commands/update",
    "/console/calendar?days=400",
    "/console/statistics",
    "/console/dead-letters",
    "/console/operations",
    "/console/nothing",
]


async def test_a_stopped_partition_s_decision_is_typed_out(opened: Open, live: Console) -> None:
    stop_partition(live.settings)
    page = await opened()
    await page.get_by_role("link", name="Operations").click()
    await page.get_by_role("link", name="Show the decision").first.click()
    heading = page.get_by_role("heading", name="Decision:")
    await expect(heading).to_contain_text("to-database")
    await page.get_by_label("Type").fill("to-database")
    await page.get_by_role("button", name="Decide").click()
    await expect(page.get_by_role("alert")).to_contain_text("Nothing was decided")
    wanted = await page.locator("label code").inner_text()
    await page.get_by_label("Type").fill(wanted)
    await page.get_by_role("button", name="Decide").click()
    await expect(page.get_by_role("status")).to_contain_text("was carried out")
    number = wanted.split()[1]
    await page.goto(f"/console/operations/{number}")
    await expect(page.locator("main")).to_contain_text("This partition is not stopped")


async def test_from_the_search_to_the_event(opened: Open, live: Console) -> None:
    async with going_on(live):
        page = await opened()
        await page.get_by_role("searchbox").fill("crm-7")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Account acme")).to_be_visible()
        await page.get_by_role("link", name="change_plan", exact=True).click()
        await page.get_by_label(re.compile("^contract_type")).select_option("enterprise")
        await page.get_by_label(re.compile("^effective")).first.select_option("immediately")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.get_by_role("heading", name="Preview: applied")).to_be_visible()
        await expect(
            page.get_by_role("row", name=re.compile("contract_type basic enterprise"))
        ).to_be_visible()
        await page.get_by_role("button", name="Send this command").click()
        await expect(page.get_by_role("heading", name="Result: applied")).to_be_visible()
        await page.get_by_role("link", name="Show the contract").click()
        event = page.locator("ol.timeline > li").first
        await expect(event).to_contain_text("plan_changed")
        await expect(event).to_contain_text("by desk")


async def test_a_dead_letter_is_corrected(opened: Open, live: Console) -> None:
    async with going_on(live):
        page = await opened()
        await page.get_by_role("link", name="Dead letters").click()
        await page.get_by_role("link", name="schema_violation").first.click()
        await page.locator("tbody a").first.click()
        await expect(page.locator("pre")).to_contain_text('"note": "a typo"')
        await page.get_by_role("button", name="Check and preview").click()
        await expect(page.get_by_role("alert")).to_contain_text("/changes/note")
        await page.get_by_label("Data, as JSON").fill('{"changes": {"notes": "corrected"}}')
        await page.get_by_role("button", name="Check and preview").click()
        await expect(page.get_by_role("heading", name="Preview: applied")).to_be_visible()
        await page.get_by_role("button", name="Send this command").click()
        await expect(page.get_by_role("heading", name="Result: applied")).to_be_visible()
        await page.get_by_role("link", name="Show the contract").click()
        await expect(page.locator("dl.state")).to_contain_text("corrected")


async def test_a_group_of_dead_letters_is_sent_again(opened: Open, live: Console) -> None:
    page = await opened()
    await page.goto("/console/dead-letters")
    await page.get_by_role("link", name="malformed").first.click()
    send = page.get_by_role("button", name=re.compile("Send these 1 again"))
    await send.click()
    await expect(send).to_be_visible()  # the box is required
    await page.get_by_label(re.compile("later commands")).check()
    await send.click()
    await expect(page.get_by_role("status")).to_contain_text("1 of 1 were sent")


async def test_without_scripts_all_can_be_read(opened: Open) -> None:
    page = await opened("visitor", java_script_enabled=False)
    for path in PATHS[:-1]:
        if "/commands/" not in path:
            answer = await page.goto(path)
            assert answer.status == 200, path
    await page.goto("/console/accounts/acme")
    assert "crm-7" in await page.content()
    assert "ada@acme.example" not in await page.content()


@pytest.mark.parametrize("path", PATHS)
async def test_a_phone_needs_no_scrolling_sideways(opened: Open, path: str) -> None:
    page = await opened(viewport=PHONE)
    await page.goto(path)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(opened: Open) -> None:
    page = await opened()
    await page.goto("/console/accounts/acme")
    seen = set()
    for _ in range(25):
        await page.keyboard.press("Tab")
        width, what = await page.evaluate(
            "() => [getComputedStyle(document.activeElement).outlineWidth, document.activeElement.innerText]"
        )
        assert float(width.removesuffix("px")) >= 2, what
        seen.add(what)
    assert {"Skip to content", "Search", "Dead letters", "Sign out", "update"} <= seen


async def test_what_is_stored_runs_nowhere(opened: Open) -> None:
    """The fixture fails on any dialog, and on what the policy had to forbid."""
    page = await opened()
    for path in (*PATHS, "/console?q=%3Cscript%3E"):
        await page.goto(path)
        assert await page.locator("script, img, iframe, [onerror]").count() == 0
        assert await page.locator("a[href^='javascript']").count() == 0
    await page.goto("/console/dead-letters")
    for group in await page.locator("tbody a").evaluate_all("links => links.map(link => link.href)"):
        await page.goto(group)
        for letter in await page.locator("tbody a").evaluate_all("links => links.map(link => link.href)"):
            await page.goto(letter)
            assert await page.locator("script, img, iframe, [onerror]").count() == 0
