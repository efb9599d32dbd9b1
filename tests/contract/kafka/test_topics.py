"""Topic administration on real brokers, and its rules without one."""

import time

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from consumer.errors import BrokerUnavailable, InputRefused, StartRefused, TopicMismatch, TopicsMissing
from consumer.kafka.topic_plan import Topic, differences, plan, uneven
from consumer.kafka.topics import check, ensure
from consumer.settings import Settings, load_settings
from devstack.given import GivenKafka
from devstack.kafka import KafkaServer
from schemas.topics import CHANGED, COMMANDS, DEAD_LETTERS, EVENT_TOPICS, POSITIONS, TOPICS

Broker = KafkaServer | GivenKafka


@pytest.fixture
def settings(kafka: Broker, topic_prefix: str) -> Settings:
    return load_settings(
        kafka_bootstrap_servers=kafka.bootstrap,
        topic_prefix=topic_prefix,
        topic_replication_factor=1,
        topic_partitions=4,
    )


@pytest.fixture
def client(kafka: Broker) -> AdminClient:
    """An admin client that is not ours."""
    return AdminClient({"bootstrap.servers": kafka.bootstrap})


def create(client: AdminClient, name: str, partitions: int, **config: str) -> None:
    topic = NewTopic(
        name, partitions, 1, config={key.replace("_", "."): value for key, value in config.items()}
    )
    client.create_topics([topic])[name].result(30)
    deadline = time.monotonic() + 30
    while name not in client.list_topics(timeout=30).topics:  # a new topic is told of a little later
        assert time.monotonic() < deadline


async def test_ensure_creates_all_topics_as_planned(settings: Settings, client: AdminClient) -> None:
    report = await ensure(settings)
    names = [settings.topic_prefix + name for name in TOPICS]
    assert sorted(report.created) == sorted(names)
    assert report.differences == ()
    listed = client.list_topics(timeout=30).topics
    assert {name: len(listed[name].partitions) for name in names} == dict.fromkeys(names, 4)
    commands = ConfigResource(ResourceType.TOPIC, settings.topic_prefix + COMMANDS)
    config = client.describe_configs([commands])[commands].result(30)
    assert config["retention.ms"].value == "-1"
    assert config["message.timestamp.type"].value == "LogAppendTime"


async def test_ensure_twice_changes_nothing(settings: Settings) -> None:
    first = await ensure(settings)
    second = await ensure(settings, partitions=9)
    assert second.created == ()
    assert {topic.name: topic.partitions for topic in second.topics} == {
        topic.name: topic.partitions for topic in first.topics
    }


async def test_ensure_gives_new_topics_as_many_partitions_as_there_are(
    settings: Settings, client: AdminClient
) -> None:
    create(client, settings.topic_prefix + COMMANDS, 3)
    report = await ensure(settings)
    assert {topic.partitions for topic in report.topics} == {3}
    assert [str(row) for row in report.differences if row.what == "retention.ms"] == [
        f"{settings.topic_prefix}{COMMANDS}: retention.ms is 604800000, planned -1"
    ]


async def test_events_may_have_fewer_partitions(settings: Settings) -> None:
    report = await ensure(settings, output_partitions=2)
    prefix = settings.topic_prefix
    assert report.counts == {prefix + name: 2 if name in EVENT_TOPICS else 4 for name in TOPICS}
    assert (await check(settings)).counts == report.counts
    assert (await ensure(settings, output_partitions=1)).counts == report.counts


async def test_a_new_topic_of_events_is_as_those_that_there_are(
    settings: Settings, client: AdminClient
) -> None:
    create(client, settings.topic_prefix + COMMANDS, 6)
    create(client, settings.topic_prefix + CHANGED, 3)
    report = await ensure(settings, output_partitions=2)
    assert {report.counts[settings.topic_prefix + name] for name in EVENT_TOPICS} == {3}


async def test_a_number_that_does_not_divide_creates_nothing(settings: Settings, client: AdminClient) -> None:
    with pytest.raises(InputRefused, match="3 partitions of events do not divide 4 of commands"):
        await ensure(settings, output_partitions=3)
    assert not [
        name for name in client.list_topics(timeout=30).topics if name.startswith(settings.topic_prefix)
    ]


