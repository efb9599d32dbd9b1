"""`contracts publish` and `contracts topics ensure`: what is refused, and what comes to real brokers."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from consumer import errors
from consumer.cli.main import publish
from devstack.given import GivenKafka
from devstack.kafka import KafkaServer
from producers.results import CommandResult
from producers.sending import Sent
from schemas.commands import COMMANDS
from schemas.topics import EVENT_TOPICS, TOPICS

Broker = KafkaServer | GivenKafka

pytestmark = pytest.mark.usefixtures("as_it_was")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["create", "acme", "--set", "contract_typ=basic"],
            "/contract_typ unknown field; did you mean `contract_type`?",
        ),
        (["create", "acme"], "/contract_type is required"),
        (["create", "acme", "--data", '{"a": 1, "a": 2}'], "the data gives `a` twice in one object"),
        (["create", "acme", "--data", "{"], "the data is not JSON"),
        (
            ["create", "acme", "--data", "@/nowhere.json"],
            "cannot read /nowhere.json: No such file or directory",
        ),
        (
            ["update", "acme", "--set", "changes.base_monthly_fee=999999999999999.99"],
            "/changes/base_monthly_fee must have at most 15 significant digits",
        ),
        (["activate", "acme", "--id", ""], "ce_id is empty"),
        (["update", "acme", "--set", "changes=1", "--set", "changes.notes=x"], "changes is not an object"),
    ],
)
def test_publish_tells_mistakes_before_they_become_dead_letters(
    contracts, arguments: list[str], message: str
) -> None:
    ran = contracts("publish", *arguments)
    assert ran.code == errors.InputRefused.exit_code
    assert message in ran.err
    assert ran.out == ""


@pytest.fixture
def on_kafka(kafka: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap)
    monkeypatch.setenv("CONTRACTS_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("CONTRACTS_TOPIC_REPLICATION_FACTOR", "1")
    monkeypatch.setenv("CONTRACTS_TOPIC_PARTITIONS", "4")
    return topic_prefix


def test_topics_ensure_prints_a_table_or_json(contracts, on_kafka: str) -> None:
    table = contracts("topics", "ensure")
    assert table.code == 0, table.err
    heading, first, *_ = table.out.splitlines()
    assert heading.split("\t") == ["topic", "partitions", "replication_factor", "created"]
    assert first.split("\t") == [f"{on_kafka}contracts.commands", "4", "1", "yes"]
    again = contracts("topics", "ensure", "--partitions", "9", "--json")
    assert again.err == "note: --partitions was not used: topics with 4 partitions exist\n"
    assert len(again.json) == len(TOPICS)
    assert [row["created"] for row in again.json] == [False] * len(TOPICS)


def test_topics_ensure_makes_fewer_partitions_for_events(contracts, on_kafka: str) -> None:
    ran = contracts("topics", "ensure", "--output-partitions", "2", "--json")
    assert ran.code == 0, ran.err
    counts = {row["topic"].removeprefix(on_kafka): row["partitions"] for row in ran.json}
    assert counts == {name: 2 if name in EVENT_TOPICS else 4 for name in TOPICS}
    again = contracts("topics", "ensure", "--output-partitions", "4", "--json")
    assert again.err == "note: --output-partitions was not used: output topics with 2 partitions exist\n"


def test_publish_needs_the_topics(contracts, on_kafka: str) -> None:
    ran = contracts("publish", "create", "acme", "--set", "contract_type=basic")
    assert ran.code == errors.StartRefused.exit_code
    assert f"missing topics: {on_kafka}contracts.commands" in ran.err
    assert "contracts topics ensure" in ran.err


@pytest.mark.parametrize("partitioner", ["murmur2", "crc32"])
def test_publish_writes_what_other_clients_read(
    contracts, on_kafka: str, kafka: Broker, partitioner: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONTRACTS_PARTITIONER", partitioner)
    contracts("topics", "ensure")
    (tmp_path / "data.json").write_text('{"contract_type": "basic", "notes": "äöü 🙂"}')
    ran = contracts("publish", "create", "acme", "--data", f"@{tmp_path}/data.json", "--id", "c-1", "--json")
    assert ran.code == 0, ran.err
    (sent,) = ran.json
    assert (sent["id"], sent["type"], sent["account_id"]) == ("c-1", COMMANDS["create"].type, "acme")

    reader = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "reader"})
    reader.assign([TopicPartition(sent["topic"], sent["partition"], sent["offset"])])
    record = reader.poll(30)
    reader.close()
    assert record is not None
    assert record.key() == b"acme"
    assert record.value() == (tmp_path / "data.json").read_bytes()
    assert (
        dict(record.headers()).items()
        >= {
            "ce_specversion": b"1.0",
            "ce_id": b"c-1",
            "ce_source": b"/contracts-cli",
            "ce_type": COMMANDS["create"].type.encode(),
            "ce_subject": b"acme",
            "content-type": b"application/json",
        }.items()
    )
    assert sent["partition"] == home(partitioner, kafka.bootstrap, sent["topic"])


def home(partitioner: str, bootstrap: str, topic: str) -> int:
    """Where librdkafka puts the key."""
    names = {"murmur2": "murmur2_random", "crc32": "consistent_random"}
    placed: list[int] = []
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": names[partitioner]})
    producer.produce(
        topic, b"{}", key=b"acme", on_delivery=lambda _, record: placed.append(record.partition())
    )
    producer.flush(30)
    return placed[0]


def test_a_rejection_has_its_own_exit_code(contracts, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Sent("c-1", "acme", "contracts.commands", 0, 7, 0)
    result = {"outcome": "rejected", "code": "invalid_terms", "message": "no"}
    result["errors"] = [{"path": "/x", "message": "is odd"}]
    told = {"command": {"id": "c-1", "source": "/x"}, "processed_at": "2026-01-01T00:00:00Z", **result}

    async def send(*_: object, **__: object) -> tuple[Sent, CommandResult]:
        return sent, CommandResult.from_data("acme", told)

    monkeypatch.setattr(publish, "_send", send)
    ran = contracts("publish", "create", "acme", "--set", "contract_type=basic", "--wait", "--json")
    assert ran.code == errors.CommandRejected.exit_code
    (line,) = ran.json
    assert line["result"] == {**result, "processed_at": "2026-01-01T00:00:00Z"}
    assert line["offset"] == 7
    assert ran.err == "error: invalid_terms: no; /x: is odd\n"


def test_waiting_in_vain_is_told(contracts, on_kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACTS_RESULT_TIMEOUT_SECONDS", "0.5")
    contracts("topics", "ensure")
    ran = contracts("publish", "create", "acme", "--set", "contract_type=basic", "--id", "c-9", "--wait")
    assert ran.code == errors.ResultTimeout.exit_code
    place, error, _ = ran.err.splitlines()
    assert place.startswith("command c-9 is in ")
    assert error == "error: no result of command c-9 within 0.5 s"
