"""Errors that stop one partition until an operator decides. The others continue."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from consumer.errors.root import ContractsError

if TYPE_CHECKING:
    from collections.abc import Sequence


class PositionError(ContractsError):
    """The stored position does not fit the log, and only an operator can know why.

    The partition stops; the others continue. `facts` are the values for the placeholders in `why`.
    """

    exit_code = 7
    label = "a stopped partition needs a decision"
    why: ClassVar[str] = "the position does not fit the log"
    decision: ClassVar[str] = "--help"
    """The option of `contracts positions reset` with which the partition can continue."""

    def __init__(self, topic: str, partition: int, **facts: object) -> None:
        super().__init__(
            f"{topic}/{partition}: {self.why.format_map(facts)}",
            hint=f"see `contracts positions show`, then decide with "
            f"`contracts positions reset --partition {partition} {self.decision}`",
        )
        self.topic = topic
        self.partition = partition
        self.facts = facts


class JournalMissing(PositionError):
    """MongoDB has a position for the partition, but the journal has no progress."""

    why = "the position in MongoDB is {position}, but the journal has no progress"
    decision = "--to-database"


class UpgradeNeeded(PositionError):
    """The position was stored by version 0.1, which had no journal."""

    why = "the position {position} was stored by version 0.1, which had no journal"
    decision = "--from-group-offset"


class JournalForeign(PositionError):
    """Another program has written to the journal."""

    why = "the journal has a record at offset {offset} that was not written by this service"
    decision = "--to-database"


class JournalDamaged(PositionError):
    """The last records of the journal cannot be read, also after retries."""

    why = "the journal has damaged records at offset {offset}, also after retries"
    decision = "--to-database"


class GenerationChanged(PositionError):
    """MongoDB and the journal have different generations: one was restored to a state before a decision."""

    why = "the position belongs to generation {expected} of the log, but the journal to {found}"
    decision = "--to-database"


class PositionMissing(PositionError):
    """The journal has progress, but the database has no position: it is empty, or another database."""

    why = (
        "outputs are published up to offset {progress}, but MongoDB has no position: is it another database?"
    )
    decision = "--rebuild"


class ClusterChanged(PositionError):
    """The position was stored with another Kafka cluster."""

    why = "the position belongs to cluster {expected}, but this is cluster {found}"
    decision = "--accept-cluster"


class GroupChanged(PositionError):
    """The position was stored under another consumer group."""

    why = "the position belongs to group {expected}, but CONTRACTS_GROUP_ID is {found}"
    decision = "--accept-group"


class TopicRecreated(PositionError):
    """The record before the position is not the one that was applied: the topic was created again."""

    why = "the record at offset {offset} is not the one that was applied: the topic was created again"
    decision = "--new-generation"


class PartitionCountChanged(PositionError):
    """Accounts now have other home partitions.

    Their commands stay in order only if the old ones were drained.
    """

    why = "the topic had {expected} partitions and now has {found}: accounts have other home partitions"
    decision = "--accept-partition-count"


class PartitionerChanged(PositionError):
    """The partitioner was changed: accounts have other home partitions, as after a change of the count."""

    why = "the position was stored with the partitioner {expected}, but CONTRACTS_PARTITIONER is {found}"
    decision = "--accept-partition-count"


class PositionBeforeLog(PositionError):
    """Records were deleted before they were applied."""

    why = "the log starts at offset {start}: records from {position} on were deleted before they were applied"
    decision = "--to-log-start"


class PositionBeyondLog(PositionError):
    """The log ends before the position: records that were applied are missing."""

    why = "the log ends at offset {end}, before the position {position}: records at its end are missing"
    decision = "--to-log-end"


class ProgressBeyondLog(PositionError):
    """The log ends before the progress: records whose outputs are published are missing."""

    why = "the log ends at offset {end}, but outputs are published up to {progress}: records are missing"
    decision = "--to-database"


class LogDamaged(PositionError):
    """The checksum of a batch of records is still wrong after retries: its commands cannot be read."""

    why = "the records at offset {offset} are damaged (wrong checksum), also after retries"
    decision = "--past-damage"


class OutboxHole(PositionError):
    """Outputs that are not published yet are missing in the outbox. To continue would lose them."""

    why = "the outbox does not hold all outputs from {progress} to {position}, which are not published"
    decision = "--to-database"


class TornDatabase(PositionError):
    """The database holds changes from after the position: the restored backup was not consistent."""

    why = "{what}, but the position is {position}: the restored backup is not consistent"
    decision = "--rebuild"


class DeadLetterLimit(ContractsError):
    """Too many recent records are dead letters: a producer is probably faulty. The partition stops."""

    exit_code = 8
    label = "too many dead letters"
    hint = "see `contracts dead-letters list`; to continue, start with CONTRACTS_DEAD_LETTER_LIMIT_OFF=true"

    def __init__(self, topic: str, partition: int, *, dead: int, window: int) -> None:
        super().__init__(f"{topic}/{partition}: {dead} of the last {window} records are dead letters")
        self.topic = topic
        self.partition = partition


class ForeignDocument(ContractsError):
    """A document in one of the service's collections is damaged, or belongs to another program.

    A partition that needs it stops; the others continue. To ignore or guess its content could overwrite it.
    """

    exit_code = 16
    label = "a damaged or foreign document"
    hint = "restore it, or move it to another collection; then restart. `contracts import` adopts contracts"

    def __init__(self, collection: str, misfits: Sequence[tuple[object, str]]) -> None:
        shown = "; ".join(f"{collection} {_shortened(name)}: {why}" for name, why in misfits[:_SHOWN])
        more = f"; and {len(misfits) - _SHOWN} more" if len(misfits) > _SHOWN else ""
        super().__init__(f"damaged or foreign document: {shown}{more}")
        self.names = tuple(name for name, _ in misfits)


_SHOWN = 3
_NAME_LENGTH = 64


def _shortened(name: object) -> str:
    text = " ".join(str(name).split())
    return text if len(text) <= _NAME_LENGTH else f"{text[:_NAME_LENGTH]}…"
