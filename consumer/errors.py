"""Every fault the service names. Expected results (a rejected command) are values, not errors.

ContractsError                      exit code
  x SettingsError                           3   a setting is wrong
  x StartRefused                            4   the surroundings do not fit; waiting would not help
    - TransactionsUnsupported                   MongoDB is no replica set
    - TopicsMissing                             a topic is not there
    - TopicMismatch                             topics do not fit together, or cannot carry what we write
    - IndexConflict                             an index exists with other options
    - ForeignDocuments                          a collection of ours holds what is not ours
    - SlowClient                                the C extension of aiokafka is not loaded
  x StoreError                              5
    - StoreUnavailable                          MongoDB is away or slow: retry with backoff
    - StoreDenied                               MongoDB refuses our credentials or rights
    - NewerSchema                               a newer program has been at work: wait for the upgrade
    - Fenced                                    another owner, or the database went back: resume
    - PoisonDocument                            MongoDB refuses one document, and always will
      + ContractIdTaken                         another account's contract has its id by now: look again
    - AheadOfPosition                           MongoDB holds writes beyond its position
    - WriteConflict                             a passing conflict: try the transaction again
    - BatchTooLarge                             the transaction is too large or too long: halve the batch
    - OutcomeUnknown                            the commit may or may not have happened: resume
  x LogError                                6
    - BrokerUnavailable                         Kafka is away or slow: retry with backoff
    - BrokerDenied                              Kafka refuses our credentials or rights
    - PublisherFenced                           another worker has taken our partitions over
    - PublishInDoubt                            the Kafka transaction may or may not have happened
    - OutOfLog                                  a position is not in the log: a takeover finds out why
    - RecordDamaged                             a record's checksum is wrong: perhaps not on another replica
    - PartitionMissing                          the brokers do not know a partition any more
    - ForeignTransaction                        an open transaction of a stranger hides what lies behind it
  x PositionError                           7   one partition waits for an operator's decision
    - JournalMissing
    - UpgradeNeeded
    - JournalForeign
    - GenerationChanged
    - PositionMissing
    - ClusterChanged
    - GroupChanged
    - TopicRecreated
    - PartitionCountChanged
    - PartitionerChanged
    - PositionBeforeLog
    - PositionBeyondLog
    - ProgressBeyondLog
    - LogDamaged
    - OutboxHole
    - TornDatabase
  x DeadLetterLimit                         8   too many records are not commands: the partition is paused
  x CommandRejected                         9   a published command was refused
  x ResultTimeout                          10   a published command's result has not come yet
  x ContractNotFound                       11
  x ServiceUnavailable                     12   a reader's or manager's server is away
  x InputRefused                           13   a file or an argument cannot be used
    - WrongUsage                            2   the command line is wrong by itself
  x HistoryPruned                          14   what is asked for is older than the history that is kept
  x SchemasIncompatible                    15   a published schema changed in a way that breaks its users
  x ForeignDocument                        16   the database holds a document that is not the service's own
  x OutputFailed                           17   stdout is closed or full

Exit code 0 is success, 1 a defect of this program, 2 a wrong command line, 130 Ctrl-C, 141 a closed pipe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class ContractsError(Exception):
    """The root. Its text is one line without credentials or personal data; `hint` says what to do."""

    exit_code: ClassVar[int] = 1
    label: ClassVar[str] = "a defect"
    """What the exit code means, in the list of exit codes."""
    hint: str = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class SettingsError(ContractsError):
    """One or more settings are wrong; `mistakes` has a readable line for each."""

    exit_code = 3
    label = "settings are wrong"
    hint = "`contracts settings` lists all of them, with their meanings and defaults"

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class StartRefused(ContractsError):
    """The service would not work here, and waiting would not change that."""

    exit_code = 4
    label = "start refused"


class TransactionsUnsupported(StartRefused):
    """MongoDB stands alone: without transactions nothing is exactly once."""

    hint = "run MongoDB as a replica set (one member is enough): `mongod --replSet rs0`, then `rs.initiate()`"


class TopicsMissing(StartRefused):
    """One or more of the topics are not there; the broker must not invent them with its defaults."""

    hint = "create them with `contracts topics ensure`"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"missing topics: {', '.join(names)}")
        self.names = tuple(names)


class TopicMismatch(StartRefused):
    """The topics' partition counts differ, or a topic cannot carry what is written to it."""

    hint = "`contracts topics ensure` shows each difference"


