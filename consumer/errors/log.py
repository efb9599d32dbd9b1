"""Kafka did not do what was asked."""

from __future__ import annotations

from consumer.errors.root import ContractsError


class LogError(ContractsError):
    """Kafka did not do what was asked."""

    exit_code = 6
    label = "Kafka failed"


class BrokerUnavailable(LogError):
    """Kafka is away or slow; try again later."""

    hint = "is Kafka running, and is CONTRACTS_KAFKA_BOOTSTRAP_SERVERS right?"


class BrokerDenied(LogError):
    """Kafka refuses our credentials, or a right is missing."""

    hint = "check the CONTRACTS_KAFKA_… credentials and the ACLs of this user"


class PublisherFenced(LogError):
    """A newer producer has this partition's transactional id."""


class PublishInDoubt(LogError):
    """The Kafka transaction may or may not have happened: never go on with the same producer."""


class OutOfLog(LogError):
    """A position does not lie in the log: only a takeover looks at everything before it says why."""


class RecordDamaged(LogError):
    """The checksum of a batch of records is wrong; another replica may have it sound.

    `after` is the offset behind the batch; None: it cannot be told.
    """

    hint = "let a replica lead that has it sound; without one the partition stops, and waits for a decision"

    def __init__(self, topic: str, partition: int, offset: int, after: int | None = None) -> None:
        super().__init__(f"{topic}/{partition}: the records at offset {offset} are damaged (wrong checksum)")
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.after = after


class PartitionMissing(LogError):
    """The brokers do not know a partition any more: its topic was deleted."""

    hint = "was the topic deleted? `contracts topics ensure` creates it again"


class ForeignTransaction(LogError):
    """Somebody who is no worker of ours holds a transaction open: what lies behind it cannot be read yet."""

    hint = "nobody else may write into the journal; Kafka ends the transaction by itself after its timeout"
