"""Which runbooks a panel leads to: those of the alerts that watch the same."""

from __future__ import annotations

from typing import Final

RUNBOOKS: Final = {
    "Instances": ("ContractsNothingScraped",),
    "Partitions without owner": ("ContractsPartitionWithoutOwner",),
    "Stopped partitions": ("ContractsPartitionStopped",),
    "Oldest waiting": ("ContractsLagSeconds",),
    "Age of the oldest": ("ContractsLagSeconds",),
    "Cannot be read": ("ContractsPartitionLeftOut", "ContractsOpenTransaction", "ContractsTopicMissing"),
    "Waiting commands": ("ContractsLagGrowing",),
    "Within 5 s": ("ContractsLatencyBudget",),
    "Latency": ("ContractsLatencyBudget",),
    "Dead letters": ("ContractsDeadLetterRate",),
    "Fresh starts": ("ContractsResumeLoop",),
    "Owned partitions": ("ContractsPartitionWithoutOwner",),
    "API: requests": ("ContractsApiErrors", "ContractsApiTokensOutdated"),
    "Since the last scan": ("ContractsScannerStale", "ContractsHistoryNotProven"),
    "MongoDB: share of errors": ("ContractsMongoErrors",),
    "MongoDB: fresh starts": ("ContractsMongoErrors",),
    "Kafka: fresh starts": ("ContractsFenced",),
}
"""By the panel's title."""
