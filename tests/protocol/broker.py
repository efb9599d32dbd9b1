"""The log: epochs, transactions and, for each partition, the journal and the count of what was published.

Outputs are numbers: output n of a partition is what came of its input n. So a topic of outputs is right if
0, 1, 2 … are committed in this order, each once; only how far it got is kept.
"""

from typing import NamedTuple

from tests.protocol.rules import Harm

OPEN, COMMITTED = "open", "committed"
PROGRESS, RELEASE, CLAIM, TOMBSTONE = "progress", "release", "claim", "tombstone"
FOREIGN = "foreign"
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
    """What a producer has open: where its records lie, and how it ends once that is decided."""

    __slots__ = ("commits", "outputs", "records")

    def __init__(self):
        self.commits: bool | None = None  # None: not decided yet
        self.records: list[tuple[int, int | None]] = []  # partition, offset in the journal; None: not written
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
        self.leaderless: set[int] = set()  # partitions whose journal takes neither records nor markers
        self.refusing: set[int] = set()  # partitions of which it takes no outputs
        self.foreign: dict[int, int] = {}  # partition: offset of another program's open transaction

    def initialise(self, who: int) -> int:
        """InitProducerId: settles what the id had open, then its old epoch is refused.

        0: it cannot be settled, because a marker cannot be written; to be asked again.
        """
        transaction = self.transactions[who]
        if transaction is not None:
            if transaction.commits is None:
                transaction.commits = False
                self.epochs[who] += 1
            self._close(who, transaction)
            if transaction.records:
                return 0
        self.epochs[who] += 1
        return self.epochs[who]

    def produce(self, who: int, epoch: int, records: tuple, outputs: tuple) -> list[int] | bool | set[int]:
        """Appends; the offsets of the journal's records, or who refuses outputs. The first record begins it,
        also one for a partition without a leader: its end waits for a marker there."""
        transaction = self.transactions[who]
        if epoch != self.epochs[who] or (transaction is not None and transaction.commits is not None):
            return False
        if refused := self.refusing & {partition for partition, _ in outputs}:
            return refused
        if transaction is None:
            transaction = self.transactions[who] = Transaction()
        for partition, number in outputs:
            transaction.outputs.append((partition, self.written[partition], number))
            self.written[partition] += 1
        offsets = [self._append(transaction, partition, record) for partition, record in records]
        return False if None in offsets else offsets

    def _append(self, transaction: Transaction, partition: int, record: Record) -> int | None:
        log = self.journal[partition]
        offset = None if partition in self.leaderless else len(log)
        transaction.records.append((partition, offset))
        if offset is not None:
            log.append(record)
        return offset

    def commit(self, who: int, epoch: int, *, slow: bool) -> bool:
        """EndTxn: decided at once; the markers, partition by partition, now or later."""
        transaction = self.transactions[who]
        if epoch != self.epochs[who] or transaction is None or transaction.commits is not None:
            return False
        for output in transaction.outputs:
            self._publish(*output)
        for partition, offset in transaction.records:
            if offset is not None:
                self._check(partition, self.journal[partition][offset], epoch)
        transaction.commits = True
        if not slow:
            self._close(who, transaction)
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
        """One marker of a decided transaction arrives, at the first partition that can take one."""
        transaction = self.transactions[who]
        if transaction is None or transaction.commits is None:
            return False
        first = next((one for one, _ in transaction.records if one not in self.leaderless), None)
        self._end(who, transaction, {first})
        return True

    def _close(self, who: int, transaction: Transaction) -> None:
        self._end(who, transaction, {one for one, _ in transaction.records} - self.leaderless)

    def _end(self, who: int, transaction: Transaction, partitions: set[int | None]) -> None:
        """Writes the markers in these partitions."""
        for partition, offset in transaction.records:
            if partition in partitions and offset is not None:
                log = self.journal[partition]
                log[offset] = log[offset]._replace(state=COMMITTED) if transaction.commits else None
        transaction.records = [place for place in transaction.records if place[0] not in partitions]
        if not transaction.records:
            self.transactions[who] = None

    def stable(self, partition: int, end: int) -> int:
        """Where the first record of an open transaction lies: what is committed is told up to there."""
        for offset, record in enumerate(self.journal[partition][:end]):
            if record is not None and record.state is OPEN:
                return offset
        return end
