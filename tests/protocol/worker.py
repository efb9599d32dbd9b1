"""A worker: what it remembers, and its steps, each of which asks one server once.

`TAKEOVER` is the protocol; the way of a batch is in batches.py. A step that is in doubt about its answer
ends the worker's life: it forgets everything and starts its producer anew.
"""

from collections.abc import Collection

from tests.protocol.broker import CLAIM, TOMBSTONE, Record
from tests.protocol.outbox import outbox, parts
from tests.protocol.reading import read, tail
from tests.protocol.rules import Harm

LANES = 2


class Worker:
    """One process's member of the group; its number is its transactional id."""

    __slots__ = (
        "alive",
        "claims",
        "draining",
        "ends",
        "epoch",
        "failures",
        "fenced",
        "finishing",
        "hidden",
        "id",
        "known",
        "lanes",
        "left",
        "life",
        "next",
        "others",
        "parts",
        "phase",
        "published",
        "publishing",
        "put_off",
        "read",
        "ready",
        "refused",
        "rest",
        "stored",
        "taking",
        "view",
    )  # fmt: skip

    def __init__(self, number: int, partitions: int):
        self.id, self.alive, self.life, self.epoch = number, True, 0, 0
        self.view: frozenset[int] = frozenset()  # what it believes to be assigned
        self.draining: frozenset[int] = frozenset()
        self.published = [0] * partitions  # C
        self.next = [0] * partitions  # P
        self.hidden: dict[int, tuple[int, int]] = {}  # partition: what hides the claim, the claim
        self.refused: frozenset[int] = frozenset()  # outputs of these, in the last takeover
        self.failures = self.rest = 0  # lives in a row that came to nothing; how long the next one waits
        self.forget(partitions)

    def forget(self, partitions: int) -> None:
        """What a life begins with."""
        self.phase = "start"
        self.ready: frozenset[int] = frozenset()
        self.left: frozenset[int] = frozenset()  # out of the takeover
        self.put_off: frozenset[int] = frozenset()  # of these, because of their outputs
        self.finishing = False  # it will take over what it left out, and stores nothing more
        self.taking: tuple[int, ...] = ()
        self.known: frozenset[int] = frozenset()  # of these, claimed and read for good
        self.lanes: list[tuple | None] = [None] * LANES
        self.stored: list[list[tuple[int, int]]] = [[] for _ in range(partitions)]  # and not yet published
        self.publishing: dict[
            int, tuple[int, int, int]
        ] = {}  # partition: outputs from, to, next of its progress
        self.parts: list[dict[int, tuple[int, int, int]]] = []  # of step 5: what is published after that
        self.fenced: dict[
            int, tuple[int, ...]
        ] = {}  # id: how far the journals were read before it was fenced
        self.others: tuple[int, ...] = ()
        self.claims: dict[int, int] = {}  # partition: offset of the newest claim
        self.ends: tuple[int, ...] = (0,) * partitions
        self.read: dict[int, tuple] = {}  # partition: C or None, keys of the claims read

    def take(self, partitions: Collection[int], phase: str) -> None:
        """Goes on taking these partitions over, if there are any."""
        self.taking = tuple(sorted(partitions))
        self.phase = phase if partitions else "work"

    @property
    def unread(self) -> list[int]:
        """What it takes over and has not read for good."""
        return [partition for partition in self.taking if partition not in self.known]


def start(world, worker, how, lag):
    """InitProducerId of its own id: nothing of an earlier life can be committed any more."""
    if not worker.view:
        return
    epoch = world.call(worker, how, ("initialise", worker.id))
    if epoch:
        worker.epoch = epoch
        _go_on(world, worker)


def _go_on(world, worker):
    if worker.ready and "take doubt for failure" in world.broken:
        worker.phase = "work"
    elif worker.publishing and "go on after a refusal" in world.broken:
        _put_off(world, worker)
    else:
        begin(world, worker)


def begin(world, worker):
    """Takes over what is assigned, not yet taken, and in reach."""
    worker.left |= world.out_of_reach(worker)
    worker.take(worker.view - worker.ready - worker.left, "claim positions")


