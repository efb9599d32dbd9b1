"""Compares what positions count: contracts by type and status, monthly revenue, and its movements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.operator.differences import MISSING, Difference, difference
from consumer.storage import movements
from consumer.storage.mongo_revenue import positions_and_movements
from consumer.storage.position_documents import position_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consumer.storage.mongo import MongoStore
    from consumer.storage.protocols import Position

POSITIONS: Final = "positions"

_SECONDS: Final = 600.0


class Tallies:
    """The positions of one topic, and what they count, at one moment.

    `of_movements`: the documents of the movements by id, for each partition.
    """

    def __init__(
        self, positions: Mapping[str, Position], of_movements: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.positions = positions
        self.of_movements = of_movements

    @classmethod
    async def of(cls, store: MongoStore, topic: str) -> Tallies:
        """Those of a database.

        Raises:
            ServiceUnavailable: MongoDB does not answer.
        """
        documents, found = await positions_and_movements(store.client, store.database, _SECONDS)
        positions = {
            each["_id"]: position_from(each) for each in documents if _topic_of(each["_id"]) == topic
        }
        by_partition: dict[str, dict[str, Any]] = {name: {} for name in positions}
        for document in found:
            if document["partition"] in by_partition:
                by_partition[document["partition"]][document["_id"]] = document
        return cls(positions, by_partition)


class TallyComparison:
    """Compares tallies of the service and of the shadow at the same positions.

    A difference here has no command of its own. Its offset is the position where it was counted.
    """

    def __init__(self, made: Tallies, would: Tallies) -> None:
        self._made = made
        self._would = would
        self.compared = 0
        self.uncounted: list[int] = []
        """Partitions where the service began to count later than the shadow: an older release was first."""

    def run(self) -> list[Difference]:
        """All differences."""
        return [found for name in sorted(self._made.positions) for found in self._of(name)]

    def _of(self, name: str) -> Iterator[Difference]:
        made, would = self._made.positions[name], self._would.positions[name]
        _, number = made.topic_partition
        if _start(made) != _start(would):
            self.uncounted.append(number)
            return
        at = made.base() + made.next - 1
        pairs = {(POSITIONS, name): (_counts(made), _counts(would))}
        ours, others = self._made.of_movements[name], self._would.of_movements[name]
        for identity in sorted({*ours, *others}):
            pair = _sorted(ours.get(identity, MISSING)), _sorted(others.get(identity, MISSING))
            pairs[movements.COLLECTION, identity] = pair
        for (what, identity), pair in pairs.items():
            self.compared += 1
            if found := difference(what, identity, number, at, pair):
                yield found


def _topic_of(name: str) -> str:
    return name.rpartition("/")[0]


def _start(position: Position) -> int | None:
    """Where counting began: releases that did not count movements had no chain, either."""
    return position.chain and position.chain.start


def _counts(position: Position) -> dict[str, Any]:
    return {"tallies": {label: count for label, count in sorted(position.tallies.items()) if count}}


def _sorted(value: Any) -> Any:
    """Fields by name: they are stored in the order in which they came."""
    return {name: _sorted(value[name]) for name in sorted(value)} if isinstance(value, dict) else value
