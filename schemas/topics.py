"""The topics: their names and what is in them, once."""

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


COMMANDS: Final = "contracts.commands"
CHANGED: Final = "contracts.changed"
EXPIRING: Final = "contracts.expiring"
RENEWAL_NOTICES: Final = "contracts.renewal-notices"
LIMIT_REACHED: Final = "contracts.limit-reached"
COMMAND_RESULTS: Final = "contracts.command-results"
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
        TopicSpec(COMMAND_RESULTS, "out", "account_id", "one per command: what became of it"),
        TopicSpec(DEAD_LETTERS, "out", "original key", "records that are not commands, byte for byte"),
        TopicSpec(POSITIONS, "journal", "see exactly-once.md", "the service's own journal, compacted"),
    )
}
"""Every topic by name, the input first."""

EVENT_TOPICS: Final = (CHANGED, EXPIRING, RENEWAL_NOTICES, LIMIT_REACHED, COMMAND_RESULTS)
"""May have fewer partitions than the commands, a number that divides theirs.

Dead letters may not: theirs tells where they came from. The journal tells of each partition by itself.
"""


def output_partition(home: int, partitions: int) -> int:
    """Where the events and results of the commands in the partition `home` lie, among so many.

    Since the number divides that of the commands, it is the account's own home there, too.
    """
    return home % partitions
