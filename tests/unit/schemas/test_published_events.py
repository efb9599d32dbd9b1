"""What the service really publishes is what the published schemas say."""

from datetime import timedelta
from typing import get_args

import orjson
from cloudevents.core.bindings import kafka as sdk
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator

from producers.testkit import Testkit
from schemas.commands import COMMANDS
from schemas.events import EVENTS, Change
from schemas.examples import COMMAND_EXAMPLES, CONTRACT_ID
from schemas.jsonschema import schemas, shape


async def send(kit: Testkit, name: str, account: str, data: dict, number: int) -> None:
    """A command as the official SDK writes it, in one mode and the other in turn."""
    event = CloudEvent(
        {"id": str(number), "source": "/sdk", "type": COMMANDS[name].type, "partitionkey": account}, data=data
    )
    write = sdk.to_structured_event if number % 2 else sdk.to_binary_event
    message = write(event)
    await kit.deliver(account.encode(), message.value, list(message.headers.items()))


async def lives() -> Testkit:
    """Every example of a command, in an order in which most apply, and time to lapse and to renew."""
    kit = Testkit()
    numbers = iter(range(10_000))
    for label, examples in COMMAND_EXAMPLES.items():
        name = label.partition(".")[0]
        for place, example in enumerate(examples):
            account = f"{name}-{place}"
            if name not in {"create", "adopt"}:
                status = "draft" if name == "activate" else "active"
                await send(
                    kit, "create", account, {"contract_type": "basic", "status": status}, next(numbers)
                )
                if name in {"accept_offer", "decline_offer", "withdraw_offer"}:
                    [offer] = COMMAND_EXAMPLES["offer_renewal.v1"]
                    await send(kit, "offer_renewal", account, offer, next(numbers))
                elif name == "withdraw_change":
                    [change, *_] = COMMAND_EXAMPLES["schedule_change.v1"]
                    await send(kit, "schedule_change", account, change, next(numbers))
                elif name.startswith("withdraw"):
                    plan = {"contract_type": "custom", "effective": "at_renewal"}
                    await send(kit, "change_plan", account, plan, next(numbers))
                    await send(kit, "cancel", account, {"effective": "end_of_term"}, next(numbers))
            own = {key: value for key, value in example.items() if value != CONTRACT_ID}
            await send(kit, name, account, own if name != "advance" else example, next(numbers))
    lapsing = {"contract_type": "basic", "auto_renewal": False}
    await send(kit, "create", "lapsing", lapsing, next(numbers))
    rising = {"contract_type": "basic", "renewal_terms": {"uplift_percent": 5}}
    await send(kit, "create", "rising", rising, next(numbers))
    await send(kit, "renew", "rising", {}, next(numbers))
    soon = {"offer_id": "o", "terms": {"uplift_percent": 1}, "valid_until": kit.now + timedelta(days=9)}
    await send(kit, "offer_renewal", "rising", orjson.loads(orjson.dumps(soon)), next(numbers))
    await send(kit, "update", "update-0", {"changes": {"end_dat": "x"}}, next(numbers))
    await send(kit, "update", "update-0", {"changes": {"status": "expired"}}, next(numbers))
    await kit.move(timedelta(days=800))
    return kit


async def test_everything_published_is_as_published():
    kit = await lives()
    assert {event.name for event in kit.events} == set(EVENTS)
    assert {event.data["change"] for event in kit.changes()} == set(get_args(Change))
    closed = {name: Draft202012Validator(shape(spec.shape)) for name, spec in EVENTS.items()}
    for event in kit.events:
        label = EVENTS[event.name].label
        Draft202012Validator(schemas()[label]).validate(event.data)
        closed[event.name].validate(event.data)  # with the contract closed: no bookkeeping leaks
        assert set(event.data) <= set(schemas()[label]["properties"])
        headers = {name: text.encode() for name, text in event.headers.items()}
        read = sdk.from_kafka_event(sdk.KafkaMessage(headers, event.account_id, orjson.dumps(event.data)))
        assert read.get_dataschema() == schemas()[label]["$id"]


async def test_events_of_an_account_sort_by_their_sequence():
    kit = await lives()
    by_account: dict[str, list[str]] = {}
    for event in kit.events:
        by_account.setdefault(event.account_id, []).append(event.headers["ce_sequence"])
    for sequences in by_account.values():
        assert sequences == sorted(set(sequences))
    identities = [(event.headers["ce_source"], event.headers["ce_id"]) for event in kit.events]
    assert len(set(identities)) == len(identities)
