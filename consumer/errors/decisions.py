"""What stops one partition until an operator decides: the others go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from consumer.errors.root import ContractsError

if TYPE_CHECKING:
    from collections.abc import Sequence


class PositionError(ContractsError):
    """The stored position and the log do not fit together: only an operator knows why.

    The partition stops; the others go on. `facts` fill the gaps of the class's `why`.
    """

    exit_code = 7
    label = "a position needs a decision"
    why: ClassVar[str] = "the position does not fit the log"
    decision: ClassVar[str] = "--help"
    """The option of `contracts positions reset` that goes on from here."""

    def __init__(self, topic: str, partition: int, **facts: object) -> None:
        super().__init__(
            f"{topic}/{partition}: {self.why.format_map(facts)}",
            hint=f"look at `contracts positions show`, then decide with "
            f"`contracts positions reset --partition {partition} {self.decision}`",
        )
        self.topic = topic
        self.partition = partition
        self.facts = facts


class JournalMissing(PositionError):
    """MongoDB has a position of a partition that the journal says nothing about."""

    why = "MongoDB stands at offset {position}, but the journal does not say what is published"
    decision = "--to-database"


class UpgradeNeeded(PositionError):
    """Version 0.1 has worked here, which had no journal."""

    why = "MongoDB stands at offset {position}, stored by version 0.1, which had no journal"
    decision = "--from-group-offset"


class JournalForeign(PositionError):
    """Somebody else has written into the journal."""

    why = "the journal has a record at offset {offset} that no worker wrote"
    decision = "--to-database"


class GenerationChanged(PositionError):
    """MongoDB and the journal tell of different logs: one of them went back behind a decision."""

    why = "MongoDB is at generation {expected} of the log, but the journal at {found}"
    decision = "--to-database"


class PositionMissing(PositionError):
    """The database is empty or another one, while the service has worked before."""

    why = "outputs are published up to offset {progress}, but MongoDB has no position: another database?"
    decision = "--rebuild"


class ClusterChanged(PositionError):
    """The brokers are another cluster than the one the position was made on."""

    why = "the position belongs to cluster {expected}, but this is cluster {found}"
    decision = "--accept-cluster"


class GroupChanged(PositionError):
    """The consumer group is another one than before: its offsets say nothing about this database."""

    why = "the position belongs to group {expected}, but CONTRACTS_GROUP_ID is {found}"
    decision = "--accept-group"


class TopicRecreated(PositionError):
    """The record before the position is not the one that was consumed: this is another topic."""

    why = "the record at offset {offset} is not the one applied before: the topic was created anew"
    decision = "--new-generation"


class PartitionCountChanged(PositionError):
    """Accounts have moved to other partitions: their order holds only once the old ones are drained."""

    why = "the topic had {expected} partitions and now has {found}: accounts have moved between them"
    decision = "--accept-partition-count"


class PartitionerChanged(PositionError):
    """Another partitioner looks for the accounts in other partitions: as if the count had changed."""

    why = "accounts were found by the partitioner {expected}, but CONTRACTS_PARTITIONER is {found}"
    decision = "--accept-partition-count"


class PositionBeforeLog(PositionError):
    """Records were deleted before they were applied."""

    why = "the log begins at offset {start}: records from {position} on were deleted unread"
    decision = "--to-log-start"


class PositionBeyondLog(PositionError):
    """The log has lost its tail: what was applied is not in it any more."""

    why = "the log ends at offset {end}, but was applied up to {position}: it has lost its tail"
    decision = "--to-log-end"


class ProgressBeyondLog(PositionError):
    """The log has lost its tail: what was published came from there, but not all of what is stored."""

    why = "the log ends at offset {end}, but outputs are published up to {progress}: it has lost its tail"
    decision = "--to-database"


class LogDamaged(PositionError):
    """The checksum of a batch of records stays wrong: its commands cannot be read."""

    why = "the records at offset {offset} are damaged (wrong checksum), and stay so"
    decision = "--past-damage"


class OutboxHole(PositionError):
    """Stored outputs are missing that were not published yet: going on would lose them."""

    why = "the outbox has not all of the unpublished range {progress} to {position}"
    decision = "--to-database"


class TornDatabase(PositionError):
    """A contract is ahead of the position: the backup it came from was not one moment's."""

    why = "{what}, but the position is {position}: a torn backup"
    decision = "--rebuild"


class DeadLetterLimit(ContractsError):
    """So many records are not commands that a producer must be wrong; the partition is paused."""

    exit_code = 8
    label = "too many dead letters"
    hint = "see `contracts dead-letters list`; go on with CONTRACTS_DEAD_LETTER_LIMIT_OFF=true"

    def __init__(self, topic: str, partition: int, *, dead: int, window: int) -> None:
        super().__init__(f"{topic}/{partition}: {dead} of the last {window} records are not commands")
        self.topic = topic
        self.partition = partition


class ForeignDocument(ContractsError):
    """A document in one of the service's collections is damaged, or somebody else's.

    A partition that meets one stands still, the others go on: to guess what it means, or to go on without
    it, could overwrite it.
    """

    exit_code = 16
    label = "a document is not the service's own"
    hint = "restore it or move it to another collection, then restart; `contracts import` adopts contracts"

    def __init__(self, collection: str, misfits: Sequence[tuple[object, str]]) -> None:
        shown = "; ".join(f"{collection} {_shortened(name)}: {why}" for name, why in misfits[:_SHOWN])
        more = f"; and {len(misfits) - _SHOWN} more" if len(misfits) > _SHOWN else ""
        super().__init__(f"not a document of this service: {shown}{more}")
        self.names = tuple(name for name, _ in misfits)


_SHOWN = 3
_NAME_LENGTH = 64


def _shortened(name: object) -> str:
    text = " ".join(str(name).split())
    return text if len(text) <= _NAME_LENGTH else f"{text[:_NAME_LENGTH]}…"
