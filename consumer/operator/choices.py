"""The decisions about a stopped partition, and what each means: for the command line and the console."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Decision(StrEnum):
    """The decisions about a stopped partition; MEANINGS says what each does."""

    TO_DATABASE = "to-database"
    FROM_GROUP_OFFSET = "from-group-offset"
    REBUILD = "rebuild"
    ACCEPT_CLUSTER = "accept-cluster"
    ACCEPT_GROUP = "accept-group"
    NEW_GENERATION = "new-generation"
    ACCEPT_PARTITION_COUNT = "accept-partition-count"
    TO_LOG_START = "to-log-start"
    TO_LOG_END = "to-log-end"
    PAST_DAMAGE = "past-damage"


MEANINGS: Final[dict[Decision, str]] = {
    Decision.TO_DATABASE: "Trust the database: everything it holds counts as published.",
    Decision.FROM_GROUP_OFFSET: "Upgrade from version 0.1: take the progress from the group's offset.",
    Decision.REBUILD: "The database is empty: apply the whole log again, publish nothing twice.",
    Decision.ACCEPT_CLUSTER: "Another Kafka cluster holds the same log at the same offsets.",
    Decision.ACCEPT_GROUP: "Continue from the position under the new consumer group.",
    Decision.NEW_GENERATION: "The topic was created again: keep the contracts, apply the new log.",
    Decision.ACCEPT_PARTITION_COUNT: "Partitions were added after the old ones were drained.",
    Decision.TO_LOG_START: (
        "Skip records that were deleted before they were applied: continue at the log start."
    ),
    Decision.TO_LOG_END: "Records at the end of the log are missing: continue at the log end.",
    Decision.PAST_DAMAGE: "Skip damaged records that no replica has an intact copy of.",
}
