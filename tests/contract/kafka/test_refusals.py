"""What Kafka refuses, and how it is told."""

import pytest
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    InvalidProducerEpoch,
    KafkaConnectionError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from consumer.errors import BrokerDenied, BrokerUnavailable, PublisherFenced, PublishInDoubt, PublishRefused
from tests.contract.kafka.fake import SENT, FakeClient, started


@pytest.mark.parametrize("request_", ["AddPartitionsToTxn", "Produce", "EndTxn"])
@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (InvalidProducerEpoch, PublisherFenced),
        (TopicAuthorizationFailedError, BrokerDenied),
        (TransactionalIdAuthorizationFailed, BrokerDenied),
        (PolicyViolationError, PublishRefused),
    ],
)
async def test_an_error_is_told_by_its_name(request_, error, ours):
    client = FakeClient(**{request_: [error.errno]})
    publisher = await started(client)
    with pytest.raises(ours):
        await publisher.publish(SENT)
    assert client.names()[-1] == request_, "nothing follows it"


@pytest.mark.parametrize(
    ("answers", "told", "targets"),
    [
        (
            {"AddPartitionsToTxn": [PolicyViolationError.errno]},
            "Kafka refuses a transaction with t/1: the broker's log says why (PolicyViolationError)",
            [("t", 1)],
        ),
        (
            {"Produce": [MessageSizeTooLargeError.errno]},
            (
                "Kafka refuses a record batch of 69 bytes for t/1: raise max.message.bytes of the topic "
                "(MessageSizeTooLargeError)"
            ),
            [("t", 1)],
        ),
        (
            {"Produce": [IncompatibleBrokerVersion("Produce v3")]},
            "Kafka refuses Produce v3: upgrade the brokers to Kafka 4.0 or later (IncompatibleBrokerVersion)",
            [("t", 0), ("t", 1)],
        ),
    ],
)
async def test_a_refusal_says_what_is_refused_and_what_to_change(answers, told, targets):
    publisher = await started(FakeClient(**answers))
    with pytest.raises(PublishRefused) as refused:
        await publisher.publish(SENT)
    assert str(refused.value) == told
    assert list(refused.value.targets) == targets


async def test_which_partitions_have_no_leader():
    client = FakeClient()
    publisher = await started(client)
    both = {("t", 0), ("t", 1)}
    assert await publisher.leaderless(both) == {}
    client.leaders[1] = None
    ((which, why),) = (await publisher.leaderless(both)).items()
    assert (which, type(why), str(why)) == (("t", 1), BrokerUnavailable, "t/1 has no leader")
    client.cluster.unauthorized_topics.add("t")
    assert isinstance((await publisher.leaderless(both))["t", 1], BrokerDenied)
    assert client.refreshed, "the client's own view may be old"
    await publisher.discard()
    assert await publisher.leaderless(both) == {}, "nobody tells"


async def test_to_look_for_leaders_creates_no_topic():
    client = FakeClient()
    publisher = await started(client)
    assert await publisher.leaderless({("gone", 0)}) == {}
    (_, _, request) = client.sent[-1]
    assert (sorted(request._topics), request._allow_auto_topic_creation) == (["gone", "t"], False)


async def test_without_an_answer_no_partition_counts_as_one_without_a_leader():
    client = FakeClient(Metadata=[KafkaConnectionError()])
    publisher = await started(client)
    client.leaders[1] = None
    assert await publisher.leaderless({("t", 1)}) == {}
    assert not client.refreshed


@pytest.mark.parametrize(
    ("request_", "targets"), [("AddPartitionsToTxn", [("t", 1)]), ("Produce", [("t", 1)]), ("EndTxn", [])]
)
async def test_a_missing_right_names_its_partition(request_, targets):
    publisher = await started(FakeClient(**{request_: [TopicAuthorizationFailedError.errno]}))
    with pytest.raises(BrokerDenied) as denied:
        await publisher.publish(SENT)
    assert list(denied.value.targets) == targets


async def test_an_error_that_aiokafka_does_not_know_has_its_number_and_is_in_doubt():
    publisher = await started(FakeClient(Produce=[999]))
    with pytest.raises(PublishInDoubt, match=r"error 999 for a record batch of \d+ bytes for t/1"):
        await publisher.publish(SENT)
