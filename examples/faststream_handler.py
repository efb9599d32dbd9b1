"""An event handler with FastStream: pip install 'faststream[kafka]'. Ends with Ctrl-C."""

import asyncio
import os
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage

PREFIX = os.environ.get("CONTRACTS_TOPIC_PREFIX", "")

broker = KafkaBroker(os.environ.get("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"))
app = FastStream(broker)


@broker.subscriber(
    PREFIX + "contracts.changed",
    group_id="faststream-example",
    isolation_level="read_committed",  # or events of transactions that never happened are read, too
    auto_offset_reset="earliest",
    ack_policy=AckPolicy.NACK_ON_ERROR,  # an event counts as read once the handler is done with it
)
async def on_changed(data: dict[str, Any], message: KafkaMessage) -> None:
    """Print what happened. Events may come twice: `ce_id` tells."""
    contract = data["contract"]
    print(
        contract["account_id"],
        data["change"],
        contract["contract_type"],
        message.headers["ce_id"],
        flush=True,
    )


if __name__ == "__main__":
    asyncio.run(app.run())
