"""What version 0.1 left behind when a process of it was killed between its two transactions.

It was recorded once, by version 0.1 at commit 6cbe055 on Apache Kafka 4.1: 40 commands of
`Load(7, accounts=14, rubbish=0, misplaced=0)` in two partitions under the prefix "upgrade.", all of them
applied and published; then 20 more, for a process that killed itself after the first batch that it had
stored (FAULTS_STOP_AT=stored:1:KILL).

    records.jsonl    the topics: keys, values and headers as text
    database.jsonl   MongoDB's collections as extended JSON, but for `owner`, which named the machine

In partition 0 the commands 13 to 19 are stored and not published; their outputs are in `outbox`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bson import json_util
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from pymongo import MongoClient

from devstack.proof.records import LogRecord
from tests.system.faults.deciding import created_times, send_again

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka.admin import AdminClient

    from tests.system.faults.scene import Scene

NAME: Final = "upgrade"
"""Of database and group; topic names are part of what is recorded, too."""

PARTITIONS: Final = 2
GROUP_OFFSETS: Final = {0: 13, 1: 27}
POSITIONS: Final = {0: 20, 1: 27}

_FOLDER = Path(__file__).parent


def _lines(name: str) -> Iterator[dict[str, Any]]:
    for line in (_FOLDER / name).read_text().splitlines():
        yield json.loads(line)


def leave(scene: Scene, admin: AdminClient) -> None:
    """Puts all of it in its place."""
    _store(scene, admin)
    with created_times(admin, scene.checker.watched.topic):
        send_again(scene, _records())
    offsets = [TopicPartition(scene.checker.watched.topic, *each) for each in GROUP_OFFSETS.items()]
    wanted = ConsumerGroupTopicPartitions(scene.checker.watched.group, offsets)
    (altered,) = admin.alter_consumer_group_offsets([wanted]).values()
    assert [each.error for each in altered.result(30).topic_partitions] == [None] * PARTITIONS


def _store(scene: Scene, admin: AdminClient) -> None:
    cluster = admin.describe_cluster().result(30).cluster_id
    with MongoClient[dict[str, Any]](scene.checker.watched.mongo_uri) as client:
        client.drop_database(NAME)
        for collection, document in database():
            if collection == "positions":
                document["cluster"] = cluster
            client[NAME][collection].insert_one(document)


def database() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every document of MongoDB, with the name of its collection."""
    for line in _lines("database.jsonl"):
        yield line["collection"], json_util.loads(json.dumps(line["document"]))


def _records() -> Iterator[LogRecord]:
    for line in _lines("records.jsonl"):
        key, value = (text and text.encode() for text in (line["key"], line["value"]))
        headers = [(name, text and text.encode()) for name, text in line["headers"]]
        place = line["topic"], line["partition"], line["offset"]
        yield LogRecord(*place, line["timestamp"], key, value, headers)
