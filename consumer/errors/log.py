"""An operation on Kafka failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.errors.root import ContractsError
from schemas.topics import POSITIONS

if TYPE_CHECKING:
    from collections.abc import Collection


class LogError(ContractsError):
    """An operation on Kafka failed."""

    exit_code = 6
    label = "Kafka failed"

    def __init__(
        self, message: str, targets: Collection[tuple[str, int]] = (), *, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.targets = targets
        """The partitions that refuse their records, each as its topic and number; none: it is not known."""


class BrokerUnavailable(LogError):
    """Kafka does not answer; retry later."""

    hint = "is Kafka running, and is CONTRACTS_KAFKA_BOOTSTRAP_SERVERS right?"


class BrokerDenied(LogError):
    """Kafka refuses the credentials, or an ACL is missing."""

    hint = "check the CONTRACTS_KAFKA_… credentials and the ACLs of this user"


class PublisherFenced(LogError):
    """A newer producer uses the same transactional id."""


class PublishInDoubt(LogError):
    """It is not known whether the Kafka transaction was committed. Its producer must not be used again."""


class PublishRefused(LogError):
    """Kafka refuses what is to be published until an operator acts. Nothing was published."""

    hint = "what is refused is stored: the service publishes it as soon as Kafka takes it"


class OutOfLog(LogError):
    """A position is outside the log. The next takeover finds out why."""


class RecordDamaged(LogError):
    """The checksum of a batch of records is wrong. Another replica may have an intact copy.

    `after` is the first offset after the batch, or None if it is not known.
    """

    hint = (
        "make a replica with an intact copy the leader; otherwise the partition stops until an "
        "operator decides"
    )

    def __init__(self, topic: str, partition: int, offset: int, after: int | None = None) -> None:
        super().__init__(f"{topic}/{partition}: the records at offset {offset} are damaged (wrong checksum)")
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.after = after


class PartitionMissing(LogError):
    """A partition no longer exists: its topic was deleted."""

    hint = "was the topic deleted? `contracts topics ensure` creates it again"


class ForeignTransaction(LogError):
    """Another program has an open transaction in the topic. Records after its start cannot be read yet."""

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        what = f"a producer's open transaction at offset {offset} hides the records behind it"
        of = f"--topic {topic} --partition {partition}"
        hint = f"`kafka-transactions.sh --bootstrap-server B describe-producers {of}` names it"
        if topic.endswith(POSITIONS):
            hint += "; only the service may write to the journal"
        super().__init__(f"{topic}/{partition}: {what}", hint=hint)