def claim_positions(world, worker, how, lag):
    """In the database: kill the predecessor's sessions, be the owner; as often as a transaction holds it."""
    worker.known = frozenset()
    if world.call(worker, how, ("claim", worker.id, worker.life, worker.taking)):
        worker.phase = "read" if "read without a claim" in world.broken else "claim"


def claim(world, worker, how, lag):
    """A claim in each journal: a barrier for the read that follows, and what others find this worker by."""
    if world.decided(worker):
        return
    key = 0 if "claims under one key" in world.broken else worker.id
    partitions = worker.unread
    records = tuple((partition, Record(CLAIM, worker.id, key)) for partition in partitions)
    forgotten = _forgotten(world, worker)
    offsets = world.call(worker, how, ("produce", worker.id, worker.epoch, forgotten + records, ()))
    if offsets:
        worker.claims |= zip(partitions, offsets[len(forgotten) :], strict=True)
        worker.phase = "commit claim"
    elif offsets is False:
        world.doubt(worker)


def _forgotten(world, worker):
    if "forget without a progress" not in world.broken:
        return ()
    journals = world.broker.journal
    return tuple(
        (partition, Record(TOMBSTONE, worker.id, key))
        for partition in worker.taking
        for key in tail(world, partition, len(journals[partition]), None)[3]
    )


def commit_claim(world, worker, how, lag):
    answer = world.call(worker, how, ("commit", worker.id, worker.epoch, lag > 0))
    if answer:
        worker.phase = "read"
    elif answer is False:
        world.doubt(worker)


def fence(world, worker, how, lag):
    """Ends the epoch of one of the others; after the last one, claims and looks again."""
    other = worker.others[0]
    if not world.call(worker, how, ("initialise", other)):
        return
    worker.others = worker.others[1:]
    worker.fenced[other] = worker.ends
    if not worker.others:
        worker.phase = _after_fencing(world.broken)


def _after_fencing(broken):
    if "do not look again" in broken:
        return "read positions"
    return "read" if "keep the first claim" in broken or "read without a claim" in broken else "claim"


def read_positions(world, worker, how, lag):
    """Where the database stands, against the journal; what is to be published of the outbox."""
    positions = {partition: world.database.positions[partition] for partition in worker.taking}
    mine = all((one.owner, one.life) == (worker.id, worker.life) for one in positions.values())
    if not mine and "publish for another" not in world.broken:
        worker.phase = "claim positions"
        return
    for partition, position in positions.items():
        _compare(world, worker, partition, position)
    _put_off(world, worker)
    worker.publishing, *worker.parts = parts(world, worker.publishing, positions)
    if "store before C exists" in world.broken:
        worker.phase = (
            "publish outputs" if any(a < b for a, b, _ in worker.publishing.values()) else "committed"
        )


def _put_off(world, worker):
    """Leaves out what was refused in the last life: with it, the others would be refused again."""
    put_off, worker.refused = worker.refused.intersection(worker.taking), frozenset()
    if "publish with what is refused" in world.broken:
        put_off = frozenset()
    worker.put_off |= put_off
    worker.left |= put_off
    for partition in put_off:
        _, end, following = worker.publishing.pop(partition)
        if "write the progress of what is refused" in world.broken:
            worker.publishing[partition] = (end, end, following)
    worker.take(set(worker.taking) - put_off, "publish outputs")


def _compare(world, worker, partition, position):
    told = worker.read[partition][0]
    if told is None and position.slots:
        raise Harm(f"partition {partition} stops: its position moved, and the journal knows of none")
    done = position.told if "take C from the database" in world.broken else told or 0
    begin_at = outbox(world, partition, position, done)
    worker.published[partition], worker.next[partition] = done, position.next
    told_next = position.next if "turn back the progress" in world.broken else max(done, position.next)
    worker.publishing[partition] = (begin_at, position.next, told_next)


TAKEOVER = {
    "start": start,
    "claim positions": claim_positions,
    "claim": claim,
    "commit claim": commit_claim,
    "read": read,
    "fence": fence,
    "read positions": read_positions,
}
