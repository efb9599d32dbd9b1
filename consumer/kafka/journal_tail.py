"""The end of a partition's journal, as it is read: the last progress, and who may still write behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.errors import ForeignTransaction, JournalDamaged, JournalForeign, RecordDamaged
from consumer.kafka.journal_entries import Claim, Entry, Forgotten, Progress, Release, entry_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from consumer.errors import PositionError
    from consumer.kafka.fetcher import Fetched


class Tail(NamedTuple):
    """The end of a partition's journal, read back to a claim of this worker.

    `rivals` are the workers that may still have an open transaction, each with its last offset. `is_last`: no
    record of another worker follows the claim, which was read. `claims`: the workers of all claims that were
    read; the next progress makes these claims unnecessary. `problem`: why the end cannot be known.
    """

    progress: Progress | None
    rivals: Mapping[str, int]
    is_last: bool
    claims: Collection[str] = ()
    problem: PositionError | None = None


class Hidden(NamedTuple):
    """A partition whose end cannot be read: another program's open transaction is before the claim."""

    start: int
    """The offset of that transaction's first record: the last stable offset while it is open."""
    error: ForeignTransaction


End = Tail | Hidden
"""What reading back to a claim finds."""


class Window:
    """The journal of one partition from `start` on, as far as it is read.

    Args:
        topic_partition: topic and partition.
        claim: offset of the claim of `worker`, which must be read.

    Attributes:
        at: the offset to read next.
        stable: the last stable offset in the last answer.
        waits: whether nothing more can be read until an open transaction ends; it begins at `stable`.
        is_contested: whether another worker's transaction may be open before the claim.
    """

    def __init__(self, topic_partition: tuple[str, int], start: int, claim: int, worker: str) -> None:
        self.start = start
        self.claim = claim
        self.at = start
        self.stable = start
        self.waits = False
        self.is_contested = False
        self._topic_partition = topic_partition
        self._worker = worker
        self._end = claim + 1
        self._progress: Progress | None = None
        self._rivals: dict[str, int] = {}
        self._claims: set[str] = set()
        self._is_claimed = not worker
        self._is_last = True
        self._is_lost = False
        self._hidden: Hidden | None = None
        self._problem: PositionError | None = None

    def again(self) -> Window:
        """The same window, of which nothing is read."""
        return Window(self._topic_partition, self.start, self.claim, self._worker)

    @property
    def is_read(self) -> bool:
        """Whether everything is read that can be read."""
        return self.at >= self._end or self._hidden is not None

    @property
    def is_damaged(self) -> bool:
        """Whether damaged records follow the last progress."""
        return self._hidden is None and isinstance(self._problem, JournalDamaged)

    @property
    def suffices(self) -> bool:
        """Whether nothing before the window matters. One that is not the last word is read again anyway."""
        is_known = self._hidden is not None or self._problem is not None or self._progress is not None
        return is_known or not (self._is_last and self._is_claimed)

    def read(self, found: Fetched | RecordDamaged) -> bool:
        """Takes in what comes next of the committed records. False: there was nothing."""
        at, self.at = self.at, following(found)
        if isinstance(found, RecordDamaged):
            self.note_damage(at)
            return True
        nothing = found.next <= at
        self.stable = found.stable
        self._is_lost = nothing and at < found.stable
        self.waits = nothing and at >= found.stable
        if nothing:
            return False
        for record in found.records:
            try:
                entry = entry_of(record.key, record.value)
            except ValueError:
                self._problem = JournalForeign(*self._topic_partition, offset=record.offset)
                continue
            self._take(entry, record.offset)
        # To the end that this answer tells: if compaction has removed a record, the one that replaces it is
        # before this end.
        self._end = max(self.claim + 1, found.stable)
        return True

    def _take(self, entry: Entry | Forgotten, offset: int) -> None:
        match entry:
            case Progress():
                # The worker that wrote it has already ended the transactions of the claims before it.
                self._progress, self._rivals, self._problem = entry, {entry.by: offset}, None
            case Release():
                self._progress = Progress(entry.next, entry.generation, entry.by)
                self._rivals.pop(entry.by, None)
            case Claim():
                self._rivals[entry.by] = offset
                self._claims.add(entry.by)
                self._is_claimed |= offset == self.claim and entry.by == self._worker
            case Forgotten():
                self._claims.discard(entry.worker)
                return
        if offset > self.claim and entry.by != self._worker:
            self._is_last = False

    def overhear(self, authors: Iterable[Author]) -> None:
        """Takes in who wrote records from `stable` on, which may not be committed."""
        for offset, name in authors:
            # The first one is of the transaction that hides the others.
            if offset == self.stable and name is None:
                self._hidden = Hidden(offset, ForeignTransaction(*self._topic_partition, offset))
            if name is not None:
                self._rivals[name] = offset
                self.is_contested |= name != self._worker

    def note_lost(self) -> None:
        """Counts as damaged what the broker has, but does not find: the length of a batch is wrong."""
        if self._is_lost:
            self.note_damage(self.at)

    def note_damage(self, offset: int) -> None:
        """There is damage at this offset."""
        self._problem = JournalDamaged(*self._topic_partition, offset=offset)

    def end(self) -> End:
        """The end of the partition."""
        rivals = {name: offset for name, offset in self._rivals.items() if name != self._worker}
        is_last = self._is_last and self._is_claimed
        tail = Tail(self._progress, rivals, is_last, frozenset(self._claims), self._problem)
        return self._hidden or tail


class Author(NamedTuple):
    """Who wrote the record at an offset; None: another program."""

    offset: int
    name: str | None


def authors_of(found: Fetched) -> Iterator[Author]:
    """Of these records; a tombstone has none, but the progress after it has."""
    for record in found.records:
        try:
            entry = entry_of(record.key, record.value)
        except ValueError:
            yield Author(record.offset, None)
            continue
        if not isinstance(entry, Forgotten):
            yield Author(record.offset, entry.by)


def following(found: Fetched | RecordDamaged) -> int:
    """The offset to read next. Where the end of damage is not known, it may lie within the damage."""
    if not isinstance(found, RecordDamaged):
        return found.next
    return found.offset + 1 if found.after is None else found.after