async def test_check_names_what_is_missing(settings: Settings) -> None:
    with pytest.raises(TopicsMissing) as caught:
        await check(settings)
    assert caught.value.names == tuple(settings.topic_prefix + name for name in TOPICS)
    assert "contracts topics ensure" in caught.value.hint


async def test_check_creates_nothing(settings: Settings, client: AdminClient) -> None:
    with pytest.raises(TopicsMissing):
        await check(settings)
    assert not [
        name for name in client.list_topics(timeout=30).topics if name.startswith(settings.topic_prefix)
    ]


async def test_check_accepts_what_ensure_made(settings: Settings) -> None:
    await ensure(settings)
    report = await check(settings)
    assert (report.topics[0].name, report.topics[0].partitions) == (settings.topic_prefix + COMMANDS, 4)


async def test_unequal_partition_counts_are_refused(settings: Settings, client: AdminClient) -> None:
    for partitions, name in enumerate(TOPICS, start=1):
        create(client, settings.topic_prefix + name, partitions)
    for ask in (check, ensure):
        with pytest.raises(TopicMismatch, match=r"equally many partitions, .* but have: .*changed 2"):
            await ask(settings)


@pytest.mark.parametrize(
    ("changed", "fits"),
    [
        ({}, True),
        (dict.fromkeys(EVENT_TOPICS, 1), True),
        ({CHANGED: 6, EVENT_TOPICS[1]: 4}, True),
        ({CHANGED: 5}, False),
        ({CHANGED: 24}, False),
        ({DEAD_LETTERS: 6}, False),
        ({POSITIONS: 6}, False),
    ],
)
def test_which_partition_counts_fit_together(changed: dict[str, int], fits: bool) -> None:
    topics = {f"x.{name}": Topic(f"x.{name}", changed.get(name, 12), 1) for name in TOPICS}
    assert (uneven(topics, "x.") is None) == fits


async def test_too_few_brokers_are_told_with_the_way_out(kafka: Broker, topic_prefix: str) -> None:
    if kafka.kind == "noida":
        pytest.skip("this broker takes any replication factor")
    settings = load_settings(kafka_bootstrap_servers=kafka.bootstrap, topic_prefix=topic_prefix)
    with pytest.raises(StartRefused, match="cannot create") as caught:
        await ensure(settings)
    assert "CONTRACTS_TOPIC_REPLICATION_FACTOR=1" in caught.value.hint


async def test_no_broker_is_told_in_one_line() -> None:
    settings = load_settings(kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(
        BrokerUnavailable, match=r"^Kafka at 127.0.0.1:1 does not answer: .*Connect call failed"
    ):
        await check(settings)


def planned_commands() -> Topic:
    return plan(load_settings())[0]


@pytest.mark.parametrize(
    ("setting", "value", "fatal"),
    [
        ("cleanup.policy", "compact,delete", True),
        ("max.message.bytes", "1000", True),
        ("max.message.bytes", "99999999", False),
        ("retention.ms", "604800000", False),
        ("message.timestamp.type", "CreateTime", True),
    ],
)
def test_only_differences_that_lose_records_are_fatal(setting: str, value: str, fatal: bool) -> None:
    planned = planned_commands()
    found = Topic(planned.name, 12, 3, {**planned.settings, setting: value})
    (difference,) = differences(planned, found)
    assert (difference.what, difference.found, difference.fatal) == (setting, value, fatal)


def test_settings_that_we_may_not_see_are_no_difference() -> None:
    planned = planned_commands()
    assert list(differences(planned, Topic(planned.name, 12, 3))) == []


def test_a_large_command_fits_into_every_topic() -> None:
    topics = plan(load_settings(max_command_bytes=4 << 20, max_batch_bytes=8 << 20))
    assert {topic.settings["max.message.bytes"] for topic in topics} == {str(8 << 20)}


def test_min_insync_replicas_never_exceed_the_copies() -> None:
    topics = plan(load_settings(topic_replication_factor=1))
    assert {topic.settings["min.insync.replicas"] for topic in topics} == {"1"}
