"""Pictures for docs/console.md: `make pictures`, a minute. Needs chromium."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from shutil import which

from playwright.async_api import async_playwright

from consumer.api.console.session import COOKIE
from devstack.stack import Stack
from tests.system.console.conftest import DESK, FLAGS, PHONE
from tests.system.console.live import console
from tests.system.console.stopping import stop_partition

TO = Path(__file__).parents[3] / "docs/pictures"


PATHS = {
    "search": "/console?q=nothing",
    "account": "/console/accounts/acme",
    "hostile": "/console/accounts/hostile",
    "command": "/console/accounts/acme/commands/change_plan",
    "calendar": "/console/calendar?days=400",
    "statistics": "/console/statistics",
    "letters": "/console/dead-letters",
    "group": "/console/dead-letters/of?reason=schema_violation&producer=%2Fcrm",
    "operations": "/console/operations",
    "partition": "/console/operations/0",
}
SMALL = {"width": 1_000, "height": 620}
KEPT = {"account": "light", "calendar": "light", "operations": "dark"}


async def main() -> None:
    """Fill a console, then take it."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.console.pictures", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every page, light and dark, desk and phone")
    parser.add_argument("--to", type=Path, default=TO, help="folder (default: docs/pictures)")
    arguments = parser.parse_args()
    if not which("chromium"):
        sys.exit("not installed: chromium")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Stack(folder) as stack:
            async with console(stack.kafka, stack.mongo, "pictures", folder) as live:
                stop_partition(live.settings)
                await taken(live.url, live.tokens["desk"], arguments.to, everything=arguments.all)


async def taken(url: str, token: str, to: Path, *, everything: bool) -> None:
    """The pictures, as PNG files."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=which("chromium"), args=FLAGS)
        for scheme in ("light", "dark"):
            for size in (DESK, PHONE) if everything else (SMALL,):
                context = await browser.new_context(viewport=size, color_scheme=scheme, base_url=url)
                await context.add_cookies([{"name": COOKIE, "value": token, "url": f"{url}/console"}])
                page = await context.new_page()
                for name, path in PATHS.items():
                    wanted = KEPT.get(name) == scheme
                    if not (everything or wanted):
                        continue
                    await page.goto(path)
                    end = f"-{scheme}-{size['width']}" if everything else ""
                    await page.screenshot(path=to / f"console-{name}{end}.png", full_page=everything)
                if everything:
                    await page.goto(PATHS["group"])
                    await page.locator("tbody a").first.click()
                    await page.screenshot(
                        path=to / f"console-letter-{scheme}-{size['width']}.png", full_page=True
                    )
                await context.close()
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