class IndexConflict(StartRefused):
    """An index exists under a name or key of ours, with other options."""

    hint = "drop it, then run `contracts indexes ensure`"


class ForeignDocuments(StartRefused):
    """A collection of this name was somebody else's before: its documents are not the service's own."""

    hint = (
        "set CONTRACTS_MONGO_DATABASE to a database of its own, or rename the collection; then adopt the "
        "contracts with `contracts import --from-mongo URI --collection NAME`"
    )


class SlowClient(StartRefused):
    """aiokafka runs without its C extension: 100 times slower, and silent about it."""

    hint = (
        "install a binary wheel of aiokafka for this platform: `pip install --only-binary aiokafka aiokafka`"
    )


class StoreError(ContractsError):
    """MongoDB did not do what was asked."""

    exit_code = 5
    label = "MongoDB failed"


class StoreUnavailable(StoreError):
    """MongoDB is away, slow, or electing. Nothing was changed; try again later."""

    hint = "is MongoDB running, and is CONTRACTS_MONGO_URI right?"


class StoreDenied(StoreError):
    """MongoDB refuses our credentials, or a right is missing: wait, and tell the operator."""

    hint = "check the user in CONTRACTS_MONGO_URI and its roles"


class NewerSchema(StoreError):
    """A contract is stored in a shape that only a newer version of this program knows."""

    hint = "upgrade this instance, too: an older one cannot go on with what a newer one has stored"


class Fenced(StoreError):
    """The position is not where this owner left it: somebody else owns it, or the database went back."""


class PoisonDocument(StoreError):
    """MongoDB refuses a document of the batch (validation, size, encoding) and always will."""


class ContractIdTaken(PoisonDocument):
    """Two contracts would have one id: another partition was quicker, or a new id is one that was adopted."""


class AheadOfPosition(StoreError):
    """What the batch would write is there already: the database is not of one moment."""


class WriteConflict(StoreError):
    """Another transaction touched the same documents just now; the same batch may be tried again."""


class BatchTooLarge(StoreError):
    """The transaction is too large or takes too long for MongoDB; a smaller batch may fit."""


class OutcomeUnknown(StoreError):
    """The MongoDB commit may or may not have happened: only reading the position tells."""


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


class CommandRejected(ContractsError):
    """The service refused a command; `code` is one of those in schemas/events.py."""

    exit_code = 9
    label = "command rejected"

    def __init__(self, code: str, message: str, *, errors: Sequence[tuple[str, str]] = ()) -> None:
        details = "".join(f"; {path or 'command'}: {why}" for path, why in errors)
        super().__init__(f"{code}: {message}{details}")
        self.code = code
        self.errors = tuple(errors)


class ResultTimeout(ContractsError):
    """The command is in the log and will be applied; its result has not come within the time given."""

    exit_code = 10
    label = "no result yet"
    hint = "is the service running? Sending the same command again under the same id is safe"


class ContractNotFound(ContractsError):
    """There is no such contract."""

    exit_code = 11
    label = "no such contract"


class ServiceUnavailable(ContractsError):
    """MongoDB or Kafka did not answer a reader or manager: the answer is unknown, not empty."""

    exit_code = 12
    label = "reading failed"


class InputRefused(ContractsError):
    """A file or an argument given by the user cannot be used.

    `errors` are its mistakes as (JSON Pointer, what is wrong there), where there is a document to point into.
    """

    exit_code = 13
    label = "unusable input"

    def __init__(
        self, message: str, *, errors: Sequence[tuple[str, str]] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.errors = tuple(errors)


class WrongUsage(InputRefused):
    """Arguments of the command line that are malformed, or do not go together."""

    exit_code = 2


class HistoryPruned(ContractsError):
    """An earlier state of a contract cannot be shown: the history that leads there is not kept any more."""

    exit_code = 14
    label = "history not kept"
    hint = "CONTRACTS_HISTORY_RETENTION_DAYS sets how long; `contracts.changed` may still hold the event"


class SchemasIncompatible(ContractsError):
    """A published schema changed in a way that breaks those who send commands or read events."""

    exit_code = 15
    label = "breaking schemas"
    hint = "give the message a new version beside the old one, and go on reading the old one as well"


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


class OutputFailed(ContractsError):
    """What a command prints cannot be written. What it did is done all the same."""

    exit_code = 17
    label = "the output cannot be written"
