"""Publishing commands to a running service, with and without waiting for results."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.errors import BrokerUnavailable, CommandRejected, InputRefused, ResultTimeout
from consumer.kafka import topics
from consumer.settings import load_settings
from devstack.ports import reserve_port
from producers.commands import CommandProducer
from producers.connect import make_command_producer
from producers.results import CommandKey
from schemas.partitioning import crc32_home, murmur2_home
from schemas.topics import COMMANDS
from tests.running import Running
from tests.ticks import ends_within

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]


async def test_a_result_is_awaited(commands: CommandProducer, account: str) -> None:
    result = await commands.awaiting().create(account, contract_type="basic", command_id="first")
    assert (result.outcome, result.version, result.code) == ("applied", 1, None)
    assert (result.account_id, result.command_id) == (account, "first")
    assert result.contract_id is not None
    assert result.raise_if_rejected() is result


async def test_a_rejection_is_a_value_and_an_error_on_demand(commands: CommandProducer, account: str) -> None:
    await commands.awaiting().create(account, contract_type="basic")
    result = await commands.awaiting().update(account, changes={"status": "expired"})
    assert (result.outcome, result.code) == ("rejected", "protected_field")
    with pytest.raises(CommandRejected, match="protected_field") as rejected:
        result.raise_if_rejected()
    assert rejected.value.errors[0][0] == "/changes/status"


async def test_the_same_again_is_a_duplicate_that_names_the_first_outcome(
    commands: CommandProducer, account: str
) -> None:
    first = await commands.awaiting().renew(account, command_id="r")
    again = await commands.awaiting().renew(account, command_id="r")
    assert (first.outcome, again.outcome, again.code) == ("rejected", "duplicate", "contract_not_found")
    with pytest.raises(CommandRejected):
        again.raise_if_rejected()


async def test_many_wait_at_once_and_each_gets_its_own(commands: CommandProducer, account: str) -> None:
    awaiting = commands.awaiting()
    names = [f"{account}-{i}" for i in range(100)]
    results = await asyncio.gather(*(awaiting.create(name, contract_type="basic") for name in names))
    assert [result.account_id for result in results] == names
    assert {result.outcome for result in results} == {"applied"}


async def test_the_same_id_from_two_sources_gets_two_results(service: Running, account: str) -> None:
    settings = service.settings.model_copy(update={"command_source": "/other"})
    async with (
        make_command_producer(service.settings) as one,
        make_command_producer(settings) as two,
    ):
        created, refused = await asyncio.gather(
            one.awaiting().create(account, contract_type="basic", command_id="x"),
            two.awaiting().create(account, contract_type="basic", command_id="x"),
        )
    assert {created.outcome, refused.outcome} == {"applied", "rejected"}
    assert (created.source, refused.source) == (service.settings.command_source, "/other")


async def test_publishing_without_waiting_keeps_the_order_of_an_account(
    service: Running, commands: CommandProducer, account: str
) -> None:
    messages = [commands.message("create", account, {"contract_type": "basic"})]
    messages += [
        commands.message("update", account, {"changes": {"notes": str(i)}, "expected_version": i})
        for i in range(1, 200)
    ]
    sent = await commands.publish_all(messages)
    assert [one.offset for one in sent] == sorted(one.offset for one in sent)
    assert len({one.partition for one in sent}) == 1
    last = await commands.awaiting().update(account, changes={"notes": "last"}, expected_version=200)
    assert last.outcome == "applied"
    stored = await service.database.contracts.find_one({"account_id": account})
    assert (stored["notes"], stored["version"]) == ("last", 201)


@pytest.mark.parametrize("partitioner", ["murmur2", "crc32"])
async def test_a_command_goes_to_its_home(service: Running, account: str, partitioner: str) -> None:
    home_of = {"murmur2": murmur2_home, "crc32": crc32_home}[partitioner]
    settings = service.settings.model_copy(update={"partitioner": partitioner})
    async with make_command_producer(settings) as commands:
        for i in range(10):
            name = f"{account}-{i}-é"
            sent = await commands.activate(name)
            assert sent.partition == home_of(name.encode(), settings.topic_partitions)


async def test_what_is_published_is_in_the_log_and_nothing_else(
    service: Running, commands: CommandProducer, account: str
) -> None:
    with pytest.raises(InputRefused):
        await commands.publish("create", account, {"contract_type": "gold"})
    sent = await commands.create(account, contract_type="basic", correlation_id="order-7")
    consumer = AIOKafkaConsumer(bootstrap_servers=service.settings.kafka_bootstrap_servers)
    async with consumer:
        place = TopicPartition(service.settings.topic_prefix + COMMANDS, sent.partition)
        consumer.assign([place])
        consumer.seek(place, sent.offset)
        record = await consumer.getone()
    assert record.key == account.encode()
    assert dict(record.headers)["ce_id"] == sent.command_id.encode()
    assert dict(record.headers)["ce_correlationid"] == b"order-7"


async def test_a_command_of_nearly_the_largest_size_arrives(commands: CommandProducer, account: str) -> None:
    """Larger than a contract may be, and than the client's batch: the answer is the service's own."""
    text = {f"key-{i}": "x" * 9_000 for i in range(25)}
    result = await commands.awaiting().create(account, contract_type="basic", metadata=text)
    assert result.account_id == account


async def test_no_result_in_time_is_said_and_the_command_still_counts(service: Running, account: str) -> None:
    settings = service.settings.model_copy(update={"group_id": "nobody", "topic_prefix": f"{account}."})
    await topics.ensure(settings)
    async with make_command_producer(settings) as commands:
        waiting = commands.awaiting(timeout=0.5).create(account, contract_type="basic", command_id="slow")
        with pytest.raises(ResultTimeout, match="command slow within"):
            await ends_within(waiting, 5)
        sent = await commands.create(account, contract_type="basic", command_id="slow")
        assert sent.offset == 1


async def test_a_listener_that_rested_finds_the_end_again(
    commands: CommandProducer, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle listener reads nothing; the next command waits for its own result, not an old one's."""
    monkeypatch.setattr("producers.listener.IDLE_SECONDS", 0.0)
    awaiting, listener = commands.awaiting(), commands._listener
    for i in range(3):
        result = await awaiting.create(f"{account}-{i}", contract_type="basic")
        assert result.outcome == "applied"
        await asyncio.wait({listener._reading}, timeout=10)
        assert {place.partition for place in listener._reader._consumer.paused()} == {0, 1, 2}


