"""Pictures for docs/operate.md: `python -m tests.ops.pictures`, three minutes.

The service under the demo's load, MongoDB frozen for a while in the middle; the real Prometheus
scrapes it. Its pages are taken as they are, in headless Chromium; the dashboards are drawn from the
answers to their own queries. Needs prometheus, chromium, and matplotlib (the extra `bench`).
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx

from devstack.mongo import find_secantus_rust
from devstack.stack import Stack
from ops.grafana import preview
from ops.grafana.build import FOLDER
from tests.ops.watched import Watched, expanded, watched_service

MONGO = "secantus-rs" if find_secantus_rust() else "secantus"
TO = Path(__file__).parents[2] / "docs/pictures"
PAGES = {"targets": (1000, 360), "alerts": (1000, 990)}
CHROMIUM = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=8000")
CHROMIUM_SECONDS = 90
FROZEN_SECONDS = 15


async def main() -> None:
    """Run the load, then draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.ops.pictures", description=__doc__)
    parser.add_argument("--seconds", type=int, default=180, help="of load (default: %(default)s)")
    parser.add_argument("--to", type=Path, default=TO, help="folder (default: docs/pictures)")
    arguments = parser.parse_args()
    if missing := [name for name in ("prometheus", "chromium") if not shutil.which(name)]:
        sys.exit(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "prometheus").mkdir()
        with Stack(folder, mongo=MONGO) as stack:
            async with watched_service(stack.kafka, stack.mongo, folder / "prometheus") as watched:
                began = time.time()
                await asyncio.sleep(arguments.seconds / 2)
                stack.mongo.pause()
                await asyncio.sleep(FROZEN_SECONDS)
                stack.mongo.resume()
                await asyncio.sleep(arguments.seconds / 2 - FROZEN_SECONDS)
                for page, size in PAGES.items():
                    await screenshot(watched, page, size, arguments.to / f"prometheus-{page}.png")
                await dashboards(watched, began, arguments.to)


async def screenshot(watched: Watched, page: str, size: tuple[int, int], to: Path) -> None:
    """One of Prometheus's own pages."""
    window = "--window-size={},{}".format(*size)
    url = f"{str(watched.client.base_url).rstrip('/')}/classic/{page}"
    command = ("chromium", *CHROMIUM, window, f"--screenshot={to}", url)
    quiet = asyncio.subprocess.DEVNULL
    chromium = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    await asyncio.wait_for(chromium.wait(), CHROMIUM_SECONDS)
    preview.shrink(to)
    print(f"took {to}")


async def dashboards(watched: Watched, began: float, to: Path) -> None:
    """One picture for each dashboard, of all that was since `began`."""
    span = {"start": began, "end": time.time(), "step": 1}
    with httpx.Client(base_url=watched.client.base_url) as client:

        def ask(expr: str) -> list[preview.Series]:
            answer = client.get("/api/v1/query_range", params={"query": expanded(expr), **span}).json()
            return [
                preview.Series(
                    row["metric"],
                    [moment for moment, _ in row["values"]],
                    [0.0 if value == "NaN" else float(value) for _, value in row["values"]],
                )
                for row in answer["data"]["result"]
            ]

        for file in sorted(FOLDER.glob("*.json")):
            picture = to / f"dashboard-{file.stem.removeprefix('contracts-')}.png"
            await asyncio.to_thread(preview.draw, json.loads(file.read_text()), ask, picture)
            print(f"drew {picture}")


if __name__ == "__main__":
    asyncio.run(main())
