"""Who comes near a limit is offered the plan that covers the usage; what the customer answers is printed.

    python examples/offers.py

An event may come twice. The id of the command is that of its event, so the service applies the command once.
One plan is offered once a month, under one `offer_id`: the same offer again is `unchanged`. Ends with Ctrl-C.
"""

import asyncio
import json
import os
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from contracts_client import CommandProducer, load_settings, make_command_producer

SERVERS = os.environ.get("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
PREFIX = os.environ.get("CONTRACTS_TOPIC_PREFIX", "")


async def handle(commands: CommandProducer, record: ConsumerRecord) -> None:
    """Answer one event."""
    headers = {name: content.decode() for name, content in record.headers}
    data = json.loads(record.value)
    match headers["ce_type"].rpartition("contract.")[2]:
        case "limit_reached.v1":
            await offer(commands, data, headers["ce_id"])
        case "changed.v1" if data["change"] in {"offer_accepted", "offer_declined", "offer_expired"}:
            print(data["contract"]["account_id"], data["change"], ended(data), flush=True)


async def offer(commands: CommandProducer, data: dict, event_id: str) -> None:
    """Offer the plan with more room, where there is one, until the end of the next month."""
    covering = data.get("covering_plan")
    if covering is None or covering["contract_type"] == data["contract_type"]:
        return
    plan, period = covering["contract_type"], data["period"]
    year, month = divmod(int(period[:4]) * 12 + int(period[5:]) + 1, 12)
    await commands.offer_renewal(
        data["account_id"],
        offer_id=f"{plan}-{period}",
        terms={"contract_type": plan},
        valid_until=f"{year:04d}-{month + 1:02d}-01",
        contract_id=data["contract_id"],
        requested_by="upsell",
        command_id=event_id,
    )
    print(data["account_id"], "offered", plan, flush=True)


def ended(data: dict) -> str:
    """The offer that was open before this change and is not any more."""
    [field] = [each for each in data["changed_fields"] if each["path"] == "/offers"]
    left = {each["offer_id"] for each in field.get("after", [])}
    return next(each["offer_id"] for each in field["before"] if each["offer_id"] not in left)


async def main() -> None:
    """Handle events until cancelled."""
    consumer = AIOKafkaConsumer(
        PREFIX + "contracts.changed",
        PREFIX + "contracts.limit-reached",
        bootstrap_servers=SERVERS,
        group_id="offers",
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with make_command_producer(load_settings(), source="/offers") as commands, consumer:
        async for record in consumer:
            await handle(commands, record)
            await consumer.commit()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
