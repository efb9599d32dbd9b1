"""The database: positions with owner and outbox, transactions that hold what they write, a backup to go back
to.

What a batch does to the state is not modelled: it is a function of the state at `next` and of the inputs,
and it is stored together with the position. So the state is right if no batch is applied to any other
`next` than its own.
"""

from typing import NamedTuple

from tests.protocol.rules import Harm


class Position(NamedTuple):
    """Who works on a partition, how far it is applied, and the inputs of the last two batches."""

    owner: int | None = None
    life: int = 0
    next: int = 0
    slots: tuple[tuple[int, int], ...] = ()
    told: int = 0  # what was published, as the database knows it; only mutants believe it


class Database:
    """Answers False where the real one finds no document, or one that another transaction holds."""

    def __init__(self, partitions: int, broken: frozenset[str]):
        self.broken = broken
        self.positions = [Position()] * partitions
        self.open: dict[
            tuple[int, int, int], tuple
        ] = {}  # session: (partition, start, end, told) of its batches
        self.saved = tuple(self.positions)
        self.former: list[int | None] = [None] * partitions  # whom the last claim found; only mutants ask

    def claim(self, who: int, life: int, partitions: tuple[int, ...]) -> bool:
        """Kills the sessions that the positions name, then makes `who` the owner, if nobody holds them."""
        for partition in partitions:
            self._kill(self.positions[partition], who, life)
        if any(self._held(partition) for partition in partitions):
            return False
        for partition in partitions:
            self.former[partition] = self.positions[partition].owner
            self.positions[partition] = self.positions[partition]._replace(owner=who, life=life)
        return True

    def _kill(self, position: Position, who: int, life: int) -> None:
        if "kill no session" in self.broken or (position.owner, position.life) == (who, life):
            return
        for lane in (0,) if "kill one lane" in self.broken else (0, 1):
            self.open.pop((position.owner, position.life, lane), None)

    def _held(self, partition: int) -> bool:
        return any(batch[0] == partition for batches in self.open.values() for batch in batches)

    def store(self, session: tuple[int, int, int], batches: tuple) -> bool:
        """Runs a batch's writes in a transaction, which stays open."""
        if session in self.open or not all(self._matches(session, batch) for batch in batches):
            return False
        if any(self._held(batch[0]) for batch in batches):
            return False
        self.open[session] = batches
        return True

    def _matches(self, session: tuple[int, int, int], batch: tuple) -> bool:
        position, who, life = self.positions[batch[0]], session[0], session[1]
        mine = position.owner == who and (position.life == life or "owner without life" in self.broken)
        fits = position.next == batch[1] or "no next in the filter" in self.broken
        return fits and (mine or "no owner in the filter" in self.broken)

    def end(self, session: tuple[int, int, int]) -> bool:
        """Commits the transaction of a session."""
        batches = self.open.pop(session, None)
        for partition, start, end, told in batches or ():
            position = self.positions[partition]
            if position.next != start:
                raise Harm(f"a batch from {start} on is applied to the state at {position.next}")
            slots = (*position.slots[-1:], (start, end))
            self.positions[partition] = position._replace(next=end, slots=slots, told=told)
        return batches is not None

    def free(self, who: int, life: int, partitions: tuple[int, ...]) -> bool:
        """Takes the owner out of positions that it releases."""
        found = [self.positions[partition] for partition in partitions]
        if any((one.owner, one.life) != (who, life) for one in found) or any(map(self._held, partitions)):
            return False
        for partition, position in zip(partitions, found, strict=True):
            self.positions[partition] = position._replace(owner=None, life=0)
        return True

    def backup(self) -> None:
        self.saved = tuple(self.positions)

    def restore(self) -> None:
        """Goes back to the backup; no session survives it."""
        self.positions = list(self.saved)
        self.open.clear()
