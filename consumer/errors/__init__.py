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

from consumer.errors.callers import (
    CommandRejected,
    ContractNotFound,
    HistoryPruned,
    InputRefused,
    OutputFailed,
    ResultTimeout,
    SchemasIncompatible,
    ServiceUnavailable,
    WrongUsage,
)
from consumer.errors.decisions import (
    ClusterChanged,
    DeadLetterLimit,
    ForeignDocument,
    GenerationChanged,
    GroupChanged,
    JournalForeign,
    JournalMissing,
    LogDamaged,
    OutboxHole,
    PartitionCountChanged,
    PartitionerChanged,
    PositionBeforeLog,
    PositionBeyondLog,
    PositionError,
    PositionMissing,
    ProgressBeyondLog,
    TopicRecreated,
    TornDatabase,
    UpgradeNeeded,
)
from consumer.errors.log import (
    BrokerDenied,
    BrokerUnavailable,
    ForeignTransaction,
    LogError,
    OutOfLog,
    PartitionMissing,
    PublisherFenced,
    PublishInDoubt,
    RecordDamaged,
)
from consumer.errors.root import (
    ContractsError,
)
from consumer.errors.starting import (
    ForeignDocuments,
    IndexConflict,
    SettingsError,
    SlowClient,
    StartRefused,
    TopicMismatch,
    TopicsMissing,
    TransactionsUnsupported,
)
from consumer.errors.store import (
    AheadOfPosition,
    BatchTooLarge,
    ContractIdTaken,
    Fenced,
    NewerSchema,
    OutcomeUnknown,
    PoisonDocument,
    StoreDenied,
    StoreError,
    StoreUnavailable,
    WriteConflict,
)

__all__ = [  # noqa: RUF022 - as in the tree
    "ContractsError",
    "SettingsError",
    "StartRefused",
    "TransactionsUnsupported",
    "TopicsMissing",
    "TopicMismatch",
    "IndexConflict",
    "ForeignDocuments",
    "SlowClient",
    "StoreError",
    "StoreUnavailable",
    "StoreDenied",
    "NewerSchema",
    "Fenced",
    "PoisonDocument",
    "ContractIdTaken",
    "AheadOfPosition",
    "WriteConflict",
    "BatchTooLarge",
    "OutcomeUnknown",
    "LogError",
    "BrokerUnavailable",
    "BrokerDenied",
    "PublisherFenced",
    "PublishInDoubt",
    "OutOfLog",
    "RecordDamaged",
    "PartitionMissing",
    "ForeignTransaction",
    "PositionError",
    "JournalMissing",
    "UpgradeNeeded",
    "JournalForeign",
    "GenerationChanged",
    "PositionMissing",
    "ClusterChanged",
    "GroupChanged",
    "TopicRecreated",
    "PartitionCountChanged",
    "PartitionerChanged",
    "PositionBeforeLog",
    "PositionBeyondLog",
    "ProgressBeyondLog",
    "LogDamaged",
    "OutboxHole",
    "TornDatabase",
    "DeadLetterLimit",
    "CommandRejected",
    "ResultTimeout",
    "ContractNotFound",
    "ServiceUnavailable",
    "InputRefused",
    "WrongUsage",
    "HistoryPruned",
    "SchemasIncompatible",
    "ForeignDocument",
    "OutputFailed",
]
