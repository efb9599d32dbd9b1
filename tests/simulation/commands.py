"""The commands of a schedule: mostly sound, with all that may stand in a log among them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from schemas.partitioning import murmur2_home
from tests.unit.engine.logs import COMMANDS, DAY, made, update

if TYPE_CHECKING:
    from tests.simulation.chaos import Chaos

_EACH: Final = 2
_PLAIN: Final = ("create", "set", "fee", "set in turn", "named")
_OTHERS: Final = (
    *COMMANDS,
    "rubbish",
    "unreadable",
    "misplaced",
    "misplaced",
    "no key",
    "no value",
    "poison",
)
_PLAIN_SHARE: Final = 0.6
_GAPS: Final = (0, 1, 1000, DAY, 40 * DAY)


@lru_cache
def accounts(partition: int, partitions: int) -> tuple[str, ...]:
    """Some accounts that are at home in a partition."""
    names = (f"account-{number}" for number in range(1000))
    at_home = [name for name in names if murmur2_home(name.encode(), partitions) == partition]
    return tuple(at_home[:_EACH])


def commands(chaos: Chaos) -> list[Any]:
    """All records that other services send, in the order in which they do; offsets come with the broker."""
    draw, partitions = chaos.random, chaos.sizes.partitions
    found = []
    at = 0
    for number in range(chaos.sizes.commands):
        partition = draw.randrange(partitions)
        at += draw.choice(_GAPS)
        first = number < 2 * partitions
        kind = "create" if first else draw.choice(_PLAIN if chaos.chance(_PLAIN_SHARE) else _OTHERS)
        found.append(
            one(
                kind,
                draw.choice(accounts(partition, partitions)),
                draw.randint(0, 200),
                at,
                partition,
                partitions,
            )
        )
    return found


def one(kind: str, account: str, number: int, at: int, partition: int, partitions: int) -> Any:
    """A record of a kind."""
    record = made(kind, account, number, 0, at)._replace(partition=partition)
    if kind.startswith("adopt"):  # whose an id is must not depend on which partition is faster
        record = record._replace(value=(record.value or b"").replace(b"old-7", b"old-%d" % partition))
    if kind == "misplaced":
        home = (partition + 1) % partitions
        record = record._replace(key=accounts(home, partitions)[0].encode())
    return record


def closing(chaos: Chaos, partition: int) -> Any:
    """The last command of a partition: a database that was set back is noticed with the next record."""
    account = accounts(partition, chaos.sizes.partitions)[0]
    return update(0, account, f"last-{partition}")._replace(partition=partition)
