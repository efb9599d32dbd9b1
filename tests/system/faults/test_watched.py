"""What the checker reads is all that was published, also what a broker still hides for a moment."""

import threading
import time
from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from devstack.proof.watched import Watched
from tests.servers import create_topic

TOPIC = "contracts.command-results"
HIDDEN_SECONDS = 1.0


def watched_of(kafka, prefix):
    create_topic(kafka.bootstrap, prefix + TOPIC, 1)
    return Watched(bootstrap=kafka.bootstrap, mongo_uri="", database="none", partitions=1, prefix=prefix)


def publishing(kafka, watched, value):
    """A producer with an open transaction, in which this value is."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": f"{watched.prefix}one"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(watched.prefix + TOPIC, value, partition=0)
    assert producer.flush(30) == 0
    return producer


def test_a_read_with_ended_waits_for_the_end_of_a_transaction(kafka, topic_prefix):
    watched = watched_of(kafka, topic_prefix)
    producer = publishing(kafka, watched, b"hidden")
    assert watched.read([watched.prefix + TOPIC]) == []
    ending = threading.Timer(HIDDEN_SECONDS, producer.commit_transaction, [30])
    ending.start()
    began = time.monotonic()
    found = watched.read([watched.prefix + TOPIC], ended=True)
    ending.join()
    assert [record.value for record in found] == [b"hidden"]
    assert time.monotonic() - began >= HIDDEN_SECONDS


def test_a_read_with_ended_passes_over_what_was_aborted(kafka, topic_prefix):
    watched = watched_of(kafka, topic_prefix)
    producer = publishing(kafka, watched, b"aborted")
    producer.abort_transaction(30)
    assert watched.read([watched.prefix + TOPIC], ended=True) == []


@pytest.mark.parametrize(
    ("code", "times"), [(KafkaError.UNKNOWN_LEADER_EPOCH, 2), (KafkaError.TOPIC_AUTHORIZATION_FAILED, 1)]
)
def test_only_a_leader_that_moves_is_asked_again(kafka, topic_prefix, monkeypatch, code, times):
    watched = watched_of(kafka, topic_prefix)
    asked = []
    list_offsets = AdminClient.list_offsets

    def refused_once(self, partitions, **options):
        asked.append(partitions)
        answers = list_offsets(self, partitions, **options)
        if len(asked) == 1:
            for place in answers:
                answers[place] = Future()
                answers[place].set_exception(KafkaException(KafkaError(code)))
        return answers

    monkeypatch.setattr(AdminClient, "list_offsets", refused_once)
    if times == 1:
        with pytest.raises(KafkaException):
            watched.read([watched.prefix + TOPIC], ended=True)
    else:
        assert watched.read([watched.prefix + TOPIC], ended=True) == []
    assert len(asked) == times