async def test_a_listener_survives_a_fault_of_its_consumer(commands: CommandProducer, account: str) -> None:
    awaiting, listener = commands.awaiting(), commands._listener
    await awaiting.create(f"{account}-0", contract_type="basic")
    home = await commands.home(commands.message("activate", account, {}))

    async def broken(**_: object) -> None:
        raise OSError("cut")

    waiter = await listener.expect(CommandKey("a", "s", "x"), home.partition)
    listener._reader._consumer.getmany = broken
    with pytest.raises(BrokerUnavailable, match="cut"):
        await asyncio.wait_for(waiter.result, 10)
    listener.forget(waiter)
    assert (await awaiting.create(f"{account}-1", contract_type="basic")).outcome == "applied"


async def test_without_a_broker_the_error_says_so() -> None:
    port = reserve_port()
    try:
        settings = load_settings(
            kafka_bootstrap_servers=f"127.0.0.1:{port.number}", kafka_request_timeout_ms=500
        )
        with pytest.raises(BrokerUnavailable, match="does not answer"):
            async with make_command_producer(settings):
                pass
    finally:
        port.release()


async def test_a_producer_that_was_not_started_says_how() -> None:
    with pytest.raises(RuntimeError, match="start the CommandProducer"):
        await make_command_producer(load_settings()).activate("account-1")
