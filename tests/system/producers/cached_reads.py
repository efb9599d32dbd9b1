"""A process that reads accounts through the cache.

    python -m tests.system.producers.cached_reads FILE ACCOUNT...

FILE gets a line of JSON for each read: account, when it began and ended, version, notes, source.
"""

import asyncio
import json
import sys
from pathlib import Path
from time import monotonic

from consumer.clients import contract_reader
from consumer.settings import load_settings


async def main(file: Path, accounts: list[str]) -> None:
    settings = load_settings()
    sources: list[str] = []
    async with contract_reader(settings, lambda source, _: sources.append(source)) as reader:
        with file.open("a", buffering=1) as lines:
            while True:
                for account in accounts:
                    began = monotonic()
                    found = await reader.by_account(account) or {"version": 0}
                    read = (account, began, monotonic(), found["version"], found.get("notes"), sources[-1])
                    lines.write(json.dumps(read) + "\n")
                await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
