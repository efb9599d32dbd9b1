"""A command with nothing but a Kafka client: a CloudEvent in binary mode, keyed by the account.

python examples/aiokafka_publish.py ACCOUNT
"""

import asyncio
import json
import os
import sys
from uuid import uuid4

from aiokafka import AIOKafkaProducer

SERVERS = os.environ.get("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
TOPIC = os.environ.get("CONTRACTS_TOPIC_PREFIX", "") + "contracts.commands"


async def main(account: str) -> None:
    """Create a basic contract for the account."""
    command_id = str(uuid4())  # keep it for a retry: the same id again is a duplicate and does no harm
    headers = {
        "ce_specversion": "1.0",
        "ce_id": command_id,
        "ce_source": "/examples/aiokafka",
        "ce_type": "com.easytrade.contract.create.v1",
        "content-type": "application/json",
    }
    data = {"contract_type": "basic", "requested_by": "ann"}
    async with AIOKafkaProducer(bootstrap_servers=SERVERS, enable_idempotence=True) as producer:
        sent = await producer.send_and_wait(
            TOPIC,
            key=account.encode(),
            value=json.dumps(data).encode(),
            headers=[(name, text.encode()) for name, text in headers.items()],
        )
    print(command_id, "is in", f"{sent.topic}/{sent.partition}", "at", sent.offset)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
