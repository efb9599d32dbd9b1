"""All errors of the service. Expected outcomes, such as a rejected command, are values and not errors.

ContractsError                      exit code
  x SettingsError                           3   a setting is missing or invalid
  x StartRefused                            4   the servers do not meet a requirement; a restart does not help
    - TransactionsUnsupported                   MongoDB is not a replica set
    - TopicsMissing                             a topic does not exist
    - TopicMismatch                             partition counts or limits of the topics are wrong
    - IndexConflict                             an index exists with other options
    - ForeignDocuments                          a collection holds documents of another program
    - SlowClient                                the C extension of aiokafka is not loaded
  x StoreError                              5
    - StoreUnavailable                          MongoDB does not answer: retry with backoff
    - StoreDenied                               MongoDB refuses the credentials, or a privilege is missing
    - NewerSchema                               a document was stored by a newer version: upgrade
    - Fenced                                    another owner, or a restored database: take over again
    - PoisonDocument                            MongoDB refuses a document; a retry does not help
      + ContractIdTaken                         the contract id now belongs to another account
    - AheadOfPosition                           MongoDB holds changes from after its position
    - WriteConflict                             conflict with another transaction: retry
    - BatchTooLarge                             the transaction is too large or too slow: halve the batch
    - OutcomeUnknown                            it is not known whether the commit happened: take over
  x LogError                                6
    - BrokerUnavailable                         Kafka does not answer: retry with backoff
    - BrokerDenied                              Kafka refuses the credentials, or an ACL is missing
    - PublisherFenced                           another worker has taken the partitions over
    - PublishInDoubt                            it is not known whether the Kafka commit happened
    - PublishRefused                            Kafka refuses a batch: its text says what to change
    - OutOfLog                                  a position is outside the log: take over to find the cause
    - RecordDamaged                             wrong checksum; another replica may be intact
    - PartitionMissing                          a partition no longer exists
    - ForeignTransaction                        an open transaction of another program blocks reading
  x PositionError                           7   a partition stops until an operator decides
    - JournalMissing
    - UpgradeNeeded
    - JournalForeign
    - JournalDamaged
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
  x DeadLetterLimit                         8   a partition stops: too many dead letters
  x CommandRejected                         9   the service rejected a command
  x ResultTimeout                          10   no result of a command within the timeout
  x ContractNotFound                       11
  x ServiceUnavailable                     12   MongoDB or Kafka did not answer a reader
  x InputRefused                           13   a file or an argument cannot be used
    - WrongUsage                            2   the arguments of a command are wrong
  x HistoryPruned                          14   the requested state is older than the history
  x SchemasIncompatible                    15   a breaking change of a published schema
  x ForeignDocument                        16   a damaged document, or one of another program
  x OutputFailed                           17   stdout cannot be written
  x ChecksFailed                           18   `contracts doctor` found an error
  x CommandNotFound                        19
  x HistoryNotUpgraded                     20   statistics read history that version 0.1 stored as text
  x TemplatesRefused                       21   the templates file is wrong, or rewrites what was in force
  x HistoryTampered                        22   the history was changed outside the service
  x DecidesOtherwise                       23   `shadow` found differences
  x CheckpointDamaged                      24   a checkpoint is not as it was written

Exit code 0 is success, 1 an unexpected error, 2 a wrong command line, 130 Ctrl-C, 141 a closed pipe.
"""

from __future__ import annotations

from consumer.errors.callers import (
    CheckpointDamaged,
    ChecksFailed,
    CommandNotFound,
    CommandRejected,
    ContractNotFound,
    DecidesOtherwise,
    HistoryNotUpgraded,
    HistoryPruned,
    HistoryTampered,
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
    JournalDamaged,
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
    PublishRefused,
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
    TemplatesRefused,
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
    "PublishRefused",
    "OutOfLog",
    "RecordDamaged",
    "PartitionMissing",
    "ForeignTransaction",
    "PositionError",
    "JournalMissing",
    "UpgradeNeeded",
    "JournalForeign",
    "JournalDamaged",
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
    "CheckpointDamaged",
    "ChecksFailed",
    "CommandNotFound",
    "DecidesOtherwise",
    "HistoryNotUpgraded",
    "TemplatesRefused",
    "HistoryTampered",
]
