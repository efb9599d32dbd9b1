"""Results and changes with nothing but a Kafka client. Ends with Ctrl-C."""

import asyncio
import contextlib
import json
import os
from typing import Any

from aiokafka import AIOKafkaConsumer

SERVERS = os.environ.get("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
PREFIX = os.environ.get("CONTRACTS_TOPIC_PREFIX", "")


async def main() -> None:
    """Print a line for every result and every change."""
    consumer = AIOKafkaConsumer(
        PREFIX + "contracts.command-results",
        PREFIX + "contracts.changed",
        bootstrap_servers=SERVERS,
        isolation_level="read_committed",  # or events of transactions that never happened are read, too
        auto_offset_reset="earliest",
    )
    async with consumer:
        async for record in consumer:
            headers = {name: content.decode() for name, content in record.headers}
            print(described(record.key.decode(), headers, json.loads(record.value)), flush=True)


def described(account: str, headers: dict[str, str], data: dict[str, Any]) -> str:
    """One line for an event."""
    if headers["ce_type"] == "com.easytrade.contract.command_result.v1":
        return f"{account} {data['command']['id']} {data['outcome']} {data.get('code', '')}".strip()
    return f"{account} {data['change']} to version {data['version']}: {data['contract']['status']}"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
