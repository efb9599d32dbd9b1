"""axe-core looks at every page, light and dark: nothing serious is wrong with any."""

from importlib.resources import files

import pytest

from tests.system.console.conftest import PHONE, Open
from tests.system.console.test_console import PATHS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

AXE = files("axe_playwright_python").joinpath("axe.min.js")
GRAVE = {"serious", "critical"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [None, PHONE], ids=["desk", "phone"])
async def test_nothing_serious_on_any_page(opened: Open, scheme: str, size: dict[str, int] | None) -> None:
    page = await opened(color_scheme=scheme, **({"viewport": size} if size else {}))
    script = AXE.read_text("utf-8")
    found = []
    for path in await every_page(page):
        await page.goto(path)
        await page.evaluate(script)
        told = await page.evaluate("async () => (await axe.run()).violations")
        found += [
            (path, each["id"], [node["html"][:120] for node in each["nodes"]][:3])
            for each in told
            if each["impact"] in GRAVE
        ]
    assert found == []


async def every_page(page) -> list[str]:
    """Those that always are, and one of each that a dead letter brings."""
    await page.goto("/console/dead-letters")
    group = await page.locator("tbody a").first.get_attribute("href")
    await page.goto(group)
    letter = await page.locator("tbody a").first.get_attribute("href")
    return [*PATHS, group, letter, "/console/operations/0"]
