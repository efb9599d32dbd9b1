"""The table of topics: names, keys and contents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One row of the table of topics. `name` comes after the prefix of the settings."""

    name: str
    direction: Literal["in", "out", "journal"]
    key: str
    meaning: str
    compacted: bool = False
    """Kafka keeps the last record of each key forever."""


COMMANDS: Final = "contracts.commands"
CHANGED: Final = "contracts.changed"
EXPIRING: Final = "contracts.expiring"
RENEWAL_NOTICES: Final = "contracts.renewal-notices"
LIMIT_REACHED: Final = "contracts.limit-reached"
COMMAND_RESULTS: Final = "contracts.command-results"
STATE: Final = "contracts.state"
DEAD_LETTERS: Final = "contracts.dead-letters"
POSITIONS: Final = "contracts.positions"

TOPICS: Final[dict[str, TopicSpec]] = {
    spec.name: spec
    for spec in (
        TopicSpec(COMMANDS, "in", "account_id", "commands, from upstream services and from the scanner"),
        TopicSpec(CHANGED, "out", "account_id", "every change of a contract, with its full state after"),
        TopicSpec(EXPIRING, "out", "account_id", "contracts that will lapse unless somebody acts"),
        TopicSpec(RENEWAL_NOTICES, "out", "account_id", "one notice per contract and notice window"),
        TopicSpec(LIMIT_REACHED, "out", "account_id", "usage that crossed a threshold of a limit"),
        TopicSpec(COMMAND_RESULTS, "out", "account_id", "the outcome of each command"),
        TopicSpec(STATE, "out", "account_id", "the current contract of each account", compacted=True),
        TopicSpec(DEAD_LETTERS, "out", "original key", "records that are not commands, byte for byte"),
        TopicSpec(POSITIONS, "journal", "see exactly-once.md", "the service's own journal", compacted=True),
    )
}
"""Every topic by name, the input first."""

EVENT_TOPICS: Final = (CHANGED, EXPIRING, RENEWAL_NOTICES, LIMIT_REACHED, COMMAND_RESULTS, STATE)
"""Topics that may have fewer partitions than the command topic, if their number divides that number.

Not dead letters: their partition is that of the original record. Not the journal: it has one for each
    partition.
"""


def output_partition(home: int, partitions: int) -> int:
    """The partition with the events and results of the commands in the partition `home`.

    Its number divides that of the commands, so it is also the home of the account in that topic.
    """
    return home % partitions
