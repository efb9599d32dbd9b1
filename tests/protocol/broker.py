"""The log: epochs, transactions and, for each partition, the journal and the count of what was published.

Outputs are numbers: output n of a partition is what came of its input n. So a topic of outputs is right if
0, 1, 2 … are committed in this order, each once; only how far it got is kept.
"""

from typing import NamedTuple

from tests.protocol.rules import Harm

OPEN, COMMITTED = "open", "committed"
PROGRESS, RELEASE, CLAIM, TOMBSTONE = "progress", "release", "claim", "tombstone"
POSITIONS = (PROGRESS, RELEASE)


class Record(NamedTuple):
    """A record of the journal; `value` is the next input of a position, or what a claim's key ends with.

    `gone`: how far the log was stable when compaction took this record away. Whoever sees the compacted log
    is told an end at least as far; an answer that ends before it was given before the compaction.
    """

    kind: str
    by: int
    value: int
    state: str = OPEN
    gone: int | None = None


class Transaction:
    """What a producer has open: where its records lie, and whether its commit is decided."""

    __slots__ = ("decided", "outputs", "records")

    def __init__(self):
        self.decided = False
        self.records: list[tuple[int, int]] = []  # partition, offset in the journal
        self.outputs: list[tuple[int, int, int]] = []  # partition, offset, input


class Broker:
    """Answers False where the real one answers with an error."""

    def __init__(self, partitions: int, ids: int):
        self.epochs = [0] * ids
        self.transactions: list[Transaction | None] = [None] * ids
        self.journal: list[list[Record | None]] = [[] for _ in range(partitions)]  # None: aborted, compacted
        self.written = [0] * partitions  # outputs, committed or not
        self.published = [0] * partitions
        self.last = [-1] * partitions  # offset of the last committed output
        self.holders: list[tuple[int, int] | None] = [None] * partitions  # who publishes, in which epoch

    def initialise(self, who: int) -> int:
        """InitProducerId: settles what the id had open, then its old epoch is refused."""
        transaction = self.transactions[who]
        if transaction is not None:
            self._close(who, transaction, commit=transaction.decided)
        self.epochs[who] += 1
        return self.epochs[who]

    def produce(self, who: int, epoch: int, records: tuple, outputs: tuple) -> list[int] | bool:
        """Appends; the offsets of the journal's records. A transaction begins with its first record."""
        transaction = self.transactions[who]
        if epoch != self.epochs[who] or (transaction is not None and transaction.decided):
            return False
        if transaction is None:
            transaction = self.transactions[who] = Transaction()
        for partition, number in outputs:
            transaction.outputs.append((partition, self.written[partition], number))
            self.written[partition] += 1
        return [self._append(transaction, partition, record) for partition, record in records]

    def _append(self, transaction: Transaction, partition: int, record: Record) -> int:
        log = self.journal[partition]
        transaction.records.append((partition, len(log)))
        log.append(record)
        return len(log) - 1

    def commit(self, who: int, epoch: int, *, slow: bool) -> bool:
        """EndTxn: decided at once; the markers, partition by partition, now or later."""
        transaction = self.transactions[who]
        if epoch != self.epochs[who] or transaction is None or transaction.decided:
            return False
        for output in transaction.outputs:
            self._publish(*output)
        for partition, offset in transaction.records:
            self._check(partition, self.journal[partition][offset], epoch)
        transaction.decided = True
        if not slow:
            self._close(who, transaction, commit=True)
        return True

    def _publish(self, partition: int, offset: int, number: int) -> None:
        expected = self.published[partition]
        if number != expected:
            what = "twice" if number < expected else f"without {expected}"
            raise Harm(f"output {number} of partition {partition} is published {what}")
        if offset < self.last[partition]:
            raise Harm(f"output {number} of partition {partition} lies before an earlier one")
        self.published[partition], self.last[partition] = expected + 1, offset

    def _check(self, partition: int, record: Record, epoch: int) -> None:
        published, holder = self.published[partition], self.holders[partition]
        if record.kind not in POSITIONS:
            return
        if record.value != published:
            raise Harm(
                f"{record.kind} {record.value} of partition {partition}, where {published} are published"
            )
        if holder is not None and holder[0] != record.by and self.epochs[holder[0]] == holder[1]:
            raise Harm(f"{record.by} publishes for partition {partition}, and {holder[0]} still could")
        self.holders[partition] = None if record.kind is RELEASE else (record.by, epoch)

    def mark(self, who: int) -> bool:
        """One marker of a decided transaction arrives, at the partition of its first record."""
        transaction = self.transactions[who]
        if transaction is None or not transaction.decided:
            return False
        first = transaction.records[0][0] if transaction.records else None
        self._mark([place for place in transaction.records if place[0] == first], commit=True)
        transaction.records = [place for place in transaction.records if place[0] != first]
        if not transaction.records:
            self.transactions[who] = None
        return True

    def _close(self, who: int, transaction: Transaction, *, commit: bool) -> None:
        self._mark(transaction.records, commit=commit)
        self.transactions[who] = None

    def _mark(self, places: list[tuple[int, int]], *, commit: bool) -> None:
        for partition, offset in places:
            log = self.journal[partition]
            record = log[offset]
            log[offset] = record._replace(state=COMMITTED) if commit else None

    def stable(self, partition: int, end: int) -> int:
        """Where the first record of an open transaction lies: what is committed is told up to there."""
        for offset, record in enumerate(self.journal[partition][:end]):
            if record is not None and record.state is OPEN:
                return offset
        return end

    def compact(self, partition: int) -> None:
        """Keeps the last record of each key, and no tombstone, below the last stable offset."""
        log, seen = self.journal[partition], set()
        stable = self.stable(partition, len(log))
        for offset in range(stable - 1, -1, -1):
            record = log[offset]
            if record is None:
                continue
            key = "position" if record.kind in POSITIONS else (CLAIM, record.value)
            if record.kind is TOMBSTONE:
                log[offset] = None
            elif key in seen and record.gone is None:
                log[offset] = record._replace(gone=stable)
            seen.add(key)
