"""Chromium over a live console: one service for all of these tests."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests import servers as kinds
from tests.servers import Servers
from tests.system.console.live import Console, console

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is."""
    found = next((path for name in NAMES if (path := which(name))), None)
    if found is None and kinds.REAL_REQUIRED:
        pytest.fail("Chromium is required in CI: no chromium on the PATH", pytrace=False)
    if found is None:
        pytest.skip("console not tested in a browser: no chromium on the PATH")
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(
    chromium: str, servers: Servers, kafka_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Console]:
    """The console, with contracts and dead letters behind it."""
    mongo = servers.mongo(kinds.mongo_kind())
    kafka = servers.kafka(kafka_kind)
    folder = tmp_path_factory.mktemp("console")
    async with console(kafka, mongo, f"console_{folder.name[-1]}", folder) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """Chromium itself."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="module")
async def opened(browser: Browser, live: Console) -> AsyncIterator[Open]:
    """Opens a page, signed in; complaints of the browser fail the test."""
    contexts, complaints = [], []

    async def open_(who: str = "desk", **options: Any) -> Page:
        context = await browser.new_context(**{"viewport": DESK, "base_url": live.url, **options})
        contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto("/console/sign-in")
        await page.get_by_label("Token").fill(live.tokens[who])
        await page.get_by_role("button", name="Sign in").click()
        return page

    yield open_
    for context in contexts:
        await context.close()
    assert [each for each in complaints if "status of 4" not in each] == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They need both servers."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("kafka")
            item.add_marker("mongo")
